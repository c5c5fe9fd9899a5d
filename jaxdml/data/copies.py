"""Images that are in a data set more than once, found by their content, and what to say of them.

A copy of a training image among the test images makes scores too good; one in another class tells
a network two things; one in the same class counts twice.
"""

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxdml.data.folders import counted
from jaxdml.types import Dataset, Split

ROWS = 4096  # that are read at once
Called = Callable[[str, int], str]  # (part, row) → what the image is called


class Copy(NamedTuple):
    """One of several images of the same content, as the user has it."""

    part: str
    row: int
    label: int


class Kind(NamedTuple):
    """Images that have a copy of one kind."""

    message: str  # of them, in words
    split: str  # of the data set, in which one of them lies
    row: int  # of it
    pair: Callable[[Copy, Copy], bool]  # whether two copies are an example


def notes(dataset: Dataset, parts: Mapping[str, Split], called: Called) -> list[str]:
    """Returns one sentence for each kind of copies in the data set.

    Args:
      dataset: whose images are compared.
      parts: the same images as the user has them, perhaps in other parts, for an example.
      called: what image i of such a part is called.

    >>> x, y = np.zeros((2, 2, 2, 1), np.uint8), np.array([0, 1])
    >>> train, empty = Split(x, y), Split(x[:0], y[:0])
    >>> dataset = Dataset("two", train, empty, empty, ("a", "b"), "made here")
    >>> notes(dataset, {"train": train}, lambda part, row: f"{part}[{row}]")
    ['two: 2 images have copies in another class, like train[0] = train[1]']
    """
    splits = {"training": dataset.train, "validation": dataset.validation, "test": dataset.test}
    content = dict(zip(splits, contents(list(splits.values())), strict=True))
    labels = {name: np.asarray(part.y) for name, part in splits.items()}
    messages = []
    kinds = [*_crossing(content), *_torn(content, labels), *_unlabelled_copies(content, labels)]
    for kind in (*kinds, *_repeated(content, labels)):
        copies = _copies(splits[kind.split].x[kind.row], parts)
        pairs = ((first, other) for first in copies for other in copies if first != other)
        # where test images were set apart from the user's own part, any two copies will do
        example = next((pair for pair in pairs if kind.pair(*pair)), copies[:2])
        named = " = ".join(called(copy.part, copy.row) for copy in example)
        messages.append(f"{dataset.name}: {kind.message}, like {named}")
    return messages


def overlap_message(count: int, images: int, part: str, other_part: str) -> str:
    """What to say of images that two parts share.

    >>> overlap_message(2, 40, "test", "training")
    '2 of 40 test images are also among the training images, and make scores look better'
    """
    verbs = ("is", "makes") if count == 1 else ("are", "make")
    return (
        f"{count:,} of {images:,} {part} images {verbs[0]} also among the {other_part} images, and "
        f"{verbs[1]} scores look better"
    )


def shared(part: Split, other_part: Split) -> int:
    """How many images of a part are in another one too.

    >>> x, y = np.zeros((3, 2, 2, 1), np.uint8), np.zeros(3, int)
    >>> shared(Split(x[:2], y[:2]), Split(x[2:], y[2:]))
    2
    """
    ours, theirs = contents([part, other_part])
    return int(np.isin(ours, theirs).sum())


def contents(parts: Sequence[Split]) -> list[np.ndarray]:
    """For each image of each part a number, i64[N], that only those of the same content share.

    Bytes and floats are compared by what they stand for.
    """
    floats = _any_floats(parts)
    numbers: dict[bytes, int] = {}
    return [
        np.array(
            [
                numbers.setdefault(hashlib.blake2b(row.data, digest_size=16).digest(), len(numbers))
                for block in _blocks(part.x, floats)
                for row in block.reshape(len(block), -1).view(np.uint8)
            ],
            np.int64,
        )
        for part in parts
    ]


