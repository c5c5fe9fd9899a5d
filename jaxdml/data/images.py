"""A folder of images of a user's own, read by Pillow.

    photos/cat/…  photos/dog/…  photos/unlabelled/…

A sub-folder is a class; `unlabelled` (or `unlabeled`) holds images without a label. Such folders
may lie in `train`, `val` and `test` instead, and `unlabelled` beside these. Images may lie deeper;
hidden files are passed over.
"""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from jaxdml.data import own
from jaxdml.options import ConfigError, listed
from jaxdml.types import Dataset, Split

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
UNLABELLED = ("unlabelled", "unlabeled")
HIDDEN = re.compile(r"\..*|__MACOSX|Thumbs\.db|desktop\.ini")  # what systems leave in a folder
_SPLITS = (*own.SPLITS, "training", "valid", "validation", "testing")  # as others name them
SIDE = 64  # pixels: without a size given, that of images which are larger, or of several sizes
MOST_NAMED = 3  # files in a sentence
_ORIENTATION = 0x0112  # of an image's EXIF data; above 4, height and width change places
T = TypeVar("T")


class Item(NamedTuple):
    """An image on disk."""

    file: Path
    split: str
    label: str | None  # the name of its class


def make(
    data_dir: Path,
    *,
    path: str = "",
    size: int | None = None,
    channels: int | None = None,
    test_percent: int = 20,
) -> Dataset:
    """The data set in a folder.

    Args:
      data_dir: where it is looked for, if it is not where the path says.
      path: of the folder.
      size: pixels of a side; images are stretched to it. `None`: as they are, if they are of one
        size and no side has more than 64; else 64.
      channels: 1 (grey) or 3 (colour). `None`: grey, if all of them are.
      test_percent: of the labelled images of each class, where there is no `test`: so many are set
        apart, at least one of each.

    Raises:
      ConfigError: if the folder is missing or not as this module says, an image is damaged, or
        Pillow is not installed.
    """
    place = own.located("images", path, data_dir)
    if not place.is_dir():
        raise ConfigError(f"data.path={path} is a file: data.name=arrays reads an .npz file")
    if size is not None and (type(size) is not int or size < 1):
        raise ConfigError(f"data.size must be a whole number above 0, but is {size!r}")
    if channels not in (None, 1, 3):
        raise ConfigError(f"data.channels must be 1 (grey) or 3 (colour), but is {channels!r}")
    try:
        items, others = _items(place)
    except OSError as error:
        raise ConfigError(f"{place} cannot be read: {error}") from error
    shape, notes = _shape(place.name, [item.file for item in items], size)
    if others:
        few = listed(file.relative_to(place).as_posix() for file in others[:MOST_NAMED])
        rest = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        notes.append(f"{place.name}: no images by their names, and left out: {few}{rest}")
    x = pixels([item.file for item in items], shape, channels)
    classes = sorted({item.label for item in items if item.label}, key=natural)
    y = np.array([classes.index(i.label) if i.label else -1 for i in items], np.int32)
    split = np.array([item.split for item in items])
    here = [name for name in own.SPLITS if name in split]
    parts = {name: Split(x[split == name], y[split == name]) for name in here}
    return own.dataset(place, parts, classes, test_percent, notes)


