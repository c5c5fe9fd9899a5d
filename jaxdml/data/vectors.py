"""Vectors: rows of a table, or embeddings of somebody else's network, as images of one row.

Each column is standardised by its mean and its standard deviation over the training part, since a
network learns badly where one column is a thousand times as large as another.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from jaxdml.options import ConfigError
from jaxdml.types import Columns, Dataset, Split

LARGEST = 1e38  # of a number; float32 ends a little later
ROWS = 2**14  # at a time: a table may lie on disk


def columns_of(vectors: Any, names: tuple[str, ...] = ()) -> Columns:
    """The mean and the standard deviation of each column, in two passes over the rows.

    Args:
      vectors: [N, d], N ≥ 1; it may lie on disk, as in a `numpy.memmap`.
      names: of the columns.

    >>> columns_of(np.array([[0.0, 5.0], [2.0, 5.0]])).deviation
    array([1., 1.])
    """
    with np.errstate(over="ignore", invalid="ignore"):  # said of the rows, where they are read
        mean = sum(part.sum(axis=0) for part in _parts(vectors)) / len(vectors)
        square = sum(((part - mean) ** 2).sum(axis=0) for part in _parts(vectors)) / len(vectors)
    deviation = np.sqrt(square)
    constant = deviation <= 1e-12 * np.abs(mean)  # what rounding leaves
    return Columns(mean, np.where(constant, 1, deviation), names)


def as_images(vectors: Any, columns: Columns) -> np.ndarray:
    """Standardised vectors as images of one row, f32[N, 1, d, 1].

    Args:
      vectors: [N, d]; it may lie on disk.
      columns: of the training part.

    Raises:
      ValueError: if one is not finite.

    >>> as_images(np.array([[3.0], [5.0]]), Columns(np.array([4.0]), np.array([2.0]))).ravel()
    array([-0.5,  0.5], dtype=float32)
    """
    images = np.empty((len(vectors), 1, vectors.shape[1], 1), np.float32)
    for start in range(0, len(vectors), ROWS):
        part = slice(start, start + ROWS)
        with np.errstate(over="ignore", invalid="ignore"):
            raw = np.asarray(vectors[part], np.float64)
            rows = np.where(np.isfinite(columns.deviation), raw - columns.mean, np.nan)
            rows /= columns.deviation
        with np.errstate(over="ignore"):  # of a row that is far from all others
            images[part, 0, :, 0] = rows
        if not np.isfinite(images[part]).all():
            raise ValueError(
                "Input X contains NaN or infinity, or numbers too large for float32: leave such "
                "rows out, or fill them"
            )
    return images


def _parts(vectors: Any) -> Iterator[np.ndarray]:
    """Some rows at a time, in float64."""
    for start in range(0, len(vectors), ROWS):
        yield np.asarray(vectors[start : start + ROWS], np.float64)


def original(images: np.ndarray, columns: Columns) -> np.ndarray:
    """Vectors f64[N, d] in their own units, from what `as_images` gives, f32[N, 1, d, 1].

    >>> original(np.full((1, 1, 1, 1), -0.5), Columns(np.array([4.0]), np.array([2.0])))
    array([[3.]])
    """
    return images[:, 0, :, 0] * columns.deviation + columns.mean


def plain(vectors: Any, key: str, file: str) -> np.ndarray:
    """Vectors as images of one row, [N, 1, d, 1] of floats, before they are standardised.

    Args:
      vectors: [N, d].
      key: what they are called in the file.
      file: for the error message.

    Raises:
      ConfigError: if they are no numbers, or one is not finite.
    """
    if vectors.dtype.kind not in "buif":
        raise ConfigError(f"{file}: {key} must hold numbers, but is {vectors.dtype}")
    if not len(vectors):
        raise ConfigError(f"{file}: {key} holds no row")
    if not vectors.shape[1]:
        raise ConfigError(f"{file}: {key} must have a column at least, but is {vectors.shape}")
    if vectors.dtype.kind != "f":
        vectors = vectors.astype(np.float64)
    wrong = ~np.isfinite(vectors).all(axis=1)
    if wrong.any():
        raise ConfigError(
            f"{file}: {key} holds NaN or infinity in {wrong.sum():,} rows, the first is row "
            f"{int(wrong.argmax())}: leave such rows out, or fill them"
        )
    if vectors.dtype.itemsize > 4 and (most := max(vectors.max(), -vectors.min())) > LARGEST:
        raise ConfigError(
            f"{file}: {key} holds numbers up to {most:.3g}, and {LARGEST:.3g} is the most: divide "
            "such columns"
        )
    return np.asarray(vectors[:, None, :, None])


def standardised(dataset: Dataset, names: tuple[str, ...] = ()) -> Dataset:
    """A data set of vectors, each part standardised by the training part's columns.

    Args:
      dataset: of images as `plain` gives them.
      names: of the columns.
    """
    columns = columns_of(dataset.train.x[:, 0, :, 0], names)

    def part(split: Split) -> Split:
        return Split(as_images(split.x[:, 0, :, 0], columns), split.y)

    return dataclasses.replace(
        dataset,
        train=part(dataset.train),
        validation=part(dataset.validation),
        test=part(dataset.test),
        columns=columns,
    )
