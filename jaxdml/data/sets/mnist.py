"""MNIST and Fashion-MNIST, from their four IDX files or through tensorflow-datasets.

Files in `<data_dir>/<name>/` come first, compressed by gzip or not, then those in the same folder
of the user's cache. Where there are none, tensorflow-datasets gets the set, and its four arrays are
kept as IDX files: the next start reads these.
"""

import contextlib
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdml.data import download
from jaxdml.data.sets import idx, tfds
from jaxdml.options import ConfigError
from jaxdml.types import Dataset, Split

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


class Facts(NamedTuple):
    """What is known about a set."""

    url: str  # of the folder that holds the files; tensorflow-datasets knows their checksums
    classes: tuple[str, ...]
    source: str
    invariances: tuple[str, ...]  # not published: what we take to keep a class


FACTS: Mapping[str, Facts] = {
    "mnist": Facts(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        tuple("0123456789"),
        "MNIST (LeCun, Cortes and Burges 1998); CC BY-SA 3.0",
        ("shift", "scale", "rotate", "erase"),
    ),
    "fashion_mnist": Facts(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        (
            "T-shirt/top",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
        "Fashion-MNIST (Xiao, Rasul and Vollgraf 2017); MIT",
        ("shift", "scale", "flip_horizontal", "erase"),
    ),
}


def loader(name: str) -> Callable[[Path], Dataset]:
    """Returns the function that loads the set called `name` from a data folder.

    >>> loader("fashion_mnist").args
    ('fashion_mnist',)
    """
    return functools.partial(load, name)


def load(name: str, data_dir: Path) -> Dataset:
    """60,000 images of 28 × 28 pixels to train, 10,000 to test, in the order of the IDX files.

    Args:
      name: a key of `FACTS`.
      data_dir: the folder that holds `<name>/`.

    Raises:
      ConfigError: if the set is not there and cannot be had, or a file is not what it should be.
    """
    folders = (data_dir / name, download.cache() / name)
    idx_folder = next((folder for folder in folders if _files(folder)), None)
    arrays = _read(_files(idx_folder)) if idx_folder else _get(name, folders)
    splits = {part: Split(x[..., None], y.astype(np.int32)) for part, (x, y) in arrays.items()}
    facts = FACTS[name]
    return Dataset(
        name=name,
        train=splits["train"],
        validation=Split(splits["train"].x[:0], splits["train"].y[:0]),
        test=splits["test"],
        classes=facts.classes,
        source=facts.source,
        invariances=facts.invariances,
        path=idx_folder or next((folder for folder in folders if _files(folder)), None),
    )


def _files(folder: Path) -> dict[str, Path]:
    """Where the four files lie, by their names; nothing if one is missing."""
    paths = {file: _present(folder, file) for pair in FILES.values() for file in pair}
    present_paths = {file: path for file, path in paths.items() if path}
    return present_paths if len(present_paths) == len(paths) else {}


def _read(paths: Mapping[str, Path]) -> tfds.Arrays:
    """What the four files hold."""
    return {part: idx.read_pair(paths[x], paths[y]) for part, (x, y) in FILES.items()}


def _present(folder: Path, file: str) -> Path | None:
    return next((p for p in (folder / f"{file}.gz", folder / file) if p.is_file()), None)


def _get(name: str, folders: tuple[Path, ...]) -> tfds.Arrays:
    """The set through tensorflow-datasets, kept for the next start."""
    try:
        arrays = tfds.arrays(name, FACTS[name].url, FILES)
    except ConfigError as error:
        files = [file for pair in FILES.values() for file in pair]
        missing = next(file for file in files if not _present(folders[0], file))
        raise ConfigError(
            f"{name}: there is no {missing}.gz in {folders[0]}, and {error}; put the four IDX "
            f"files there, or name the folder that holds {name}/ by --data_dir or JAXDML_DATA"
        ) from error
    for folder in folders:
        with contextlib.suppress(OSError):  # the first may be read only
            _write(folder, arrays)
            break
    return arrays


def _write(folder: Path, arrays: tfds.Arrays) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, files in FILES.items():
        for file, array in zip(files, arrays[part], strict=True):
            idx.write(folder / file, array)