def files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The images in a folder and the folders in it, in order; and files that are no images.

    They are told apart by the ending of their names. Numbers in names are in order of their size.
    """
    found = [path for path in folder.rglob("*") if path.is_file()]
    shown = [path for path in found if not any(map(_hidden, path.relative_to(folder).parts))]
    ordered = sorted(shown, key=lambda path: natural(path.relative_to(folder).as_posix()))
    return (
        [path for path in ordered if path.suffix.lower() in ENDINGS],
        [path for path in ordered if path.suffix.lower() not in ENDINGS],
    )


def pixels(files: Sequence[Path], shape: tuple[int, int], channels: int | None) -> np.ndarray:
    """The images of some files as u8[N, H, W, C].

    What is transparent becomes white, 16 bits become 8; of several frames the first counts.

    Args:
      files: at least one.
      shape: (H, W), to which images are stretched.
      channels: 1, 3, or `None`: 1 if all are grey, whatever the files call it, else 3.

    Raises:
      ConfigError: naming files that cannot be read, or if Pillow is not installed.
    """
    found = _each(files, lambda file: _decoded(file, shape, channels))
    colour = channels == 3 or (channels is None and any(image.ndim == 3 for image in found))
    x = np.empty((len(found), *shape, 3 if colour else 1), np.uint8)
    for row, image in zip(x, found, strict=True):
        row[:] = image if image.ndim == 3 else image[..., None]
    return x


def natural(name: str) -> list[tuple[bool, int, str]]:
    """A key to sort names by, with numbers in order of their size.

    >>> sorted(["10", "9", "b", "a2"], key=natural)
    ['9', '10', 'a2', 'b']
    """
    words = re.split(r"(\d+)", name)
    return [
        (False, int(word), "") if word.isdecimal() else (True, 0, word) for word in words if word
    ]


def _items(place: Path) -> tuple[list[Item], list[Path]]:
    """All images of a data set, split by split and class by class; and what is no image."""
    top = _folders(place)
    meant = [name for name in top if name.lower() in _SPLITS and name not in own.SPLITS]
    if meant:
        raise ConfigError(
            f"{place} holds {listed(meant)}: name the parts of a data set {listed(own.SPLITS)}, "
            "and a class not like one"
        )
    splits = [name for name in own.SPLITS if name in top]
    if splits and "train" not in splits:
        raise ConfigError(f"{place} has {splits[0]}, but no train beside it")
    roots = {name: place / name for name in splits} or {"train": place}
    strange = [name for name in top if name not in splits and not _unlabelled(name)]
    if splits and strange:
        raise ConfigError(
            f"{place} holds {listed(strange[:MOST_NAMED])} beside train: only "
            f"{listed(own.SPLITS)} and {UNLABELLED[0]} may lie there, the classes inside of them"
        )
    folders = [(root / name, split) for split, root in roots.items() for name in _folders(root)]
    folders += [(place / name, "train") for name in top if splits and _unlabelled(name)]
    items, others = [], []
    for folder, split in folders:
        images, rest = files(folder)
        label = None if _unlabelled(folder.name) else folder.name
        if not images and label:
            raise ConfigError(f"{folder} holds no image: put some there, or remove it")
        items += [Item(image, split, label) for image in images]
        others += rest
    for root in {place, *roots.values()}:
        loose = [path.name for path in root.iterdir() if path.suffix.lower() in ENDINGS]
        if loose:
            raise ConfigError(
                f"{root} holds images that are in no folder, like {min(loose)}: put each in that "
                f"of its class, or in {UNLABELLED[0]}"
            )
    if not items:
        raise ConfigError(f"{place} holds no folders of images: make one for each class")
    return sorted(items, key=lambda item: own.SPLITS.index(item.split)), others


def _folders(place: Path) -> list[str]:
    names = [path.name for path in place.iterdir() if path.is_dir() and not _hidden(path.name)]
    return sorted(names, key=natural)


def _unlabelled(name: str) -> bool:
    return name.lower() in UNLABELLED


def _hidden(name: str) -> bool:
    return HIDDEN.fullmatch(name) is not None


def _shape(name: str, files: Sequence[Path], size: int | None) -> tuple[tuple[int, int], list[str]]:
    """The (H, W) of a data set, and what to say of it."""
    sizes = sorted(set(_each(files, _size)), key=lambda size: size[0] * size[1])
    if size is not None:
        return (size, size), []
    if len(sizes) == 1 and max(sizes[0]) <= SIDE:
        return sizes[0], []
    few = " to ".join(
        f"{height} × {width}" for height, width in dict.fromkeys((sizes[0], sizes[-1]))
    )
    said = f"{name}: images of {few} pixels are stretched to {SIDE} × {SIDE} (data.size)"
    return (SIDE, SIDE), [said]


def _each(files: Sequence[Path], function: Callable[[Path], T]) -> list[T]:
    """What a function makes of each file, by several threads.

    Raises:
      ConfigError: naming those it fails for.
    """

    def attempt(file: Path) -> T | Exception:
        try:
            return function(file)
        except Exception as error:  # readers of damaged files raise all kinds
            return error

    _pillow()[0].init()  # before threads do
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(attempt, files))
    broken = [(file, e) for file, e in zip(files, found, strict=True) if isinstance(e, Exception)]
    if broken:
        few = "; ".join(f"{file}: {error}" for file, error in broken[:MOST_NAMED])
        raise ConfigError(
            f"{len(broken)} of {len(files)} images cannot be read ({few}): repair or remove them"
        )
    return [one for one in found if not isinstance(one, Exception)]


def _size(file: Path) -> tuple[int, int]:
    """(H, W) as it is looked at, from the first bytes of a file."""
    image_module, _ = _pillow()
    with image_module.open(file) as image:
        turned = image.getexif().get(_ORIENTATION, 1) > 4
        return image.size if turned else image.size[::-1]


def _decoded(file: Path, shape: tuple[int, int], channels: int | None) -> np.ndarray:
    """u8[H, W] if it is grey or should be, else u8[H, W, 3]."""
    image_module, operations = _pillow()
    with image_module.open(file) as image:
        image.draft(None, (max(shape), max(shape)))  # a JPEG is read no larger than it is needed
        image = _eight_bits(operations.exif_transpose(image))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            white = image_module.new("RGBA", image.size, "white")
            image = image_module.alpha_composite(white, image)
        image = image.convert("L" if channels == 1 or image.mode in ("1", "L") else "RGB")
        x = np.asarray(image.resize(shape[::-1]))
    grey = x.ndim == 3 and (x == x[..., :1]).all()
    return x[..., 0] if grey else x


def _eight_bits(image: Any) -> Any:
    """Pixels of 16 bits as 8."""
    if not image.mode.startswith(("I", "F")):
        return image
    x = np.asarray(image)
    if image.mode == "F" or x.min() < 0 or x.max() >= 2**16:
        raise ValueError("its pixels have 32 bits: put them into an .npz file, with their range")
    return _pillow()[0].fromarray(np.round(x / 257).astype(np.uint8))


def _pillow() -> tuple[Any, Any]:
    """Its modules Image and ImageOps."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ConfigError("images are read by Pillow: pip install 'jaxdml[images]'") from error
    return Image, ImageOps
