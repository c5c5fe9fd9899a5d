"""Whether a data set is one: what every data set, also a user's own, must be."""

from typing import Any

import numpy as np

from jaxdml.options import ConfigError
from jaxdml.types import Dataset


def check(dataset: Dataset) -> None:
    """Makes sure that images and labels are of the shapes, types and ranges of `Split`.

    Training images may have the label -1, none; two classes or more must be labelled.

    Raises:
      ConfigError: saying what is wrong with which part.
    """
    parts = {"training": dataset.train, "validation": dataset.validation, "test": dataset.test}
    shape = np.shape(dataset.train.x)[1:]
    for name, part in parts.items():
        lowest = -1 if name == "training" else 0
        try:
            _images(part.x, shape, vectors=dataset.columns is not None)
            _labels(np.asarray(part.y), len(part.x), lowest, len(dataset.classes))
        except ValueError as error:
            raise ConfigError(f"{dataset.name}: the {name} {error}") from error
    y = np.asarray(dataset.train.y)
    class_count = np.unique(y[y >= 0]).size
    if class_count < 2:
        raise ConfigError(
            f"{dataset.name}: {'one class has' if class_count else 'no class has'} labelled "
            "training images, but with fewer than two classes there is nothing to tell apart: "
            "label images of another class"
        )


def _images(x: Any, shape: tuple[int, ...], *, vectors: bool = False) -> None:
    if x.ndim != 4:
        raise ValueError(f"images must be (N, height, width, channels), but are {x.shape}")
    if x.shape[1:] != shape:
        raise ValueError(f"images are {x.shape[1:]}, but the training images {shape}")
    if x.dtype == np.uint8 or not len(x):
        return
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError(f"images must be uint8, or float in [0, 1], but are {x.dtype}")
    low, high = x.min(), x.max()
    if not np.isfinite([low, high]).all():
        raise ValueError("images hold NaN or infinity")
    if (low < 0 or high > 1) and not vectors:
        raise ValueError(f"images must lie in [0, 1], but go from {low:g} to {high:g}")


def _labels(y: np.ndarray, images: int, lowest: int, classes: int) -> None:
    if y.shape != (images,):
        raise ValueError(f"labels must be one for each of {images} images, but are {y.shape}")
    if not len(y):
        return
    if not np.issubdtype(y.dtype, np.integer):
        raise ValueError(f"labels must be whole numbers, but are {y.dtype}")
    if y.min() < lowest or y.max() >= classes:
        none = ", or -1 for none" if lowest < 0 else ": images to score on need a label"
        raise ValueError(
            f"labels must lie between 0 and {classes - 1}{none}; they go from {y.min()} to "
            f"{y.max()}"
        )