def _crossing(content: Mapping[str, np.ndarray]) -> Iterator[Kind]:
    """Copies in two parts."""
    files = {"training": "train", "validation": "val", "test": "test"}  # as the user has them
    for split, other in (("test", "training"), ("validation", "training"), ("test", "validation")):
        rows = np.flatnonzero(np.isin(content[split], content[other]))
        if len(rows):
            message = overlap_message(len(rows), len(content[split]), split, other)
            yield Kind(
                message, split, rows[0], functools.partial(_of, (files[split], files[other]))
            )


def _of(parts: tuple[str, str], copy: Copy, other: Copy) -> bool:
    return (copy.part, other.part) == parts


def _torn(content: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]) -> Iterator[Kind]:
    """Copies with another label."""
    everything, y = np.concatenate([*content.values()]), np.concatenate([*labels.values()])
    distinct_contents = _distinct(everything[y >= 0], y[y >= 0])[1]
    several = distinct_contents[1:][distinct_contents[1:] == distinct_contents[:-1]]
    rows = {
        split: np.flatnonzero(np.isin(content[split], several) & (labels[split] >= 0))
        for split in content
    }
    if len(several):
        message = counted(sum(map(len, rows.values())), "image has a copy", "images have copies")
        split = next(split for split in rows if len(rows[split]))
        yield Kind(
            f"{message} in another class",
            split,
            rows[split][0],
            lambda a, b: -1 < a.label != b.label > -1,
        )


def _unlabelled_copies(
    content: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
) -> Iterator[Kind]:
    """Training images without a label, of which another copy has one."""
    x, y = content["training"], labels["training"]
    rows = np.flatnonzero((y < 0) & np.isin(x, x[y >= 0]))
    if len(rows):
        message = counted(len(rows), "image without a label has", "images without a label have")
        message += " a copy with one"
        yield Kind(message, "training", rows[0], lambda a, b: a.label < 0 <= b.label)


def _repeated(
    content: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
) -> Iterator[Kind]:
    """Images of which another copy in the same part has the same label, or none either."""
    counts, kinds = [], []
    for words, labelled in (("of the same class", True), ("without a label", False)):
        rows = {}
        for split, x in content.items():
            y = labels[split]
            rows[split] = np.setdiff1d(np.flatnonzero((y >= 0) == labelled), _distinct(x, y)[0])
        count = sum(map(len, rows.values()))
        if count:
            counts.append(
                counted(count, "image repeats", "images repeat") + f" another one {words}"
            )
            split = next(split for split in rows if len(rows[split]))
            kinds.append((split, rows[split][0]))
    if kinds:
        message = " and ".join(counts)
        yield Kind(message, *kinds[0], lambda a, b: (a.part, a.label) == (b.part, b.label))


def _distinct(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows where a pair of content and label comes first, and their contents, in order."""
    _, first = np.unique(x * (y.max(initial=0) + 2) + y, return_index=True)
    return first, x[first]


def _copies(image: np.ndarray, parts: Mapping[str, Split]) -> list[Copy]:
    """The images of this content: the first two of each part and label."""
    floats = _any_floats(list(parts.values()))
    [[image_values]] = _blocks(image[None], floats)
    matches = []
    for name, part in parts.items():
        start = 0
        for block in _blocks(part.x, floats):
            rows = start + np.flatnonzero((block == image_values).all((1, 2, 3)))
            matches += [Copy(name, row, int(part.y[row])) for row in rows.tolist()]
            start += len(block)
    kept: dict[tuple[str, int], list[Copy]] = {}
    for copy in matches:
        kept.setdefault((copy.part, copy.label), []).append(copy)
    return [copy for copies in kept.values() for copy in copies[:2]]


def _any_floats(parts: Sequence[Split]) -> bool:
    return any(part.x.dtype != np.uint8 for part in parts if len(part.x))


def _blocks(x: np.ndarray, floats: bool) -> Iterator[np.ndarray]:
    """Images, some at a time: they may be too many to be copied."""
    for start in range(0, len(x), ROWS):
        block = np.ascontiguousarray(x[start : start + ROWS])
        if floats:
            block = (
                block / np.float32(255)
                if block.dtype == np.uint8
                else block.astype(np.float32, copy=False)
            )
        yield block
