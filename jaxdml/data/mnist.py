"""MNIST from its four IDX files in `<data_dir>/mnist/`, compressed by gzip or not.

LeCun, Cortes, Burges, "The MNIST database of handwritten digits", 1998.
"""

import gzip
import math
from pathlib import Path

import numpy as np

from jaxdml.options import ConfigError
from jaxdml.types import Dataset, Split

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def make(data_dir: Path) -> Dataset:
    """60,000 images of 28 × 28 pixels to train, 10,000 to test.

    Raises:
      ConfigError: if a file is missing or is not what it should be.
    """
    folder = data_dir / "mnist"
    splits = {}
    for split, names in FILES.items():
        x, y = (read_idx(_present(folder, name)) for name in names)
        if x.ndim != 3 or y.shape != x.shape[:1]:
            raise ConfigError(
                f"{folder}: the {split} files hold images {x.shape} and labels {y.shape}, "
                "but there must be one label for each image"
            )
        splits[split] = Split(x[..., None], y.astype(np.int32))
    empty = Split(splits["train"].x[:0], splits["train"].y[:0])
    return Dataset(
        name="mnist",
        train=splits["train"],
        validation=empty,
        test=splits["test"],
        classes=tuple("0123456789"),
        source="MNIST (LeCun, Cortes and Burges 1998); CC BY-SA 3.0",
    )


def _present(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.is_file():
            return candidate
    raise ConfigError(
        f"mnist: there is no {name}.gz in {folder}; put MNIST's four IDX files there, or name the "
        "folder that holds mnist/ by --data_dir or the variable JAXDML_DATA"
    )


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file of unsigned bytes.

    The format: two zero bytes, a type (8 = uint8), the number of dimensions, each dimension as a
    big-endian 32-bit integer, then the values in row-major order.

    Raises:
      ConfigError: if the file is damaged or of another type.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise ConfigError(f"{path} is not a complete gzip file ({error}): get it again") from error
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        raise ConfigError(f"{path} is not an IDX file of unsigned bytes: get it again")
    start = 4 + 4 * data[3]
    shape = np.frombuffer(data[4:start], ">i4")
    if len(data) - start != math.prod(shape.tolist()):
        raise ConfigError(
            f"{path} holds {len(data) - start} values, but its header says "
            f"{' × '.join(map(str, shape))}: get it again"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
