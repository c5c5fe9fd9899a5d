"""Images or vectors, and labels, of a user's own in one `.npz` file.

    np.savez("photos.npz", x=x, y=y)

`x` holds images, (N, H, W) or (N, H, W, C), of any size: uint8 from 0 to 255, floats in [0, 1], or
any numbers whose range the file states, like `range=(-1, 1)`. Or it holds vectors, (N, d), of any
numbers: their columns are standardised by the training part. `y` holds their classes, counted from
0, and -1 for images without a label. There may be `x_test` and `y_test`, and `x_val` and `y_val`,
all of them labelled, and `classes`, their names.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxdml.data import npz, vectors
from jaxdml.data.folders import first_names
from jaxdml.data.sets import user
from jaxdml.options import ConfigError, listed
from jaxdml.types import Dataset, Split


def make(
    data_dir: Path, *, path: str = "", test_percent: int = 20, folds: int | None = None
) -> Dataset:
    """The data set in an `.npz` file.

    Args:
      data_dir: where it is looked for, if it is not where the path says.
      path: of the file.
      test_percent: of the labelled images of each class, where the file has no test images: so many
        are set apart, at least one of each.
      folds: in how many parts the labelled images take turns as test images instead. `None`: in
        five, where fewer than forty would be set apart; 0: in none.

    Raises:
      ConfigError: if the file is missing, or not as this module says.
    """
    npz_file = user.located("arrays", path, data_dir)
    if npz_file.is_dir():
        raise ConfigError(f"data.path={path} is a folder: data.name=images reads one")
    ends = {"train": "", "val": "_val", "test": "_test"}
    array_names = {
        "classes",
        "range",
        *(f"{array}{end}" for array in "xy" for end in ends.values()),
    }
    arrays = npz.read(npz_file, array_names)
    parts, notes = {}, []
    of_vectors = "x" in arrays and arrays["x"].ndim == 2
    for split, end in ends.items():
        keys = f"x{end}", f"y{end}"
        there = [key for key in keys if key in arrays]
        if len(there) == 1 or (split == "train" and not there):
            raise ConfigError(
                f"{npz_file} must hold {' and '.join(keys)}, one label for each image and -1 where "
                f"there is none, but holds {listed(npz.names(npz_file)) or 'nothing'}"
            )
        if there:
            read_x = rows_of_vectors if of_vectors else pixels
            x = read_x(arrays, keys[0], str(npz_file))
            parts[split] = Split(x, _labels(arrays[keys[1]], keys[1], npz_file))
            if not of_vectors:
                notes += dim(x, f"{npz_file.name}: {keys[0]}", stated="range" in arrays)
    if unread := [key for key in npz.names(npz_file) if key not in array_names]:
        notes.append(f"{npz_file.name}: arrays of other names are left out: {first_names(unread)}")
    names = _class_names(arrays["classes"], npz_file) if "classes" in arrays else None
    if not of_vectors:
        return user.dataset(npz_file, parts, names, test_percent, folds, notes)
    raw = vectors.columns_of(arrays["x"])  # says that they are vectors: the training part's follow
    return vectors.standardised(
        user.dataset(npz_file, parts, names, test_percent, folds, notes, columns=raw)
    )


def _class_names(names: np.ndarray, file: Path) -> list[str]:
    """The names of classes as text.

    Raises:
      ConfigError: if they are no words or whole numbers.
    """
    if names.dtype.kind not in "USui":
        raise ConfigError(f"{file}: classes must hold words or whole numbers, but is {names.dtype}")
    return [
        name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(name)
        for name in np.ravel(names).tolist()
    ]


def rows_of_vectors(arrays: Mapping[str, np.ndarray], key: str, file: str) -> np.ndarray:
    """The vectors as images of one row, [N, 1, d, 1] of floats, before they are standardised.

    Args:
      arrays, key, file: as for `pixels`.

    Raises:
      ConfigError: if they are no vectors, or not finite.

    >>> rows_of_vectors({"x": np.ones((2, 3))}, "x", "a.npz").shape
    (2, 1, 3, 1)
    """
    if "range" in arrays:
        raise ConfigError(
            f"{file}: range is of images, but x holds vectors, whose columns are standardised: "
            "leave range out"
        )
    if arrays[key].ndim != 2:
        raise ConfigError(
            f"{file}: {key} must be (N, d), as the vectors x, but is {arrays[key].shape}"
        )
    return vectors.plain(arrays[key], key, file)


def pixels(arrays: Mapping[str, np.ndarray], key: str, file: str) -> np.ndarray:
    """The images as u8[N, H, W, C], or f32 in [0, 1].

    Args:
      arrays: the arrays of a file; a `range` among them says between which values the numbers lie.
      key: which of them are images.
      file: the file, for the error message.

    Raises:
      ConfigError: if they are no images, or of another range.

    >>> pixels({"x": np.full((1, 2, 2), 5.0), "range": np.array([0, 10])}, "x", "a.npz").max()
    np.float32(0.5)
    """
    x, stated = arrays[key], arrays.get("range")
    array_name = f"{file}: {key}"
    if x.ndim == 3:
        x = x[..., None]
    if key == "x" and x.ndim == 4 and not len(x):
        raise ConfigError(f"{array_name} holds no image: two classes of images are the least")
    if x.ndim != 4 or 0 in x.shape[1:]:
        raise ConfigError(
            f"{array_name} must be (N, height, width) or (N, height, width, channels), or (N, d) "
            f"of vectors, but is {x.shape}"
        )
    if x.shape[1] in (1, 3) and x.shape[3] > 4:
        raise ConfigError(
            f"{array_name} is {x.shape}, but channels come last: turn it by x.transpose(0, 2, 3, 1)"
        )
    if x.dtype.kind not in "iuf":
        raise ConfigError(f"{array_name} must hold numbers, but is {x.dtype}")
    if stated is None and x.dtype == np.uint8:
        return x
    if stated is None and np.issubdtype(x.dtype, np.integer):
        raise ConfigError(
            f"{array_name} is {x.dtype}: make it uint8, from 0 to 255, or state its range beside "
            "it, like range=(0, 4095)"
        )
    low, high = (0.0, 1.0) if stated is None else _stated(stated, file)
    x = x.astype(np.float32, copy=False)
    least, most = x.min(initial=np.inf), x.max(initial=-np.inf)
    if np.isnan([least, most]).any():
        raise ConfigError(f"{array_name} holds NaN")
    if least < low or most > high:
        raise ConfigError(
            f"{array_name} must lie in [{low:g}, {high:g}], but goes from {least:g} to {most:g}: "
            "scale it, or state its range beside it, like range=(-1, 1)"
        )
    return x if stated is None else (x - low) / (high - low)


def dim(x: np.ndarray, name: str, *, stated: bool = False) -> list[str]:
    """Returns a note if the largest value is below a quarter of what is taken for white.

    Args:
      x: u8[N, H, W, C], or f32 in [0, 1].
      name: what they are called.
      stated: whether their range is, so that it is meant.

    >>> dim(np.full((1, 2, 2, 1), 0.125), "x")
    ['x: floats are taken from 0 to 1, and the largest is 0.125']
    """
    subject, bright = ("uint8 is", 64) if x.dtype == np.uint8 else ("floats are", 0.25)
    most = x.max(initial=0)
    if stated or not len(x) or most >= bright:
        return []
    white = 255 if x.dtype == np.uint8 else 1
    return [f"{name}: {subject} taken from 0 to {white}, and the largest is {most:.3g}"]


def _stated(stated: np.ndarray, file: str) -> tuple[np.float32, np.float32]:
    """The range of a file, as float32."""
    usual = stated.shape == (2,) and stated.dtype.kind in "iuf"
    if usual:
        with np.errstate(over="ignore", invalid="ignore"):
            low, high = stated.astype(np.float32)
            usual = bool(low < high) and bool(np.isfinite(high - low))
    if not usual:
        raise ConfigError(
            f"{file}: range must be two numbers, the smaller one first, like (0, 255), but is "
            f"{' '.join(str(stated).split())}"
        )
    return low, high


def _labels(y: np.ndarray, key: str, file: Path) -> np.ndarray:
    """Labels as i32[N]."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if not np.issubdtype(y.dtype, np.integer) or y.ndim != 1:
        raise ConfigError(
            f"{file}: {key} must hold a whole number for each image, but is {y.dtype} {y.shape}"
        )
    if len(y) and (y.min() < -1 or y.max() >= 2**31):
        raise ConfigError(
            f"{file}: {key} must hold classes from 0 on, or -1 for none, but goes from {y.min()} "
            f"to {y.max()}"
        )
    return y.astype(np.int32)
