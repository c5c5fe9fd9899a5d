"""A folder of images of a user's own, read by Pillow.

    photos/cat/…  photos/dog/…  photos/unlabelled/…

A sub-folder is a class; `unlabelled` (or `unlabeled`) holds images without a label. Such folders
may lie in `train`, `val` and `test` instead, and `unlabelled` beside these. Images may lie deeper,
and folders and files may be links; `folders` says which are read, and `decoding` how.

Where the folder holds a table `labels.csv`, that says the classes instead, and images may lie
anywhere: see `label_files`.
"""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdml.data import decoding, folders, label_files
from jaxdml.data.sets import user
from jaxdml.options import ConfigError, listed
from jaxdml.types import Dataset, Split

UNLABELLED = ("unlabelled", "unlabeled")
_SPLITS = (*user.SPLITS, "training", "valid", "validation", "testing")  # as others name them
LARGEST_SIDE = 4096  # pixels: a thousand such images in grey are 16 GiB
SIDE = 64  # pixels: without a size given, that of images which are larger, or of several sizes


class Item(NamedTuple):
    """An image on disk."""

    file: Path
    split: str
    label: str | None  # the name of its class
    folder: Path  # of its class


def make(
    data_dir: Path,
    *,
    path: str = "",
    size: int | None = None,
    channels: int | None = None,
    range: tuple[float, float] | None = None,  # noqa: A002  its field is data.range
    skip_damaged: bool | None = None,
    megapixels: float | None = None,
    test_percent: int = 20,
    folds: int | None = None,
) -> Dataset:
    """The data set in a folder.

    Args:
      data_dir: where it is looked for, if it is not where the path says.
      path: of the folder.
      size: pixels of a side, from 1 to 4,096; images are stretched to it. `None`: as they
        are, if they are of one size and no side has more than 64; else 64.
      channels: 1 (grey) or 3 (colour). `None`: grey, if all of them are.
      range: the two values that become black and white, like (0, 4095) where a camera of 12 bits
        wrote files of 16. `None`: 0 and 65,535 of files of 16 bits, 0 and 255 of files of 8.
      skip_damaged: whether files that cannot be read are left out, with a note; else they are an
        error.
      megapixels: of the largest picture that is read. `None`: 178.
      test_percent: of the labelled images of each class, where there is no `test`: so many are set
        apart, at least one of each.
      folds: in how many parts the labelled images take turns as test images instead. `None`: in
        five, where fewer than forty would be set apart; 0: in none.

    Raises:
      ConfigError: if the folder is missing or not as this module says, an image is damaged or has
        values outside of the range that is stated, or Pillow is not installed.
    """
    data_folder = user.located("images", path, data_dir)
    if not data_folder.is_dir():
        raise ConfigError(f"data.path={path} is a file: data.name=arrays reads an .npz file")
    if size is not None and (type(size) is not int or not 1 <= size <= LARGEST_SIDE):
        raise ConfigError(
            f"data.size must be a whole number from 1 to {LARGEST_SIDE:,}, but is {size!r}"
        )
    if channels not in (None, 1, 3):
        raise ConfigError(f"data.channels must be 1 (grey) or 3 (colour), but is {channels!r}")
    span, name = _span(range), folders.text(data_folder.absolute().name)
    passed = folders.Passed()
    table = data_folder / label_files.NAME
    items = _listed(table, passed) if table.is_file() else _items(data_folder, passed)
    if megapixels is not None and not megapixels > 0:
        raise ConfigError(f"data.megapixels must be above 0, but is {megapixels!r}")
    with decoding.limit(megapixels):
        damaged = decoding.damaged([item.file for item in items]) if skip_damaged else {}
    items = [item for item in items if item.file not in damaged]
    files = [item.file for item in items]
    if not files:
        raise ConfigError(f"{data_folder}: all {len(damaged):,} images are damaged")
    with decoding.limit(megapixels):
        shape, notes = shape_of(name, files, size)
        x, changes = decoding.pixels(files, shape, channels, span, name)
    notes += passed.notes(data_folder, name)
    reasons = tuple(
        f"{folders.relative(file, data_folder)}: {why}" for file, why in damaged.items()
    )
    if reasons:
        subject = folders.counted(len(reasons), "image is damaged", "images are damaged")
        notes.append(f"{name}: {subject}, and left out: {folders.first_names(list(reasons))}")
    notes += [] if table.is_file() else _deeper(data_folder, name, items)
    classes = sorted({item.label for item in items if item.label}, key=folders.natural)
    y = np.array([classes.index(i.label) if i.label else -1 for i in items], np.int32)
    split = np.array([item.split for item in items])
    rows = {part: np.flatnonzero(split == part) for part in user.SPLITS if part in split}
    parts = {part: Split(x[chosen], y[chosen]) for part, chosen in rows.items()}

    def called(part: str, row: int) -> str:
        return folders.relative(files[rows[part][row]], data_folder)

    dataset = user.dataset(
        data_folder, parts, classes, test_percent, folds, [*notes, *changes], called
    )
    return dataclasses.replace(dataset, damaged=reasons)


