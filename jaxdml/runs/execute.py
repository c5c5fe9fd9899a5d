"""Carries out a grid in a run folder, and scores a finished one again."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from jaxdml import config, data
from jaxdml.options import ConfigError
from jaxdml.report import summary
from jaxdml.runs import archive, cluster, cohort, folder, grid, interrupt, judge, scoring, work
from jaxdml.runs import plan as planning
from jaxdml.runs.progress import Reporter
from jaxdml.types import Cohort, PointConfig


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
    place = folder.Folder(workdir)
    with place.locked():
        place.check(config.flatten(base), config.complete)
        load = planning.loader(data_dir, place.plan()["places"], place.plan()["data"])
        points = planning.with_folds(points, load)
        if any(point.config["data.fold"] is not None for point in points):
            paths = [*paths, "data.fold"]
        finished = frozenset(p.id for p in points if place.result(p.id) is not None)
        plan = planning.plan(points if len(finished) < len(points) else (), load, finished)
        place.check_data(plan.data)
        place.claim(config.flatten(base))
        _remember(place, points, paths, plan, data_dir)
        left = [
            members
            for members in plan.cohorts
            if not finished.issuperset(point.id for point in members.points)
        ]
        if len(finished) < len(points):
            training = (point for members in left for point in members.points)
            epochs = sum(p.config["train.epochs"] for p in training if p.id not in finished)
            with (
                Reporter(len(points), len(finished), epochs) as progress,
                interrupt.heeded(progress.note) as stop,
            ):
                for note in planning.said(plan):
                    progress.note(note)
                if left and scheduler is not None:
                    _on_cluster(scheduler, left, finished, place, data_dir, progress, stop)
                elif left:
                    _here(left, finished, place, load, progress, stop)
                trained = {result["point"]: result for result in place.results()}
                borrowed = [
                    (trained[plan.alike[point.id]], point)
                    for point in points
                    if point.id in plan.alike and point.id not in finished
                ]
                _score(borrowed, place, load, progress, stop)
        place.drop_orphans()
        place.write_results()
    return place


def _here(
    cohorts: Sequence[Cohort],
    finished: Set[str],
    place: folder.Folder,
    load: planning.LoadDataset,
    progress: Reporter,
    stop: Callable[[], int],
) -> None:
    """Trains in this process, chunk by chunk, on all its devices."""
    worker = work.Worker(place, load)
    with scoring.Scorer(sum(len(members.points) for members in cohorts)) as scorer:
        for members in cohorts:
            size = worker.size(members, _size_before(place, members))
            _note_fed(size, members, progress)
            for chunk in _chunks(place, members, size, finished):
                new = sum(point.id not in finished for point in chunk.members.points)

                def on_epoch(epochs: int, loss: float, new: int = new) -> None:
                    progress.epoch(new, loss, epochs)

                worker.carry_out(chunk, finished, scorer, on_epoch, stop, progress.finished)
        while scorer.busy:
            scorer.collect(0.5)
            if stop():
                raise interrupt.Stopped(stop())
    progress.spent(worker.spent, worker.programs)


def _on_cluster(
    scheduler: str,
    cohorts: Sequence[Cohort],
    finished: Set[str],
    place: folder.Folder,
    data_dir: Path,
    progress: Reporter,
    stop: Callable[[], int],
) -> None:
    """Has the workers of a Dask cluster train, each on its own devices."""
    with cluster.connected(scheduler) as client:
        tasks = cluster.Tasks(client, place, data_dir, stop, progress.note)

        def sized(size: work.Size, members: Cohort) -> None:
            _note_fed(size, members, progress)
            each = math.ceil(len(members.points) / (size.devices * tasks.workers))
            size = size._replace(width=min(size.width, each))  # something for each
            groups = len(members.points) // (size.width * size.devices * tasks.workers)
            size = size._replace(rounds=max(1, min(size.rounds, groups)))
            for chunk in _chunks(place, members, size, finished):
                tasks.submit(done, chunk, cluster.carry_out, chunk, finished)

        def done(loss: float, chunk: work.Chunk) -> None:
            for point in chunk.members.points:
                if point.id not in finished:
                    progress.epoch(1, loss, point.config["train.epochs"])
                    progress.finished()

        for members in cohorts:
            before = _size_before(place, members)
            tasks.submit(sized, members, cluster.size, members, before)
        tasks.finish()


def _note_fed(size: work.Size, members: Cohort, progress: Reporter) -> None:
    if size.fed:
        name = config.dataset_name(members.points[0].config)
        progress.note(f"the training images of {name} stay on the host, which feeds the batches")


def _chunks(
    place: folder.Folder, members: Cohort, size: work.Size, finished: Set[str]
) -> list[work.Chunk]:
    """A cohort split into chunks; how it travels is kept for another time."""
    known = place.plan()
    _entry(known, members)["size"] = size._asdict()
    sizes = [old["size"] for old in known["cohorts"] if old.get("size")]
    known |= {"width": max(old["width"] for old in sizes), "devices": size.devices}
    place.write_plan(known)
    return [
        work.Chunk(dataclasses.replace(members, points=tuple(group)), size.holding(len(group)))
        for group in cohort.chunks(members.points, finished, size.chunk, place.checkpoints)
    ]


def _size_before(place: folder.Folder, members: Cohort) -> work.Size | None:
    """How a cohort travelled in an earlier call."""
    size = _entry(place.plan(), members).get("size")
    return work.Size(**size) if size else None


def _entry(known: dict[str, Any], members: Cohort) -> dict[str, Any]:
    """A cohort in a plan: the one that has a point of it, or a new one."""
    ids = {point.id for point in members.points}
    for old in known["cohorts"]:
        if ids & set(old["points"]):
            return old
    known["cohorts"].append({"static": dict(members.static.options), "points": [], "size": None})
    return known["cohorts"][-1]


def rescore(
    workdir: Path,
    data_dir: Path,
    protocols: Sequence[str] = (),
    classifiers: Sequence[str] = (),
    embeddings: Sequence[str] = (),
) -> folder.Folder:
    """Scores every finished point of a run folder again, without training.

    Args:
      workdir: a run folder.
      data_dir: the folder that holds the data sets.
      protocols, classifiers, embeddings: what to score, and by what; empty means as the run's
        configuration says. These scores are added to what a point has; of those that it has
        already, the new value counts. Without any of them all scores are made anew.

    Raises:
      ConfigError: if there is nothing to score, or it cannot be.
    """
    place = existing(workdir)
    load = planning.loader(data_dir, place.plan()["places"], place.plan()["data"])
    given = {
        "eval.protocols": tuple(protocols),
        "eval.classifiers": tuple(classifiers),
        "eval.embeddings": tuple(embeddings),
    }
    only = {path: value for path, value in given.items() if value}
    with place.locked():
        results = place.results()
        jobs = [(old, config.point(config.widened(old["config"], only))) for old in results]
        sets = {planning.described(point.config): load(point.config) for _, point in jobs}
        place.check_data({name: data.fingerprint(dataset) for name, dataset in sets.items()})
        with _written(place), Reporter(len(results), 0, 0) as progress:
            _score(jobs, place, load, progress, only=only)
    return place


def _score(
    jobs: Sequence[tuple[Mapping[str, Any], PointConfig]],
    place: folder.Folder,
    load: planning.LoadDataset,
    progress: Reporter,
    stop: Callable[[], int] = lambda: 0,
    only: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Results of points whose training is another's, or their own of an earlier time.

    With `only`, see `Scorer.submit`, scores are added to those of the earlier time.
    """
    worker = work.Worker(place, load)
    with scoring.Scorer(len(jobs)) as scorer:
        for old, point in jobs:
            shop, _, _, params = trained_point(place, old, worker)
            planning.check_scoring(point.config, shop.dataset)
            labelled = planning.select(point, shop.dataset)
            judged = judge.judge(shop, point, params, np.array(old["diverged"]), labelled)

            def write(
                scores: scoring.Scores,
                old: Mapping[str, Any] = old,
                judged: judge.Judged = judged,
            ) -> None:
                history = place.history(old["point"])
                arrays = dict(judged.arrays)
                if only and arrays:
                    scores = _added(old["scores"], scores)
                    arrays = {**_kept(place, old["point"]), **arrays}
                result = {**old, **judged.result, "scores": scores}
                if result["point"] != old["point"]:
                    result["seconds"] = 0.0  # of training: they are the other's
                place.write_result(result, history, arrays)
                progress.finished()

            scorer.submit(judged, write, only)
            scorer.collect()
            if stop():
                raise interrupt.Stopped(stop())
        while scorer.busy:
            scorer.collect(0.5)


