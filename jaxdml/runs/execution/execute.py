"""Carries out a grid in a run folder, and scores a finished one again."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from jaxdml.runs import interrupt
from jaxdml.runs.execution import checkpoints, cluster
from jaxdml.runs.execution import finished as starts
from jaxdml.runs.execution.chunk_trainer import Chunk, ChunkTrainer, Size
from jaxdml.runs.execution.rescoring import score_again
from jaxdml.runs.planning import description, grid, loading, splits
from jaxdml.runs.planning import plan as planning
from jaxdml.runs.planning.points import Cohort, GridPoint, with_stored_ids
from jaxdml.runs.progress import Reporter
from jaxdml.runs.scoring.scorer import Scorer
from jaxdml.runs.storage import folder, mending
from jaxdml.settings import base as bases
from jaxdml.settings.fields import flatten
from jaxdml.settings.setting import dataset_name


def run(
    base: Mapping[str, Any],
    over: grid.Grid,
    workdir: Path,
    data_dir: Path,
    scheduler: str | None = None,
) -> folder.Folder:
    """Trains and evaluates every point of a grid that is not finished yet.

    Args:
      base: the base configuration, nested.
      over: the grid; `({},)` is the base itself.
      workdir: the run folder. The same call continues where an earlier one stopped; a larger grid
        over the same base adds its points.
      data_dir: the folder that holds the data sets.
      scheduler: of a Dask cluster that does the work, like `tcp://host:8786`, or `local:N` for N
        processes here; `None`: this process does it.

    Raises:
      ConfigError: for anything that the user can mend.
      Stopped: after SIGTERM or Ctrl-C, with everything saved.
    """
    points, paths = grid.expand(base, over), grid.paths(over)
    run_folder = folder.Folder(workdir)
    with run_folder.locked():
        remade = mending.mend(run_folder, flatten(base), [point.id for point in points])
        checkpoints.drop_damaged(run_folder.checkpoints)
        run_folder.check(flatten(base), bases.differing)
        load = loading.loader(data_dir, run_folder.plan())
        points = with_stored_ids(splits.with_folds(points, load), run_folder.plan()["points"])
        if any(point.setting["data.fold"] is not None for point in points):
            paths = [*paths, "data.fold"]
        finished = frozenset(p.id for p in points if run_folder.result(p.id) is not None)
        planned = points if remade or len(finished) < len(points) else ()
        plan = planning.plan(planned, load, finished)
        run_folder.check_data(plan.data)
        run_folder.claim(flatten(base))
        remember(run_folder, points, paths, plan, data_dir)
        left = [
            members
            for members in plan.cohorts
            if not finished.issuperset(point.id for point in members.points)
        ]
        if len(finished) < len(points):
            training = [p for members in left for p in members.points if p.id not in finished]
            epochs = sum(point.setting.epochs for point in training)
            beginnings = starts.notes(training, load)
            with (
                Reporter(len(points), len(finished), epochs) as progress,
                interrupt.heeded(progress.note) as stop,
            ):
                for note in [*description.notes_of(plan), *beginnings]:
                    progress.note(note)
                if left and scheduler is not None:
                    _on_cluster(scheduler, left, finished, run_folder, data_dir, progress, stop)
                elif left:
                    _in_this_process(left, finished, run_folder, load, progress, stop)
                trained = {result["point"]: result for result in run_folder.results()}
                borrowed = [
                    (trained[plan.alike[point.id]], point)
                    for point in points
                    if point.id in plan.alike and point.id not in finished
                ]
                score_again(borrowed, run_folder, load, progress, stop)
        run_folder.drop_orphans()
        run_folder.write_results()
    return run_folder


def _in_this_process(
    cohorts: Sequence[Cohort],
    finished: Set[str],
    run_folder: folder.Folder,
    load: loading.LoadDataset,
    progress: Reporter,
    stop: Callable[[], int],
) -> None:
    """Trains in this process, chunk by chunk, on all its devices."""
    trainer = ChunkTrainer(run_folder, load)
    with Scorer(sum(len(members.points) for members in cohorts)) as scorer:
        for number, members in enumerate(cohorts, 1):
            progress.begins(number, len(cohorts))
            size = trainer.size(members, _size_before(run_folder, members))
            _note_fed(size, members, progress)
            for chunk in _chunks(run_folder, members, size, finished):
                new = sum(point.id not in finished for point in chunk.members.points)

                def on_epoch(epochs: int, loss: float, new: int = new) -> None:
                    progress.epoch(new, loss, epochs)

                trainer.carry_out(chunk, finished, scorer, on_epoch, stop, progress.finished)
        while scorer.busy:
            scorer.collect(0.5)
            if stop():
                raise interrupt.Stopped(stop())
    progress.spent(trainer.spent, trainer.programs)


def _on_cluster(
    scheduler: str,
    cohorts: Sequence[Cohort],
    finished: Set[str],
    run_folder: folder.Folder,
    data_dir: Path,
    progress: Reporter,
    stop: Callable[[], int],
) -> None:
    """Has the workers of a Dask cluster train, each on its own devices."""
    with cluster.connected(scheduler) as client:
        tasks = cluster.Tasks(client, run_folder, data_dir, stop, progress.note)

        def sized(size: Size, members: Cohort) -> None:
            _note_fed(size, members, progress)
            each = math.ceil(len(members.points) / (size.devices * tasks.workers))
            size = size._replace(width=min(size.width, each))  # something for each
            groups = len(members.points) // (size.width * size.devices * tasks.workers)
            size = size._replace(rounds=max(1, min(size.rounds, groups)))
            for chunk in _chunks(run_folder, members, size, finished):
                of_chunk = finished & {point.id for point in chunk.members.points}
                tasks.submit(done, chunk, cluster.carry_out, chunk, of_chunk)

        def done(loss: float, chunk: Chunk) -> None:
            for point in chunk.members.points:
                if point.id not in finished:
                    progress.epoch(1, loss, point.setting.epochs)
                    progress.finished()

        for members in cohorts:
            before = _size_before(run_folder, members)
            tasks.submit(sized, members, cluster.size, members, before)
        tasks.finish()


def _note_fed(size: Size, members: Cohort, progress: Reporter) -> None:
    if size.fed:
        name = dataset_name(members.points[0].setting)
        progress.note(f"the training images of {name} stay on the host, which feeds the batches")


def _chunks(
    run_folder: folder.Folder, members: Cohort, size: Size, finished: Set[str]
) -> list[Chunk]:
    """A cohort split into chunks; how it travels is kept for another time."""
    stored_plan = run_folder.plan()
    _entry(stored_plan, members)["size"] = size._asdict()
    sizes = [old["size"] for old in stored_plan["cohorts"] if old.get("size")]
    stored_plan |= {"width": max(old["width"] for old in sizes), "devices": size.devices}
    run_folder.write_plan(stored_plan)
    return [
        Chunk(dataclasses.replace(members, points=tuple(group)), size.holding(len(group)))
        for group in checkpoints.chunks(
            members.points, finished, size.chunk, run_folder.checkpoints
        )
    ]


def _size_before(run_folder: folder.Folder, members: Cohort) -> Size | None:
    """How a cohort travelled in an earlier call."""
    size = _entry(run_folder.plan(), members).get("size")
    return Size(**size) if size else None


def _entry(stored_plan: dict[str, Any], members: Cohort) -> dict[str, Any]:
    """A cohort in a plan: the one that has a point of it, or a new one."""
    ids = {point.id for point in members.points}
    for old in stored_plan["cohorts"]:
        if ids & set(old["points"]):
            return old
    stored_plan["cohorts"].append(
        {"static": dict(members.static.options), "points": [], "size": None}
    )
    return stored_plan["cohorts"][-1]


def remember(
    run_folder: folder.Folder,
    points: Sequence[GridPoint],
    paths: Sequence[str],
    plan: planning.Plan,
    data_dir: Path,
) -> None:
    """Adds points, cohorts, grid paths and where data lie to what the folder already knows."""
    stored_plan = run_folder.plan()
    stored_plan["grid_paths"] = list(dict.fromkeys([*stored_plan["grid_paths"], *paths]))
    stored_plan["points"] |= {point.id: dict(point.setting) for point in points}
    stored_plan["classes"] |= plan.classes
    stored_plan["data"] |= plan.data
    stored_plan["places"] |= plan.places
    stored_plan["invariances"] = plan.invariances | stored_plan["invariances"]  # of its beginning
    stored_plan["columns"] |= plan.columns
    stored_plan["damaged"] |= plan.damaged
    stored_plan["notes"] = list(dict.fromkeys([*stored_plan["notes"], *plan.notes]))
    stored_plan["data_dir"] = str(data_dir.resolve())
    for members in plan.cohorts:
        ids = _entry(stored_plan, members)["points"]
        known = set(ids)
        ids += [point.id for point in members.points if point.id not in known]
    run_folder.write_plan(stored_plan)
