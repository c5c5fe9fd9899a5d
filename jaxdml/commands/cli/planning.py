"""What `--dry_run` prints: the plan of points that are not trained yet, and what it would take."""

from collections.abc import Sequence
from pathlib import Path

from jaxdml.commands import cli
from jaxdml.runs.execution import estimate
from jaxdml.runs.execution.chunk_trainer import ChunkTrainer
from jaxdml.runs.planning import description, plan, splits
from jaxdml.runs.planning.points import GridPoint
from jaxdml.runs.storage import folder

DRY_RUN = "Print the plan, memory and time by a few steps of each cohort; train nothing."


def print_plan(points: Sequence[GridPoint]) -> None:
    """Prints cohorts, memory and time of the points that `--workdir` does not hold finished."""
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