def _kept(place: folder.Folder, identity: str) -> Mapping[str, np.ndarray]:
    """The embeddings of an earlier time, if they are still there."""
    try:
        return place.embeddings(identity)
    except OSError:
        return {}


def _added(old: scoring.Scores, new: scoring.Scores) -> scoring.Scores:
    """The scores of an earlier time with new ones, which count where both have one."""
    by_measure = {summary.measure(score): score for score in [*old, *new]}
    return list(by_measure.values())


@contextmanager
def _written(place: folder.Folder) -> Iterator[None]:
    """Has results.csv agree with the points, also after Ctrl-C."""
    try:
        yield
    finally:
        place.write_results()


def trained_point(
    place: folder.Folder, result: Mapping[str, Any], worker: work.Worker
) -> tuple[cohort.Workshop, PointConfig, np.ndarray, Any]:
    """Workshop, identity, labelled rows and parameters of a finished point.

    Args:
      place: its run folder.
      result: as `result.json` holds it.
      worker: whose workshops are used.

    Raises:
      ConfigError: if its parameters are missing or damaged, or if it is of another version.
    """
    if "checkpoint" not in result:
        raise ConfigError(
            f"{place.path} keeps scores and losses only, and no networks: name the run folder"
        )
    point = config.point(result["config"])
    if point.id != result["point"]:
        raise ConfigError(
            f"{place.path} is of another version of jaxdml, whose configuration had other fields: "
            "train it again in a new folder"
        )
    dataset = worker.load(point.config)
    labelled = planning.select(point, dataset)
    static = planning.static(point, dataset, len(labelled))
    shop = worker.shop(Cohort(static, (point,), len(labelled)))
    kept = result["checkpoint"]
    path = place.checkpoints / kept["path"]
    try:
        params = worker.trained(shop, path, kept["rows"])
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is missing or damaged: it holds point {point.id}") from error
    return shop, point, labelled, jax.tree.map(lambda leaf: leaf[kept["row"]], params)


