"""Arrays of an `.npz` file that somebody else may have made: only what is wanted is unpacked.

Sizes are compared before anything is unpacked. Objects, which would be unpickled, are refused.
"""

import math
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from jaxdml.options import ConfigError, listed

HARMLESS = 2**30  # bytes of an array, unpacked, which any file may hold
TIMES = 100  # larger ones have no more than so many times the bytes that they take in the file
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_UNREADABLE = (
    OSError, ValueError, TypeError, EOFError, MemoryError, RuntimeError, NotImplementedError,
    zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def names(path: Path) -> list[str]:
    """What the arrays in a file are called, in its order.

    Raises:
      ConfigError: if it is no such file.
    """
    try:
        with zipfile.ZipFile(_regular(path)) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except _UNREADABLE as error:
        raise ConfigError(f"{path} must be an .npz file of plain arrays ({error})") from error


def read(path: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    """Those arrays of a file that are wanted and there.

    Raises:
      ConfigError: if it is no such file, or a wanted array holds objects, unpacks to far more than
        a file of its size holds, or is cut off.
    """
    there = [name for name in names(path) if name in wanted]
    try:
        with zipfile.ZipFile(path) as archive:
            infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            for name in there:
                _check(archive, infos[name], name)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in there}
    except _UNREADABLE as error:
        raise ConfigError(f"{path} must be an .npz file of plain arrays ({error})") from error


def _regular(path: Path) -> Path:
    if not path.is_file():
        raise OSError("it is no file" if path.exists() else "there is no such file")
    return path


def _check(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> None:
    """Makes sure that an array is as large as it says, and no larger than its file allows.

    Raises:
      ValueError: if it is not.
    """
    if info.file_size > max(HARMLESS, TIMES * info.compress_size):
        raise ValueError(
            f"{name} unpacks from {info.compress_size:,} bytes to {info.file_size:,}: if it is "
            "meant, write it by np.savez, without compression"
        )
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"{name} is of the version {listed(version)}")
        shape, _, dtype = HEADERS[version](file)
        if dtype.hasobject:
            raise ValueError(f"{name} holds objects, which are not unpickled")
        size = file.tell() + math.prod(map(int, shape)) * dtype.itemsize
    if size != info.file_size:
        raise ValueError(
            f"{name} says that it is {tuple(shape)} of {dtype}, but holds {info.file_size:,} bytes"
        )
