"""Carries out a grid in a run folder, and scores a finished one again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdml import config
from jaxdml.options import ConfigError
from jaxdml.runs import cohort, folder, grid, judge
from jaxdml.runs import plan as planning
from jaxdml.runs.progress import Reporter
from jaxdml.train import population
from jaxdml.types import Cohort, Dataset, PointConfig, Static


def run(base: Mapping[str, Any], over: grid.Grid, workdir: Path, data_dir: Path) -> folder.Folder:
    """Trains and evaluates every point of a grid that is not finished yet.

    Args:
      base: the base configuration, nested.
      over: the grid; `({},)` is the base itself.
      workdir: the run folder. The same call continues where an earlier one stopped; a larger grid
        over the same base adds its points.
      data_dir: the folder that holds the data sets.

    Raises:
      ConfigError: for anything that the user can mend.
    """
    points = grid.expand(base, over)
    place = folder.Folder(workdir)
    with place.locked():
        place.check(config.flatten(base))
        pending = [point for point in points if place.result(point.id) is None]
        load = planning.loader(data_dir)
        where = population.layout(min(points[0].config["train.width"], max(1, len(pending))))
        plan = planning.plan(pending, load)
        place.claim(config.flatten(base))
        _remember(place, points, grid.paths(over), plan, where)
        if pending:
            epochs = sum(point.config["train.epochs"] for point in pending)
            with Reporter(len(points), len(points) - len(pending), epochs) as progress:
                for note in plan.notes:
                    progress.note(note)
                for members in plan.cohorts:
                    _train_cohort(members, plan, load, where, place, progress)
        place.drop_orphans()
        place.write_results()
    return place


def _train_cohort(
    members: Cohort,
    plan: planning.Plan,
    load: planning.LoadDataset,
    where: population.Layout,
    place: folder.Folder,
    progress: Reporter,
) -> None:
    static, points = members.static, members.points
    shop = cohort.workshop(
        static,
        points[0],
        load(static["data.name"], static["data.validation"]),
        where,
        capacity=max(len(plan.labelled[point.id]) for point in points),
    )
    for chunk in cohort.chunks(points, where.chunk, place.checkpoints):
        labelled = [plan.labelled[point.id] for point in chunk]
        saved = place.checkpoints / cohort.chunk_name(chunk)

        def on_epoch(epochs: int, loss: float, points: int = len(chunk)) -> None:
            progress.epoch(points, loss, epochs)

        trained = cohort.train(shop, chunk, labelled, saved, on_epoch)
        for row, point in enumerate(chunk):
            params = jax.tree.map(lambda leaf, row=row: leaf[row], trained.params["model"])
            result, embeddings = judge.judge(
                shop, point, params, trained.diverged[row], labelled[row]
            )
            result |= {
                "checkpoint": {"path": f"{saved.name}/final", "row": row, "rows": len(chunk)},
                "seconds": round(trained.seconds / len(chunk), 3),
                "devices": where.devices,
            }
            place.write_result(result, _history(trained.history, row), embeddings)
        cohort.clean(saved)
        progress.finished(len(chunk))


def rescore(
    workdir: Path, data_dir: Path, protocols: Sequence[str], classifiers: Sequence[str]
) -> folder.Folder:
    """Scores every finished point of a run folder again, without training.

    Args:
      workdir: a run folder.
      data_dir: the folder that holds the data sets.
      protocols, classifiers: what to score by; empty means as the run's configuration says.

    Raises:
      ConfigError: if there is nothing to score, or it cannot be.
    """
    place = existing(workdir)
    load = planning.loader(data_dir)
    changes = {"eval.protocols": tuple(protocols), "eval.classifiers": tuple(classifiers)}
    shops: Workshops = {}
    with place.locked():
        for old in place.results():
            shop, point, labelled, params = trained_point(place, old, load, shops)
            wanted = {path: value for path, value in changes.items() if value}
            point = config.point(dict(point.config) | wanted)
            result, embeddings = judge.judge(
                shop, point, params, np.array(old["diverged"]), labelled
            )
            history = folder.read_csv(place.point(point.id) / "history.csv")
            place.write_result(old | result, history, embeddings)
        place.write_results()
    return place


Workshops = dict[Static, cohort.Workshop]


def trained_point(
    place: folder.Folder,
    result: Mapping[str, Any],
    load: planning.LoadDataset,
    shops: Workshops,
) -> tuple[cohort.Workshop, PointConfig, np.ndarray, Any]:
    """Workshop, identity, labelled rows and the model's parameters of a finished point.

    Args:
      place: its run folder.
      result: as `result.json` holds it.
      load: gives its data set.
      shops: workshops that were made before, and then also this point's.

    Raises:
      ConfigError: if its parameters are missing or damaged, or if it is of another version.
    """
    point = config.point(result["config"])
    if point.id != result["point"]:
        raise ConfigError(
            f"{place.path} is of another version of jaxdml, whose configuration had other fields: "
            "train it again in a new folder"
        )
    dataset: Dataset = load(point.config["data.name"], point.config["data.validation"])
    labelled = planning.select(point, dataset)
    static = planning.static(point, dataset, len(labelled))
    if static not in shops:
        where = population.layout(1)
        shops[static] = cohort.workshop(static, point, dataset, where, len(labelled))
    kept = result["checkpoint"]
    path = place.checkpoints / kept["path"]
    try:
        params = cohort.trained_params(shops[static], path, kept["row"], kept["rows"])
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is missing or damaged: it holds point {point.id}") from error
    return shops[static], point, labelled, params


def existing(workdir: Path) -> folder.Folder:
    """A run folder that holds results.

    Raises:
      ConfigError: if it does not.
    """
    place = folder.Folder(workdir)
    if not (workdir / "plan.json").exists() or not place.results():
        raise ConfigError(f"--workdir={workdir} holds no finished points: train some there first")
    return place


def _remember(
    place: folder.Folder,
    points: Sequence[PointConfig],
    paths: Sequence[str],
    plan: planning.Plan,
    where: population.Layout,
) -> None:
    """Adds points, cohorts and grid paths to what the folder already knows."""
    known = place.plan()
    known["grid_paths"] = list(dict.fromkeys([*known["grid_paths"], *paths]))
    known["points"] |= {point.id: dict(point.config) for point in points}
    known["classes"] |= plan.classes
    planned = {identity for old in known["cohorts"] for identity in old["points"]}
    for members in plan.cohorts:
        new = [point.id for point in members.points if point.id not in planned]
        if new:
            known["cohorts"].append({"static": dict(members.static.options), "points": new})
    if plan.cohorts:
        known |= {"width": where.width, "devices": int(where.mesh.size)}
    place.write_plan(known)


def _history(history: Sequence[Mapping[str, Any]], row: int) -> list[dict[str, Any]]:
    """One point's records."""
    return [
        {k: v[row] if isinstance(v, list) else v for k, v in record.items()} for record in history
    ]
