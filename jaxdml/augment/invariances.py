"""Invariances: which changes of an image keep its class.

A data set declares its own, like `("shift", "scale", "rotate", "erase")` for handwritten digits; a
mirrored digit is none, so flips are not among them. `data.invariances` declares others.
"""

from collections.abc import Iterable

import numpy as np

from jaxdml.options import ConfigError, listed
from jaxdml.types import Dataset

INVARIANCES = {
    "shift": "a shift by a few pixels",
    "scale": "another size of what is shown, by a few percent",
    "rotate": "a small rotation and shear; with quarter_turns, any rotation",
    "flip_horizontal": "left and right exchanged",
    "flip_vertical": "above and below exchanged",
    "quarter_turns": "a rotation by 90, 180 or 270 degrees",
    "brightness": "another brightness and contrast",
    "colour": "another hue and saturation",
    "erase": "a part of the image missing",
    "noise": "noise on each number",
    "dropout": "some numbers missing",
}
OF_IMAGES = ("shift", "scale", "brightness", "erase")  # where nothing is declared
OF_VECTORS = ("noise", "dropout")


def invariances_of(dataset: Dataset, declared: Iterable[str] | None = None) -> tuple[str, ...]:
    """The changes that keep the class of this data set's images.

    Args:
      dataset: its images are vectors where they have one row or one column.
      declared: names of `INVARIANCES`, which the user says; () for none at all. `None`: those of
        the data set, or else `OF_IMAGES` or `OF_VECTORS`, without what does not fit its images.

    Returns:
      names, in the order of `INVARIANCES`.

    Raises:
      ConfigError: for an unknown name, and for a declared one that does not fit the images, like
        colour where there is one channel.

    >>> from jaxdml.types import Split
    >>> part = Split(np.zeros((2, 8, 8, 1)), np.arange(2))
    >>> parts, declared = (part, part, part), ("shift", "colour")
    >>> d = Dataset("two", *parts, ("a", "b"), "made here", invariances=declared)
    >>> invariances_of(d)  # there is one channel
    ('shift',)
    >>> invariances_of(d, ("erase", "scale"))
    ('scale', 'erase')
    """
    shape = np.shape(dataset.train.x)[1:]
    if declared is not None:
        names = fitting(declared, shape)
        strange = [name for name in names if name not in OF_VECTORS]
        if dataset.columns is not None and strange:
            raise ConfigError(
                f"data.invariances: {strange[0]} is of images, but {dataset.name} has vectors, "
                f"whose columns have no order: {listed(OF_VECTORS)} are of vectors"
            )
        return names
    if dataset.invariances is None:
        return OF_VECTORS if is_vector(shape) else OF_IMAGES
    names = _checked_names(dataset.invariances, f"{dataset.name}: its invariances")
    return tuple(name for name in names if _misfit(name, shape) is None)


def fitting(names: Iterable[str], shape: tuple[int, ...]) -> tuple[str, ...]:
    """These names in the order of `INVARIANCES`, if all of them fit images of this shape.

    Args:
      names: of `INVARIANCES`.
      shape: (H, W, C) of an image.

    Raises:
      ConfigError: for an unknown name, or one that does not fit.

    >>> fitting(["erase", "shift"], (8, 8, 1))
    ('shift', 'erase')
    """
    ordered_names = _checked_names(names, "data.invariances")
    for name in ordered_names:
        if (needed := _misfit(name, shape)) is not None:
            size = " × ".join(map(str, shape))
            raise ConfigError(f"data.invariances: {name} needs {needed}, but images are {size}")
    return ordered_names


def is_vector(shape: tuple[int, ...]) -> bool:
    """Whether images of this shape, (H, W, C), are vectors: one row, or one column.

    >>> is_vector((1, 20, 1)), is_vector((8, 8, 1))
    (True, False)
    """
    return 1 in shape[:2]


def _checked_names(names: Iterable[str], what: str) -> tuple[str, ...]:
    names = (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        if name not in INVARIANCES:
            raise ConfigError(f"{what} must be some of {listed(INVARIANCES)}, but one is {name!r}")
    return tuple(name for name in INVARIANCES if name in names)


def _misfit(name: str, shape: tuple[int, ...]) -> str | None:
    """What this change needs that images of this shape have not."""
    height, width, channels = shape
    if name == "colour" and channels != 3:
        return "three channels"
    if name == "quarter_turns" and height != width:
        return "square images"
    if name in ("rotate", "erase") and is_vector(shape):
        return "images of more than one row and column"
    return None
