"""Files of images as bytes, by Pillow, and what becomes of them on the way.

Images are turned as their camera says, stretched to one size, and have 8 bits a value. What is
transparent becomes white; of several frames the first counts.
"""

import math
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from jaxdml.data.folders import MOST_NAMED, counted
from jaxdml.options import ConfigError

_ORIENTATION = 0x0112  # of an image's EXIF data; above 4, height and width change places
_WHITE = {8: 2**8 - 1, 16: 2**16 - 1}  # by the bits of a value, where no range is stated
_DIM = 4  # images are, whose largest value is below this part of white
_CHANGED = 1.1  # a ratio of height to width by more than this factor
T = TypeVar("T")


class Picture(NamedTuple):
    """An image as it was read, and what it was in its file."""

    pixels: np.ndarray  # u8[H, W], or u8[H, W, 3]
    size: tuple[int, int]  # (height, width) of the file's
    frames: int
    transparent: bool  # somewhere
    bits: int  # of a value: 8, 16 or 32
    halved: bool  # whether it has 16 bits a colour, of which Pillow reads the upper 8
    inks: bool  # whether its colours are those of a printer, CMYK
    least: float  # of its values, as they were
    most: float


def pixels(
    files: Sequence[Path],
    shape: tuple[int, int],
    channels: int | None,
    span: tuple[float, float] | None = None,
    name: str = "images",
) -> tuple[np.ndarray, list[str]]:
    """The images of some files as u8[N, H, W, C], and notes of what was changed in them.

    Args:
      files: at least one.
      shape: (H, W), to which images are stretched.
      channels: 1, 3, or `None`: 1 if all are grey, whatever the files call it, else 3.
      span: the values that become black and white. `None`: 0 and 65,535 of 16 bits, 0 and 255 of 8.
      name: what the images are called in notes.

    Raises:
      ConfigError: naming files that cannot be read or have values outside of `span`, or if Pillow
        is not installed.
    """
    pictures = each(files, lambda file: _picture(file, shape, channels, span))
    if span is not None:
        _check_range(files, pictures, span)
    colours = sum(picture.pixels.ndim == 3 for picture in pictures)
    x = np.empty((len(pictures), *shape, 3 if colours or channels == 3 else 1), np.uint8)
    for row, picture in zip(x, pictures, strict=True):
        row[:] = picture.pixels if picture.pixels.ndim == 3 else picture.pixels[..., None]
    notes = _notes(pictures, shape, span)
    if channels is None and 0 < colours < len(pictures):
        subject = counted(colours, "image is", "images are")
        notes.append(
            f"{subject} in colour, so that all {len(pictures):,} are kept in colour (data.channels)"
        )
    return x, [f"{name}: {note}" for note in notes]


def sizes(files: Sequence[Path]) -> list[tuple[int, int]]:
    """The (height, width) of each file's image as it is looked at, from its first bytes.

    Raises:
      ConfigError: naming files that cannot be read, or if Pillow is not installed.
    """

    def of_file(file: Path) -> tuple[int, int]:
        with _pillow()[0].open(file) as image:
            return _size(image)

    return each(files, of_file)


@contextmanager
def limit(megapixels: float | None) -> Iterator[None]:
    """Within it, images of so many megapixels are read at most; `None`: of 178, as Pillow has it.

    A small file may unpack to more than memory holds: that is what the limit is for.
    """
    pillow = _pillow()[0]
    before = pillow.MAX_IMAGE_PIXELS
    if megapixels is not None:
        pillow.MAX_IMAGE_PIXELS = int(megapixels * 1e6 / 2)  # Pillow refuses twice as many
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pillow.DecompressionBombWarning)
            yield
    finally:
        pillow.MAX_IMAGE_PIXELS = before


def damaged(files: Sequence[Path]) -> dict[Path, str]:
    """The files whose images cannot be read to the end, and why.

    Raises:
      ConfigError: if Pillow is not installed.
    """

    def load(file: Path) -> None:
        with _pillow()[0].open(file) as image:
            image.load()

    attempts = zip(files, _attempts(files, load), strict=True)
    return {file: _why(error) for file, error in attempts if isinstance(error, Exception)}


