"""IDX files of unsigned bytes, compressed by gzip or not: the format in which MNIST is published.

Two zero bytes, a type (8 = uint8), the number of dimensions, each dimension as a big-endian 32-bit
integer, then the values in row-major order.
"""

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np

from jaxdml.options import ConfigError

MOST = 2**30  # bytes: the largest of these files has 47 MB


def read(path: Path) -> np.ndarray:
    """The array in an IDX file; whether it is compressed is seen from its first bytes.

    Raises:
      ConfigError: if the file is damaged or of another type.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            data = file.read(MOST + 1)
        if len(data) > MOST:
            raise ConfigError(f"{path} unpacks to more than 1 GiB: it is no such file")
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{path} is not a complete gzip file ({error}): get it again") from error
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        raise ConfigError(f"{path} is not an IDX file of unsigned bytes: get it again")
    start = 4 + 4 * data[3]
    if data[3] > 4 or len(data) < start:
        raise ConfigError(f"{path} is not an IDX file of images or labels: get it again")
    shape = np.frombuffer(data[4:start], ">i4")
    if len(data) - start != math.prod(shape.tolist()) or (shape < 0).any():
        raise ConfigError(
            f"{path} holds {len(data) - start} values, but its header says "
            f"{' × '.join(map(str, shape))}: get it again"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def read_pair(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images u8[N, H, W] and their labels u8[N].

    Raises:
      ConfigError: as `read`, and if there is not one label for each image.
    """
    x, y = read(images), read(labels)
    if x.ndim != 3 or y.shape != x.shape[:1]:
        raise ConfigError(
            f"{images} holds images {x.shape} and {labels.name} labels {y.shape}, "
            "but there must be one label for each image"
        )
    return x, y


def write(path: Path, array: np.ndarray) -> None:
    """Writes u8[…], not compressed. The file appears whole or not at all.

    Raises:
      OSError: if it cannot be written.
    """
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(header)
            file.write(np.ascontiguousarray(array, np.uint8).data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
