"""Which images are labelled for a point, and which it is scored on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdml.data import labels
from jaxdml.evaluate.protocols import find_protocol
from jaxdml.options import ConfigError
from jaxdml.runs.planning.loading import LoadDataset
from jaxdml.runs.planning.points import GridPoint, point
from jaxdml.settings.fields import WARM_START
from jaxdml.settings.resolve import Resolver
from jaxdml.types import Dataset, Split

# The fields that `check_scoring` reads.
READ_BY_SCORING = ("data.fold", "eval.split", "eval.protocols")


def check_scoring(resolved: Mapping[str, Any], dataset: Dataset) -> None:
    """Makes sure that a data set has what the protocols of a configuration read.

    Raises:
      ConfigError: if there are too few images to score on, a protocol that is fitted on all
        training images would miss labels or see those of test images, or there is no such fold.
    """
    y, fold = np.asarray(dataset.train.y), resolved.get("data.fold")
    if fold is not None and fold >= dataset.folds:
        raise ConfigError(
            f"data.fold is {fold}, but {dataset.name} has {dataset.folds or 'no'} folds: leave it "
            "unset, since each is a point by itself"
        )
    part, on_test = scored(dataset, resolved), resolved["eval.split"] == "test"
    if fold is not None and on_test and len(part.y) < 2:
        raise ConfigError(
            f"{dataset.name} has {dataset.folds} folds, but too few labelled images: fold {fold} "
            f"holds {len(part.y)} of them, and two are the least; set data.folds lower, or to 0"
        )
    if len(part.y) < 2 and not (dataset.folds and on_test):
        raise ConfigError(
            f"eval.split is {resolved['eval.split']}, but {dataset.name} has "
            f"{len(part.y) or 'no'} such images, and two are the least: set apart some by "
            "data.validation, and score on them"
        )
    missing = int((y < 0).sum())
    for name in resolved["eval.protocols"]:
        if "train_labels" not in find_protocol(name).needs:
            continue
        if missing:
            raise ConfigError(
                f"the protocol {name} is fitted on all training images with their labels, but "
                f"{missing} of the {len(y)} of {dataset.name} have none: leave {name} out; "
                "labelled is fitted on those that have one"
            )
        if dataset.folds and on_test:
            raise ConfigError(
                f"the protocol {name} is fitted on all training images, and {dataset.name} has no "
                f"other test images: leave {name} out, or set test images apart by data.folds=0"
            )


def scored(dataset: Dataset, resolved: Mapping[str, Any]) -> Split:
    """The part of a data set that a point is scored on, which may be empty.

    It is the test or the validation images, as `eval.split` says; or, where labelled images take
    turns, the fold that `data.fold` names: training images whose labels this point does not see.
    """
    if resolved["eval.split"] != "test":
        return dataset.validation
    if resolved.get("data.fold") is None:
        return dataset.test
    rows = _fold(dataset, resolved["data.fold"])
    return Split(dataset.train.x[rows], np.asarray(dataset.train.y)[rows])


def unlabelled(dataset: Dataset, resolved: Mapping[str, Any]) -> np.ndarray:
    """Rows of the training set whose labels a point neither sees nor is scored by, i64[U]."""
    others = np.setdiff1d(np.arange(len(dataset.train.y)), select(resolved, dataset))
    fold, on_test = resolved.get("data.fold"), resolved["eval.split"] == "test"
    return others if fold is None or not on_test else np.setdiff1d(others, _fold(dataset, fold))


def counts(dataset: Dataset, resolved: Mapping[str, Any]) -> dict[str, Any]:
    """How many images a point is scored on; of a fold also how many of each class."""
    y = np.asarray(scored(dataset, resolved).y)
    record: dict[str, Any] = {"scored": len(y)}
    if resolved.get("data.fold") is not None:
        record["folds"] = dataset.folds
        present, each = np.unique(y, return_counts=True)
        record["scored_per_class"] = {str(c): int(n) for c, n in zip(present, each, strict=True)}
    return record


def _fold(dataset: Dataset, fold: int) -> np.ndarray:
    return np.flatnonzero(labels.folds(np.asarray(dataset.train.y), dataset.folds) == fold)


def with_folds(points: Sequence[GridPoint], load: LoadDataset) -> list[GridPoint]:
    """Adds points of folds: before each point without test images, one for each of its folds.

    Args:
      points: of a grid.
      load: gives data sets.
    """
    points_by_id: dict[str, GridPoint] = {}
    resolver = Resolver()
    for whole in points:
        c = whole.setting
        folds = load(c).folds if "data.folds" in c and c["eval.split"] == "test" else 0
        folds = folds if c[WARM_START] is None else 0  # its parent knows the labels of all of them
        held_out = range(folds) if c.get("data.fold") is None else ()
        parts = (point({**c, "data.fold": fold}, resolver) for fold in held_out)
        for grid_point in (*parts, whole):
            points_by_id.setdefault(grid_point.id, grid_point)
    return list(points_by_id.values())


def note_of_folds(dataset: Dataset) -> str | None:
    """What to say where labelled images take turns as test images."""
    if not dataset.folds:
        return None
    count = int((labels.folds(np.asarray(dataset.train.y), dataset.folds) >= 0).sum())
    return (
        f"{dataset.name} has no test images: each setting is trained {dataset.folds} times, and "
        f"scored each time on a part of its {count} labelled images whose labels it did not see; "
        f"an accuracy on {count} images has a standard error of up to {0.5 / np.sqrt(count):.2g}; "
        "once more it is trained with all labels, to be used (data.folds=0 sets images apart)"
    )


def select(config: Mapping[str, Any], dataset: Dataset) -> np.ndarray:
    """Rows of the training set that are labelled for a setting, or for a stored one."""
    rows = labels.select(
        dataset.train.y,
        percent=config["data.labelled_percent"],
        count=config["data.labelled_count"],
        per_class=config["data.labels_per_class"],
        stratified=config["data.stratified"],
        seed=config["data.labels_seed"],
    )
    fold = config.get("data.fold")
    return rows if fold is None else np.setdiff1d(rows, _fold(dataset, fold))
