"""Data sets, in host memory, and which of their training images keep a label.

A data set is `make(data_dir: Path) → Dataset`. Images stay uint8 until the training step.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxdml.data import digits, medmnist, mnist
from jaxdml.options import ConfigError, find
from jaxdml.types import Dataset, Split

__all__ = ["DATASETS", "load"]

DATASETS: dict[str, Callable[[Path], Dataset]] = {
    "digits": digits.make,
    **{name: mnist.loader(name) for name in mnist.FACTS},
    **{flag: medmnist.loader(flag) for flag in medmnist.FACTS},
}


def load(name: str, data_dir: Path, *, validation: int = 0) -> Dataset:
    """A data set by its name or by the dotted path of its `make`.

    Args:
      name: a key of `DATASETS`, or `package.module:make`.
      data_dir: the folder that holds the files of all sets.
      validation: how many training images to set apart as the validation split, always the same
        ones; 0 leaves both splits as they are.

    Raises:
      ConfigError: if there is no such set, its files are missing, or it has too few images.

    >>> d = load("digits", Path("."), validation=197)
    >>> len(d.train.y), len(d.validation.y)
    (1000, 197)
    """
    medmnist.refuse(name)
    dataset: Dataset = find("data.name", name, DATASETS)(data_dir)
    if not validation:
        return dataset
    size = len(dataset.train.y)
    if validation >= size:
        raise ConfigError(
            f"data.validation is {validation}, but {name} has {size} images, and some must be left"
        )
    rows = np.random.default_rng(0).permutation(size)
    apart, rest = np.sort(rows[:validation]), np.sort(rows[validation:])
    train = dataset.train
    return dataclasses.replace(
        dataset,
        train=Split(train.x[rest], train.y[rest]),
        validation=Split(train.x[apart], train.y[apart]),
    )
