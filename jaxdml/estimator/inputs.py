"""What `fit` and `transform` are given: images or vectors, and labels of some of them.

X                              what the network sees
uint8 images                   as they are: u8[N, H, W, C], 0 to 255
float images in [0, 1]         f32[N, H, W, C]
paths of image files           u8[N, H, W, C], stretched to one size
vectors (n, d) of any range    standardised by the training part: f32[N, 1, d, 1]
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils.validation import column_or_1d

from jaxdml.data import decoding
from jaxdml.data.sets.images import shape_of

ROWS = 2**14  # images that are looked at, at a time: they may lie on disk


class Labels(NamedTuple):
    """Labels as whole numbers."""

    numbers: np.ndarray  # i32[N]; -1 where there is none
    classes: np.ndarray  # [C], the labels as they were given, sorted


def are_files(x: Any) -> bool:
    """Whether these are paths of files.

    >>> are_files(["a.png", "b.png"]), are_files([[0.5, 1.0]])
    (True, False)
    """
    if isinstance(x, np.ndarray) and (x.ndim != 1 or x.dtype.kind not in "UO"):
        return False
    if not isinstance(x, (list, tuple, np.ndarray)) or not len(x):
        return False
    return all(isinstance(item, (str, Path)) for item in x)


def from_files(
    x: Any, shape: tuple[int, int, int] | None, options: Mapping[str, Any]
) -> tuple[np.ndarray, list[str]]:
    """The images in some files, u8[N, H, W, C], and notes of what was changed in them.

    Args:
      x: their paths.
      shape: (H, W, C) of those that `fit` saw; `None`: by the options and the files.
      options: of them `data.size`, `data.channels` and `data.range` are read, see
        `jaxdml.data.sets.images`.

    Raises:
      ConfigError: naming files that cannot be read.
    """
    files = [Path(item) for item in x]
    notes: list[str] = []
    channels = options.get("data.channels") if shape is None else shape[2]
    if shape is None:
        size, notes = shape_of("X", files, options.get("data.size"))
    else:
        size = shape[:2]
    images, changes = decoding.pixels(files, size, channels, options.get("data.range"), "X")
    return images, [*notes, *changes]


def as_array(x: Any) -> Any:
    """Images or vectors as an array: a frame's values, a list's; an array on disk stays there.

    Raises:
      ValueError: if it is no array of numbers, or its rows are of different lengths.

    >>> as_array([[0, 1], [2, 3]]).shape
    (2, 2)
    """
    if sparse.issparse(x):
        raise TypeError("Sparse data was passed, but dense data is required: use X.toarray()")
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()
    if not isinstance(x, np.ndarray):
        try:
            x = np.asarray(x)
        except ValueError as error:
            raise ValueError(
                f"X must hold rows of one length, but its rows are of different ones ({error})"
            ) from error
    if x.dtype == object:
        try:
            numbers = [np.nan if _is_null(value) else value for value in x.ravel().tolist()]
            x = np.array(numbers, np.float64).reshape(x.shape)
        except (TypeError, ValueError) as error:
            raise type(error)(f"X must hold numbers, but holds objects ({error})") from error
    if x.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: X must hold real numbers, but is {x.dtype}")
    if x.dtype.kind not in "buif":
        raise ValueError(f"X must hold numbers, but is {x.dtype}")
    if x.ndim not in (2, 3, 4):
        raise ValueError(
            "X must be vectors (n, d), or images (n, height, width) or (n, height, width, "
            f"channels), but its shape is {x.shape}. Reshape your data"
        )
    return x


def _is_null(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType"


def labels_of(y: Any, rows: int) -> Labels:
    """Labels as whole numbers, and what they stood for.

    Args:
      y: [N], a label each. None, NaN, and -1 among whole numbers say that there is none.
      rows: N.

    Raises:
      ValueError: if it is not one label a row, or its labels are no classes.

    >>> labels_of(["cat", None, "dog"], 3)
    Labels(numbers=array([ 0, -1,  1], dtype=int32), classes=array(['cat', 'dog'], dtype='<U3'))
    >>> labels_of([7, -1, 3], 3).classes.tolist()
    [3, 7]
    """
    if hasattr(y, "to_numpy"):
        y = y.to_numpy()
    elif hasattr(y, "__array__"):
        y = np.asarray(y)
    else:
        y = np.array(list(y), object)  # a list of words with a gap is not a list of words
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if y.ndim != 1 or len(y) != rows:
        raise ValueError(
            f"y must hold one label for each of the {rows} rows of X, -1 or None where there is "
            f"none, but its shape is {y.shape}"
        )
    missing = np.array([_is_missing(label) for label in y.tolist()], bool)
    present = y[~missing]
    if present.dtype == object:
        kinds = {type(label) for label in present.tolist()}
        if len(kinds) > 1 and str in kinds:
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise ValueError(f"y must hold labels of one type, but holds {names}")
        present = np.array(present.tolist())
    if present.dtype.kind == "f":
        if not np.isfinite(present).all():
            raise ValueError("Unknown label type: y must hold classes, but holds infinity")
        if (present != np.round(present)).any():
            raise ValueError(
                "Unknown label type: y must hold classes, as whole numbers or words, but holds "
                f"fractions like {present[present != np.round(present)][0]:g}"
            )
        present = present.astype(np.int64) if missing.any() else present
    elif present.dtype.kind not in "biuUS" and len(present):
        raise ValueError(f"Unknown label type: y must hold classes, but is {present.dtype}")
    numbers = np.full(rows, -1, np.int32)
    unlabelled = present == -1 if present.dtype.kind in "if" else np.zeros(len(present), bool)
    classes, positions = np.unique(present[~unlabelled], return_inverse=True)
    numbers[np.flatnonzero(~missing)[~unlabelled]] = positions
    return Labels(numbers, classes)


def _is_missing(label: Any) -> bool:
    """Whether a label says that there is none: None, NaN, pandas.NA, or the whole number -1."""
    if label is None or (isinstance(label, (int, np.integer)) and label == -1):
        return True
    try:
        return bool(label != label)
    except TypeError:  # pandas.NA is not even false
        return True


def images_of(x: Any) -> np.ndarray:
    """What the network sees of images: u8[N, H, W, C], or f32.

    Args:
      x: [N, H, W] or [N, H, W, C].

    Raises:
      ValueError: for images of another range, and for NaN.
    """
    x = x[..., None] if x.ndim == 3 else x
    if x.dtype == np.uint8:
        return np.asanyarray(x)
    if x.dtype.kind != "f":
        raise ValueError(
            f"Images must be uint8, from 0 to 255, or floats in [0, 1], but X is {x.dtype}: "
            "divide it by its largest value"
        )
    for start in range(0, len(x), ROWS):
        if not np.isfinite(x[start : start + ROWS]).all():
            raise ValueError("Input X contains NaN or infinity: leave such rows out, or fill them")
    low, high = x.min(initial=0), x.max(initial=0)
    if low < 0 or high > 1:
        raise ValueError(
            f"Images of floats must lie in [0, 1], but X goes from {low:g} to {high:g}: scale it"
        )
    return np.asanyarray(x.astype(np.float32, copy=False))