def existing(workdir: Path) -> folder.Folder:
    """A run folder that holds results, or what is kept of one.

    Raises:
      ConfigError: if it does not.
    """
    if archive.is_one(workdir):
        return archive.Archive(workdir)
    place = folder.Folder(workdir)
    if not (workdir / "plan.json").exists() or not place.results():
        raise ConfigError(f"{workdir} holds no finished points: train some there first")
    return place


def inside(path: Path) -> list[folder.Folder]:
    """A run folder that holds results or what is kept of one; or all such in a folder of them.

    Raises:
      ConfigError: if there is none.
    """
    several = sorted(file.parent for file in path.glob("*/results.csv"))
    if several and not (path / "results.csv").exists():
        return [existing(one) for one in several]
    return [existing(path)]


def _remember(
    place: folder.Folder,
    points: Sequence[PointConfig],
    paths: Sequence[str],
    plan: planning.Plan,
    data_dir: Path,
) -> None:
    """Adds points, cohorts, grid paths and where data lie to what the folder already knows."""
    known = place.plan()
    known["grid_paths"] = list(dict.fromkeys([*known["grid_paths"], *paths]))
    known["points"] |= {point.id: dict(point.config) for point in points}
    known["classes"] |= plan.classes
    known["data"] |= plan.data
    known["places"] |= plan.places
    known["notes"] = list(dict.fromkeys([*known["notes"], *plan.notes]))
    known["data_dir"] = str(data_dir.resolve())
    for members in plan.cohorts:
        ids = _entry(known, members)["points"]
        ids += [point.id for point in members.points if point.id not in set(ids)]
    place.write_plan(known)
