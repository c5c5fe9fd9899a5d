"""Trains, evaluates and reports one point.

jaxdml train --config=digits --workdir=runs/one [--dry_run]

A training can begin with what another has learned, as after more labels were given:

jaxdml train --config=digits --workdir=runs/two --warm_start=runs/one

Or a finished one is trained further in its own run folder, at the learning rate of its last step:

jaxdml train --workdir=runs/one --extend=10
"""

import sys
from pathlib import Path
from typing import Any, NoReturn

from absl import flags

from jaxdml.commands import cli
from jaxdml.commands.cli import leftovers, planning, reporting
from jaxdml.options import ConfigError
from jaxdml.runs.execution import execute, finished
from jaxdml.runs.planning import extension, grid
from jaxdml.runs.storage import files, folder, opening
from jaxdml.settings.fields import WARM_START, assign

OWN = flags.FlagValues()
DRY_RUN = flags.DEFINE_bool("dry_run", False, planning.DRY_RUN, flag_values=OWN)
BEGIN = flags.DEFINE_string(
    "warm_start",
    None,
    "A run whose network this one begins with; of a run of several points one, RUN/points/ID.",
    flag_values=OWN,
)
EXTEND = flags.DEFINE_integer(
    "extend",
    None,
    "So many epochs more for the point of --workdir, or steps where these are counted.",
    flag_values=OWN,
)
POINT = flags.DEFINE_string(
    "point", "", "Of --extend: the id of a finished point, or its start.", flag_values=OWN
)


def main() -> None:
    """One point: the grid of nothing but the base configuration; or a point further."""
    base, over = _further(cli.workdir()) if EXTEND.value is not None else (_base(), ({},))
    if DRY_RUN.value:
        planning.print_plan(grid.expand(base, over))
        return
    workdir = cli.workdir()
    data_dir = cli.data_dir(folder.Folder(workdir))
    with leftovers.removed(workdir):
        run_folder = execute.run(base, over, workdir, data_dir)
    reporting.remember_command(run_folder)
    reporting.write_and_print(run_folder)
    if base["data.name"] == "images":
        print(
            f"\nnames for new photos: jaxdml predict --workdir={workdir} --input=FOLDER "
            "--output=names.csv"
        )


def _base() -> dict[str, Any]:
    """The configuration, with the point that it begins with."""
    base = cli.config()
    if cli.has_grid():
        print("note: the file has a grid; the command grid trains all of it", file=sys.stderr)
    if POINT.value:
        raise ConfigError("--point says which point --extend trains further: leave it out")
    if BEGIN.value is not None:
        base = assign(base, {WARM_START: str(opening.point_folder(Path(BEGIN.value)))})
    cli.note_unread(grid.expand(base, ({},)))
    return base


def _further(workdir: Path) -> tuple[dict[str, Any], grid.Grid]:
    """The configuration of a run, and the grid of one more point of it."""
    if BEGIN.value:
        raise ConfigError("--extend goes on in --workdir itself: leave --warm_start out")
    if flags.FLAGS["config"].present:
        raise ConfigError("--extend trains as the run of --workdir was trained: leave --config out")
    run_folder = opening.existing(workdir)
    result = opening.chosen(run_folder, POINT.value)
    setting = finished.stored_point(run_folder, result).setting
    parent, steps = str(run_folder.point(result["point"])), sum(result["steps"].values())
    paths = run_folder.plan()["grid_paths"]
    over = extension.extension(setting, parent, paths, EXTEND.value, steps)
    return files.read_json(workdir / "config.json"), (over,)


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.define_config()
    cli.main(main, OWN, required=("workdir", "config"))