def shape_of(
    name: str, files: Sequence[Path], size: int | None
) -> tuple[tuple[int, int], list[str]]:
    """Returns the (H, W) of a data set, and a note if images are stretched to it.

    Args:
      name: of the data set.
      files: its images.
      size: pixels of a side, as for `make`.

    >>> shape_of("photos", [], 32)[0]
    (32, 32)
    """
    if size is not None:
        return (size, size), []
    sizes = sorted(set(decoding.sizes(files)), key=lambda size: size[0] * size[1])
    if len(sizes) == 1 and max(sizes[0]) <= SIDE:
        return sizes[0], []
    few = " to ".join(
        f"{height} × {width}" for height, width in dict.fromkeys((sizes[0], sizes[-1]))
    )
    message = f"{name}: images of {few} pixels are stretched to {SIDE} × {SIDE} (data.size)"
    return (SIDE, SIDE), [message]


def _items(data_folder: Path, passed: folders.Passed) -> list[Item]:
    """All images of a data set, split by split and class by class."""
    inner, loose = folders.entries(data_folder, passed)
    top = [path.name for path in inner]
    meant = [name for name in top if name.lower() in _SPLITS and name not in user.SPLITS]
    if meant:
        raise ConfigError(
            f"{data_folder} holds {listed(meant)}: name the parts of a data set "
            f"{listed(user.SPLITS)}, and a class not like one"
        )
    splits = [name for name in user.SPLITS if name in top]
    if splits and "train" not in splits:
        raise ConfigError(f"{data_folder} has {splits[0]}, but no train beside it")
    roots = {name: data_folder / name for name in splits}
    strange = [name for name in top if name not in splits and not _unlabelled(name)]
    if splits and strange:
        raise ConfigError(
            f"{data_folder} holds {listed(strange[: folders.MOST_NAMED])} beside train: only "
            f"{listed(user.SPLITS)} and {UNLABELLED[0]} may lie there, the classes inside of them"
        )
    classes: list[tuple[Path, str]] = []
    for split in splits or ["train"]:
        within = inner
        if splits:
            within, loose_files = folders.entries(roots[split], passed)
            loose += loose_files
        classes += [(folder, split) for folder in within]
    classes += [(path, "train") for path in inner if splits and _unlabelled(path.name)]
    items = []
    for folder, split in classes:
        images = folders.files(folder, passed)
        label = None if _unlabelled(folder.name) else folders.text(folder.name)
        if not images and label:
            raise ConfigError(f"{folders.no_image(folder, passed)}: put some there, or remove it")
        items += [Item(image, split, label, folder) for image in images]
    if wrong := [path for path in loose if folders.is_image(path)]:
        raise ConfigError(
            f"{wrong[0].parent} holds images that are in no folder, like {wrong[0].name}: put each "
            f"in that of its class, or in {UNLABELLED[0]}"
        )
    passed.others += loose
    if not items:
        raise ConfigError(
            f"{folders.no_image(data_folder, passed)}: make a folder of images for each class"
        )
    return sorted(items, key=lambda item: user.SPLITS.index(item.split))


def _listed(table: Path, passed: folders.Passed) -> list[Item]:
    """All images of a data set whose labels are in a table, split by split."""
    data_folder = table.parent
    files = folders.files(data_folder, passed)
    passed.others = [path for path in passed.others if path != table]
    by_name = {folders.relative(file, data_folder): file for file in files}
    labels = label_files.read(table, by_name, user.SPLITS)
    items = []
    for name, file in by_name.items():
        label, split = labels.get(name, label_files.Label(None, None))
        top = name.split("/")[0]
        in_folder = top if top in user.SPLITS and "/" in name else "train"
        items.append(Item(file, split or in_folder, label, data_folder))
    if not any(item.label for item in items):
        raise ConfigError(f"{table} gives no image a label: fill in its column label")
    if nameless := [item for item in items if item.split != "train" and item.label is None]:
        raise ConfigError(
            f"{table} gives {nameless[0].file} no label, but it is of {nameless[0].split}: images "
            "of val and test need one"
        )
    return sorted(items, key=lambda item: user.SPLITS.index(item.split))


def _deeper(data_folder: Path, name: str, items: Sequence[Item]) -> list[str]:
    """What to say of folders inside of a class that are called like a part of a data set."""
    count_by_folder: dict[Path, int] = {}
    for item in items:
        deep = item.file.relative_to(item.folder).parts[:-1]
        if item.label and any(part.lower() in (*_SPLITS, *UNLABELLED) for part in deep):
            count_by_folder[item.file.parent] = count_by_folder.get(item.file.parent, 0) + 1
    if not count_by_folder:
        return []
    images = folders.counted(sum(count_by_folder.values()), "image lies", "images lie")
    few = folders.first_names([folders.relative(path, data_folder) for path in count_by_folder])
    return [
        f"{name}: {images} in folders that are called like a part, but inside "
        f"of a class, and count as of that class: {few}"
    ]


def _unlabelled(name: str) -> bool:
    return name.lower() in UNLABELLED


def _span(stated: Any) -> tuple[float, float] | None:
    """A stated range, checked."""
    if stated is None:
        return None
    usual = isinstance(stated, (tuple, list)) and len(stated) == 2
    usual = usual and all(type(end) in (int, float) and math.isfinite(end) for end in stated)
    if not usual or not stated[0] < stated[1]:
        raise ConfigError(
            "data.range must be two numbers, that of black and the larger one of white, like "
            f"(0, 4095), but is {stated!r}"
        )
    return stated[0], stated[1]