def each(files: Sequence[Path], function: Callable[[Path], T]) -> list[T]:
    """What a function makes of each file, by several threads.

    Raises:
      ConfigError: naming those it fails for.
    """
    results = _attempts(files, function)
    broken = {f: _why(e) for f, e in zip(files, results, strict=True) if isinstance(e, Exception)}
    if broken:
        broken |= damaged(files)  # a look at the beginning of files does not find all of them
        few = "; ".join(f"{file}: {why}" for file, why in list(broken.items())[:MOST_NAMED])
        raise ConfigError(
            f"{len(broken)} of {len(files)} images cannot be read ({few}): repair or remove them, "
            "or leave them out by data.skip_damaged (--config.data.skip_damaged=True)"
        )
    return [result for result in results if not isinstance(result, Exception)]


def _attempts(files: Sequence[Path], function: Callable[[Path], T]) -> list[T | Exception]:
    """What a function makes of each file, or what it raises, by several threads."""

    def attempt(file: Path) -> T | Exception:
        try:
            return function(file)
        except Exception as error:  # readers of damaged files raise all kinds
            return error

    _pillow()[0].init()  # before threads do
    with ThreadPoolExecutor(min(32, _cores() + 4)) as pool:  # some wait for the disk
        return list(pool.map(attempt, files))


def _cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _why(error: Exception) -> str:
    """What a reader says of a file, without its path."""
    if isinstance(error, _pillow()[0].DecompressionBombError):
        pixels, most = (int(number) for number in re.findall(r"\d+", str(error))[:2])
        return (
            f"it has {pixels / 1e6:,.1f} megapixels, and {most / 1e6:,.1f} are the most that are "
            "read: set data.megapixels higher if it is meant to be so large"
        )
    return str(error).partition(" file '")[0].replace("\n", " ") or type(error).__name__


def _picture(
    file: Path, shape: tuple[int, int], channels: int | None, span: tuple[float, float] | None
) -> Picture:
    """One image: grey if it is or should be, whatever its file calls it."""
    image_module, operations = _pillow()
    with image_module.open(file) as image:
        # before anything reads the pixels, after which no tile is left
        halved = image.mode[0] not in "IF" and any(";16" in str(tile[3]) for tile in image.tile)
        size, inks = _size(image), image.mode == "CMYK"
        # the further images of a photo's MPO are previews and the like, no frames
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        image.draft(None, (max(shape), max(shape)))  # a JPEG is read no larger than it is needed
        image = operations.exif_transpose(image)
        image, bits, ends = _in_bytes(image, span)
        transparent = False
        if image.has_transparency_data:
            image = image.convert("RGBA")
            transparent = image.getextrema()[3][0] < 255
            white = image_module.new("RGBA", image.size, "white")
            image = image_module.alpha_composite(white, image)
        image = image.convert("L" if channels == 1 or image.mode in ("1", "L") else "RGB")
        least, most = ends or (np.min(image.getextrema()), np.max(image.getextrema()))
        x = np.asarray(image.resize(shape[::-1]))
    grey = x.ndim == 3 and (x == x[..., :1]).all()
    x = x[..., 0] if grey else x
    return Picture(x, size, frames, transparent, bits, halved, inks, float(least), float(most))


def _in_bytes(
    image: Any, span: tuple[float, float] | None
) -> tuple[Any, int, tuple[float, float] | None]:
    """An image of 8 bits, how many it had, and between which values they lay, if that changed."""
    deep = image.mode.startswith(("I", "F"))
    if not deep and span is None:
        return image, 8, None
    if not deep:
        plain = "L" if image.mode in ("1", "L") else "RGB"
        image = image.convert("RGBA" if image.has_transparency_data else plain)
    x = np.asarray(image)
    colours = x[..., :3] if image.mode == "RGBA" else x
    least, most = float(colours.min()), float(colours.max())
    wide = image.mode == "F" or least < 0 or most > _WHITE[16]
    if wide and span is None:
        raise ValueError(
            "its pixels have 32 bits: state their range (data.range), or put them into an .npz "
            "file, with their range"
        )
    if math.isnan(least):
        raise ValueError("its pixels hold NaN")
    bits = 32 if wide else 16 if deep else 8
    low, high = span or (0, _WHITE[16])
    scaled = (np.clip(colours, low, high) - low) * (255 / (high - low))
    rounded = np.round(scaled).astype(np.uint8)
    if image.mode == "RGBA":
        rounded = np.concatenate([rounded, x[..., 3:]], axis=-1)
    return _pillow()[0].fromarray(rounded), bits, (least, most)


