"""Trains, evaluates and reports every point of a grid that is not finished.

jaxdml grid --config=digits_grid --workdir=runs/grid [--dry_run]
"""

from typing import NoReturn

from absl import flags

from jaxdml.commands import cli
from jaxdml.commands.cli import leftovers, planning, reporting
from jaxdml.runs.execution import execute
from jaxdml.runs.planning import grid
from jaxdml.runs.storage import folder, questions

OWN = flags.FlagValues()
DRY_RUN = flags.DEFINE_bool("dry_run", False, planning.DRY_RUN, flag_values=OWN)
SCHEDULER = flags.DEFINE_string(
    "scheduler",
    None,
    "A Dask scheduler, like tcp://host:8786, or local:2 for two workers here.",
    flag_values=OWN,
)


def main() -> None:
    """The grid that the configuration file's `get_grid()` gives."""
    base = cli.config()
    over, study_questions = cli.grid(), cli.study_questions(base)
    points = grid.expand(base, over)
    cli.note_unread(points)
    if DRY_RUN.value:
        planning.print_plan(points)
        return
    workdir = cli.workdir()
    data_dir = cli.data_dir(folder.Folder(workdir))
    with leftovers.removed(workdir):
        run_folder = execute.run(base, over, workdir, data_dir, SCHEDULER.value)
    questions.write(run_folder, study_questions)
    reporting.remember_command(run_folder)
    reporting.write_and_print(run_folder)


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.define_config()
    cli.main(main, OWN, required=("config", "workdir"))
