"""A finished point as its run keeps it, and as the beginning of another training.

Another training begins with its network where `train.warm_start` names it, like
`runs/photos/points/0123456789ab`. What is learned of classes, like their weights, is taken too
where both know the same classes. Moments of the optimizer, and what terms keep from step to step,
begin anew: the latter follows from labels, and there may be more of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdml.options import ConfigError, NotAllowedError
from jaxdml.runs.execution import checkpoints
from jaxdml.runs.planning import loading
from jaxdml.runs.planning.cohort_setup import CohortSetup, Network
from jaxdml.runs.planning.points import GridPoint
from jaxdml.runs.storage import folder, within
from jaxdml.settings.fields import WARM_START
from jaxdml.settings.resolve import resolve
from jaxdml.settings.setting import Setting, SettingOnData
from jaxdml.train import population
from jaxdml.types import Dataset, Params, TrainState


class Parent(NamedTuple):
    """The network of a finished point, with which another training begins."""

    path: str  # of the point's files
    params: Params
    classes: tuple[str, ...] | None  # their names; `None` where the run does not know them
    result: Mapping[str, Any]  # as `result.json` holds it


def stored_point(run_folder: folder.Folder, result: Mapping[str, Any]) -> GridPoint:
    """A finished point, by the configuration that its result holds.

    Raises:
      ConfigError: if there is no such configuration any more, or it names a part that nobody has
        allowed, see `options.allow`.
    """
    within.inner(run_folder.path / "points", result["point"])
    try:
        return GridPoint(result["point"], resolve(result["config"]))
    except NotAllowedError as error:
        raise NotAllowedError(f"{run_folder.path}: {error}") from error
    except ConfigError as error:
        raise ConfigError(
            f"{run_folder.path} is of another version of jaxdml, whose configuration had other "
            f"fields ({error}): train it again in a new folder"
        ) from error


def stored_network(
    run_folder: folder.Folder,
    result: Mapping[str, Any],
    read: Callable[[Path, int, bool], Network],
    setting: Setting,
) -> Network:
    """The network of a finished point.

    Args:
      run_folder: its run folder.
      result: as `result.json` holds it.
      read: gives the networks of all points that were trained together: of the folder that holds
        them, their number, and whether the average of the weights is meant.
      setting: of the point.

    Raises:
      ConfigError: if the run keeps no networks, or it is missing or damaged.
    """
    need_networks(run_folder, result)
    kept = result["checkpoint"]
    path = within.inner(run_folder.checkpoints, kept["path"])
    try:
        networks = read(path, kept["rows"], setting["eval.parameters"] == "average")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} is missing or damaged: it holds point {result['point']}"
        ) from error
    one: Network = jax.tree.map(lambda leaf: leaf[kept["row"]], networks)
    return one


def need_networks(run_folder: folder.Folder, result: Mapping[str, Any]) -> None:
    """Makes sure that a run keeps the networks of its points.

    Raises:
      ConfigError: if it is what is kept of a run, see `archive`.
    """
    if "checkpoint" not in result:
        raise ConfigError(
            f"{run_folder.path} keeps scores and losses only, and no networks: name the run folder"
        )


def on_stored_data(setting: Mapping[str, Any], record: Mapping[str, Any]) -> SettingOnData:
    """A setting on the data set of which `SettingOnData.record` tells."""
    return SettingOnData(
        resolve(setting),
        tuple(record["image_shape"]),
        record["classes"],
        record["images"],
        tuple(record["invariances"]),
    )


def parent(path: str) -> Parent:
    """A finished point by the folder of its files.

    Args:
      path: like `runs/photos/points/0123456789ab`.

    Raises:
      ConfigError: if there is no such point, its training diverged, or it keeps no network.
    """
    point_folder = Path(path)
    run_folder = folder.Folder(point_folder.parent.parent)
    within.check(run_folder.path)
    result = run_folder.result(point_folder.name)
    if point_folder.parent.name != "points" or result is None:
        raise ConfigError(
            f"{WARM_START}={path} is no finished point: name the folder of its files, like "
            "runs/photos/points/0123456789ab"
        )
    if error := run_folder.damage(result):
        raise error
    if result["status"] == "diverged" or "data" not in result:
        raise ConfigError(
            f"{WARM_START}={path}: no training can begin with it: "
            f"{result['reason'] or 'it was trained by an older version'}"
        )
    setting = stored_point(run_folder, result).setting
    on_data = on_stored_data(setting, result["data"])

    def read(networks: Path, rows: int, average: bool) -> Network:
        return checkpoints.networks(on_data.template(rows), networks, average)

    params = stored_network(run_folder, result, read, setting).params
    classes = loading.class_names(run_folder.plan(), setting)
    return Parent(path, params, classes, result)


def params_of(found: Parent, fresh: Params, classes: tuple[str, ...]) -> Params:
    """The first parameters of a training that begins with another's.

    Args:
      found: the other one.
      fresh: those that it would begin with by itself.
      classes: that it learns.

    Raises:
      ConfigError: if the networks have other shapes.
    """
    if _shapes(found.params["model"]) != _shapes(fresh["model"]):
        raise ConfigError(
            f"{WARM_START}={found.path}: its network has other layers than this one: use the same "
            "model, terms and size of images for both"
        )
    terms = dict(fresh["terms"])
    if found.classes == classes:
        learned = found.params["terms"]
        terms |= {
            name: learned[name]
            for name in terms
            if name in learned and _shapes(learned[name]) == _shapes(terms[name])
        }
    return {"model": found.params["model"], "terms": terms}


def begun(
    states: TrainState, chunk: Sequence[GridPoint], setup: CohortSetup, layout: population.Layout
) -> TrainState:
    """The first states of points, those with a parent with its parameters.

    Args:
      states: as the points would begin by themselves; leading axis of the layout's places.
      chunk: the points.
      setup: of their cohort.
      layout: how they lie on the devices.
    """
    paths = [point.setting[WARM_START] for point in chunk]
    parents = {path: parent(path) for path in paths if path is not None}
    if not parents:
        return states
    host = population.unstack(states, len(chunk), layout)
    rows = []
    for row, path in enumerate(paths):
        own = jax.tree.map(lambda leaf, row=row: leaf[row], host.params)
        classes = setup.dataset.classes
        rows.append(own if path is None else params_of(parents[path], own, classes))
    params = jax.tree.map(lambda *leaves: np.stack(leaves), *rows)
    average = params if jax.tree.leaves(host.average) else host.average
    return population.place_states(host._replace(params=params, average=average), layout)


def notes(points: Iterable[GridPoint], load: loading.LoadDataset) -> list[str]:
    """Makes sure that points can begin as they are to, and says with what, a sentence a parent.

    Raises:
      ConfigError: if one cannot.
    """
    sentences: dict[str, str] = {}
    for point in points:
        path = point.setting[WARM_START]
        if path is None:
            continue
        dataset, found = load(point.setting), parent(path)
        fresh = point.setting.on(dataset).template(1).params
        params_of(found, jax.tree.map(_of_one, fresh), dataset.classes)
        sentences[path] = _sentence(found, dataset)
    return list(sentences.values())


def _sentence(found: Parent, dataset: Dataset) -> str:
    steps, labels = sum(found.result["steps"].values()), found.result["labelled"]
    new = "" if found.classes == dataset.classes else "; its classes were others, and begin anew"
    return f"training begins with {found.path}, after {steps:,} steps with {labels:,} labels{new}"


def _of_one(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype)


def _shapes(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.shape, tree)