def _check_range(
    files: Sequence[Path], pictures: Sequence[Picture], span: tuple[float, float]
) -> None:
    """Raises an error for images that the stated range cannot be applied to."""
    stated_range = f"data.range is ({span[0]:g}, {span[1]:g})"
    pairs = list(zip(files, pictures, strict=True))
    halved = [file for file, picture in pairs if picture.halved]
    if halved:
        raise ConfigError(
            f"{halved[0]}: it has 16 bits a colour, of which only the upper 8 can be read, but "
            f"{stated_range}: put its values into an .npz file, with their range"
        )
    outside = [(f, p) for f, p in pairs if p.least < span[0] or p.most > span[1]]
    if outside:
        file, picture = outside[0]
        more = f", and {len(outside) - 1:,} more leave it" if len(outside) > 1 else ""
        raise ConfigError(
            f"{file}: its values go from {picture.least:g} to {picture.most:g}, "
            f"but {stated_range}{more}"
        )


def _notes(
    pictures: Sequence[Picture], shape: tuple[int, int], span: tuple[float, float] | None
) -> list[str]:
    """What was done to images that their user should know, with counts."""
    notes = []
    ratio = shape[0] / shape[1]
    factors = [picture.size[0] / picture.size[1] / ratio for picture in pictures]
    factors = [max(factor, 1 / factor) for factor in factors]
    if changed := [factor for factor in factors if factor > _CHANGED]:
        subject = counted(len(changed), "image has its", "images have their")
        notes.append(
            f"{subject} ratio of height to width changed, by a factor of up to {max(changed):.2g}"
        )
    if several := [picture.frames for picture in pictures if picture.frames > 1]:
        subject = counted(len(several), "file holds", "files hold")
        notes.append(f"{subject} several frames, up to {max(several):,}: only the first is read")
    if transparent := sum(picture.transparent for picture in pictures):
        subject = counted(transparent, "image is", "images are")
        notes.append(f"{subject} transparent in places, which become white")
    if inks := sum(picture.inks for picture in pictures):
        subject = counted(inks, "image has", "images have")
        notes.append(f"{subject} the colours of a printer (CMYK), which become those of a screen")
    if span is None:
        return notes + _values(pictures)
    kinds = {picture.bits for picture in pictures}
    if len(kinds) > 1 and 8 in kinds:
        subject = counted(sum(picture.bits == 8 for picture in pictures), "image", "images")
        notes.append(
            f"data.range is applied to {subject} of 8 bits too, beside others of more bits"
        )
    return notes


def _values(pictures: Sequence[Picture]) -> list[str]:
    """Returns notes on the values taken for black and white, where others may be meant."""
    notes = []
    for bits, white in _WHITE.items():
        of_bits = [p for p in pictures if p.bits == bits and not p.halved]
        most = max((picture.most for picture in of_bits), default=white)
        dim = most < (white + 1) / _DIM
        if of_bits and (dim or bits > 8):
            subject = counted(len(of_bits), "image has", "images have")
            kept = ", reduced to 8" if bits > 8 else ""
            largest = f", but the largest value is {most:,.0f}: state data.range" if dim else ""
            notes.append(
                f"{subject} {bits} bits{kept}: 0 is taken for black and {white:,} for white"
                f"{largest}"
            )
    if halved := [picture.most for picture in pictures if picture.halved]:
        subject = counted(len(halved), "image has", "images have")
        most = 256 * int(max(halved)) + 255
        dim = most < (_WHITE[16] + 1) / _DIM
        largest = f", and no value is above {most:,}: use an .npz file" if dim else ""
        notes.append(f"{subject} 16 bits a colour, of which the upper 8 are read{largest}")
    return notes


def _size(image: Any) -> tuple[int, int]:
    """Returns (height, width) of an image after it is turned as its camera says."""
    turned = image.getexif().get(_ORIENTATION, 1) > 4
    width, height = image.size[::-1] if turned else image.size
    return height, width


def _pillow() -> tuple[Any, Any]:
    """Returns the modules Image and ImageOps of Pillow."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ConfigError("images are read by Pillow: pip install 'jaxdml[images]'") from error
    return Image, ImageOps
