"""Data sets, in host memory, and which of their training images keep a label.

A data set is `make(data_dir: Path, **options) → Dataset`; its options, floats too, are the same for
all points of a program. Images stay uint8 until the training step.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxdml.data import copies
from jaxdml.data.check import check
from jaxdml.data.sets import arrays, digits, images, medmnist, mnist, table
from jaxdml.options import ConfigError, allow, defaults, find, listed, optional_kinds
from jaxdml.types import Dataset, Split
from jaxdml.values import coerce

__all__ = ["DATASETS", "fingerprint", "load"]

DATASETS: dict[str, Callable[..., Dataset]] = {
    "digits": digits.make,
    **{name: mnist.loader(name) for name in mnist.FACTS},
    **{flag: medmnist.loader(flag) for flag in medmnist.FACTS},
    "arrays": arrays.make,
    "images": images.make,
    "table": table.make,
}

ROWS = 4096  # that are read at once


def load(name: str, data_dir: Path, *, validation: int = 0, **options: Any) -> Dataset:
    """A data set by its name or by the dotted path of its `make`.

    Args:
      name: a key of `DATASETS`, or `package.module:make`.
      data_dir: the folder that holds the files of all sets.
      validation: how many labelled training images to set apart as the validation split, always
        the same ones; 0 leaves both splits as they are. Validation images that the set has of its
        own are left out then, and a note says so; so does one of copies on both sides.
      options: of this `make`.

    Raises:
      ConfigError: if there is no such set, its files are missing, it is not what `check` wants, or
        it has too few images.

    >>> d = load("digits", Path("."), validation=197)
    >>> len(d.train.y), len(d.validation.y)
    (1000, 197)
    """
    medmnist.refuse(name)
    allow(name)
    dataset = _made(name, find("data.name", name, DATASETS), data_dir, options)
    check(dataset)
    if not validation:
        return dataset
    train = dataset.train
    labelled_rows = np.flatnonzero(np.asarray(train.y) >= 0)
    if validation >= len(labelled_rows):
        raise ConfigError(
            f"data.validation is {validation}, but {dataset.name} has {len(labelled_rows)} images "
            "with a label, and some must be left"
        )
    apart = np.sort(
        labelled_rows[np.random.default_rng(0).permutation(len(labelled_rows))[:validation]]
    )
    rest = np.setdiff1d(np.arange(len(train.y)), apart)
    with_validation = dataclasses.replace(
        dataset,
        train=Split(train.x[rest], train.y[rest]),
        validation=Split(train.x[apart], train.y[apart]),
    )
    notes = [*dataset.notes]
    if len(dataset.validation.y):
        notes.append(
            f"{dataset.name}: its own {len(dataset.validation.y):,} validation images are left "
            f"out, because data.validation sets apart {validation:,} training images instead"
        )
    shared = copies.shared(with_validation.validation, with_validation.train)
    if shared:
        notes.append(
            f"{dataset.name}: "
            f"{copies.overlap_message(shared, validation, 'validation', 'training')}"
        )
    return dataclasses.replace(with_validation, notes=tuple(notes))


def _made(name: str, make: Callable[..., Any], data_dir: Path, options: dict[str, Any]) -> Dataset:
    """What a data set's `make` gives, if it is one: a user's own may give or raise anything."""
    usual, kinds = defaults(make), optional_kinds(make)
    unknown = [option for option in options if option not in usual]
    if unknown:
        raise ConfigError(f"data.name={name} has no option {listed(unknown)}; {listed(usual)}")
    options = {
        option: value
        if value is None
        else coerce(f"data.{option}", value, kinds.get(option, usual[option]))
        for option, value in options.items()
    }
    if name in DATASETS:
        return make(data_dir, **options)
    try:
        dataset = make(data_dir, **options)
    except (ConfigError, OSError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"data.name={name} cannot be made: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(dataset, Dataset):
        raise ConfigError(
            f"data.name={name} must return a jaxdml.types.Dataset, but returns "
            f"{type(dataset).__name__}"
        )
    return dataset


@functools.lru_cache(maxsize=8)
def fingerprint(dataset: Dataset) -> str:
    """The SHA-256 of all images, labels and class names of `dataset`: it tells data sets apart.

    >>> d = load("digits", Path("."))
    >>> fingerprint(d) == fingerprint(load("digits", Path("."), validation=1))
    False
    """
    digest = hashlib.sha256(repr(dataset.classes).encode())
    for part in (dataset.train, dataset.validation, dataset.test):
        for array in (part.x, np.asarray(part.y, np.int32)):
            digest.update(f"{array.dtype} {array.shape}".encode())
            for start in range(0, len(array), ROWS):  # it may be too large to be copied
                rows = np.ascontiguousarray(array[start : start + ROWS])
                digest.update(rows.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
