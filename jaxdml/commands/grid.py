"""Trains, evaluates and reports every point of a grid that is not finished.

jaxdml grid --config=digits_grid --workdir=runs/grid [--dry_run]
"""

from pathlib import Path
from typing import NoReturn

from absl import flags

from jaxdml.commands import cli
from jaxdml.commands.cli import leftovers, reporting
from jaxdml.runs.execution import estimate, execute
from jaxdml.runs.execution.chunk_trainer import ChunkTrainer
from jaxdml.runs.planning import description, grid, plan, splits
from jaxdml.runs.storage import folder, questions

OWN = flags.FlagValues()
DRY_RUN = flags.DEFINE_bool(
    "dry_run",
    False,
    "Print the plan, memory and time by a few steps of each cohort.",
    flag_values=OWN,
)
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
        run_folder = folder.Folder(Path(cli.WORKDIR.value)) if cli.WORKDIR.value else None
        load = cli.loader(*([run_folder] if run_folder else []))
        points = splits.with_folds(points, load)
        pending = [p for p in points if run_folder is None or run_folder.result(p.id) is None]
        planned = plan.plan(pending, load)
        print(description.describe(planned))
        if len(pending) < len(points):
            print(f"{len(points) - len(pending)} of {len(points)} points are finished already")
        for line in estimate.lines(planned, ChunkTrainer(folder.Folder(Path()), load)):
            print(line, flush=True)
        return
    workdir = cli.workdir()
    data_dir = cli.data_dir(folder.Folder(workdir))
    with leftovers.removed(workdir):
        run_folder = execute.run(base, over, workdir, data_dir, SCHEDULER.value)
    questions.write(run_folder, study_questions)
    reporting.write_and_print(run_folder)


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.define_config()
    cli.main(main, OWN, required=("config", "workdir"))
