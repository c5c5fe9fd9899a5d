"""Data sets by configuration, each loaded once."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxdml import data
from jaxdml.options import ConfigError, need_allowed
from jaxdml.settings.fields import PATH
from jaxdml.settings.setting import dataset_name, source
from jaxdml.types import Columns, Dataset

LoadDataset = Callable[[Mapping[str, Any]], Dataset]  # of a setting, or of a stored one
# Options that are named also where they are not set, as runs have always kept them.
ALWAYS = ("data.size", "data.channels")


def described(config: Mapping[str, Any]) -> str:
    """Names the images of a configuration in words: equal words mean the same images.

    Args:
      config: a setting, or what a result has stored of one.

    >>> described({"data.name": "arrays", "data.path": "/home/me/own.npz", "data.range": None})
    'name=arrays path=own.npz'
    """
    options = dict(source(config))
    if options.get(PATH):
        options[PATH] = dataset_name(config)
    return " ".join(
        f"{path.removeprefix('data.')}={value}"
        for path, value in options.items()
        if value is not None or path in ALWAYS
    )


def image_shape(dataset: Dataset) -> tuple[int, int, int]:
    """Returns the height, width and channels of a data set's images."""
    height, width, channels = dataset.train.x.shape[1:]
    return height, width, channels


def class_names(plan: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names of a data set's classes, as a run's plan knows them; `None` if it does not.

    Args:
      plan: as `Folder.plan` gives it.
      config: a setting, or what a result has stored of one.
    """
    classes = plan["classes"]
    found = classes.get(described(config), classes.get(dataset_name(config)))
    return None if found is None else tuple(found)


def columns_as_json(columns: Columns) -> dict[str, Any]:
    """The columns of vectors as a run stores them; `columns_from_json` reads them back."""
    numbers = {"mean": columns.mean, "deviation": columns.deviation}
    return {name: np.asarray(values).tolist() for name, values in numbers.items()} | {
        "names": list(columns.names)
    }


def columns_from_json(stored: Mapping[str, Any]) -> Columns:
    """The columns of vectors, to the bit.

    >>> columns = Columns(np.array([1 / 3]), np.array([3.0]), ("a",))
    >>> columns_from_json(columns_as_json(columns))
    Columns(mean=array([0.33333333]), deviation=array([3.]), names=('a',))
    """
    mean, deviation = (np.asarray(stored[name], np.float64) for name in ("mean", "deviation"))
    return Columns(mean, deviation, tuple(stored["names"]))


def loader(data_dir: Any, *plans: Mapping[str, Any]) -> LoadDataset:
    """Loads each data set once.

    Args:
      data_dir: the folder that holds the files of all sets.
      plans: what runs know of their data, as `Folder.plan` gives it. Where the path of a
        configuration leads nowhere, as from another working folder, files are where they were in
        an earlier call. A data set that was made before there were folds, with test images set
        apart, stays so; and so do the invariances that a run was trained with.
    """
    loaded: dict[tuple[Any, ...], Dataset] = {}
    places, prints, invariances = (
        {words: stored for plan in plans for words, stored in plan.get(name, {}).items()}
        for name in ("places", "data", "invariances")
    )

    def load(config: Mapping[str, Any]) -> Dataset:
        which, words = source(config), described(config)
        if which in loaded:
            return loaded[which]
        options = {path.removeprefix("data."): value for path, value in which}
        name, before = options.pop("name"), places.get(words)
        need_allowed("data.name", name)  # `data.load` itself allows what it is given
        try:
            dataset = data.load(name, data_dir, **options)
        except ConfigError:
            if not options.get("path") or not before or not Path(before).exists():
                raise
            options |= {"path": before}
            dataset = data.load(name, data_dir, **options)
        if dataset.folds and prints.get(words) not in (None, data.fingerprint(dataset)):
            apart = data.load(name, data_dir, **options | {"folds": 0})
            if data.fingerprint(apart) == prints[words]:
                dataset = apart
        if words in invariances:
            dataset = dataclasses.replace(dataset, invariances=tuple(invariances[words]))
        return loaded.setdefault(which, dataset)

    return load
