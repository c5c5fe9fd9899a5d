"""MedMNIST sets from their `.npz` files, in `<data_dir>/medmnist/` or medmnist's own cache folder.

Yang et al., "MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image
classification", Scientific Data, 2023.
"""

import functools
import hashlib
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdml.options import ConfigError
from jaxdml.types import Dataset, Split


class Facts(NamedTuple):
    """What is published about a set."""

    md5: str  # of <flag>.npz
    classes: tuple[str, ...]
    licence: str


FACTS: Mapping[str, Facts] = {
    "organamnist": Facts(
        "68e3f8846a6bd62f0c9bf841c0d9eacc",
        (
            "bladder",
            "femur-left",
            "femur-right",
            "heart",
            "kidney-left",
            "kidney-right",
            "liver",
            "lung-left",
            "lung-right",
            "pancreas",
            "spleen",
        ),
        "CC BY 4.0",
    )
}


def loader(flag: str) -> Callable[[Path], Dataset]:
    """The `make` of one set."""
    return functools.partial(load, flag)


def load(flag: str, data_dir: Path) -> Dataset:
    """A single-label 2-D MedMNIST set with its published split.

    A file whose MD5 is not the published one is used, with a warning that names both.

    Args:
      flag: MedMNIST's name of the set, a key of `FACTS`.
      data_dir: the folder that holds `medmnist/<flag>.npz`.

    Raises:
      ConfigError: if the file is missing or damaged.
    """
    facts = FACTS[flag]
    folders = (data_dir / "medmnist", Path.home() / ".medmnist")
    path = next((f / f"{flag}.npz" for f in folders if (f / f"{flag}.npz").is_file()), None)
    if path is None:
        raise ConfigError(
            f"{flag}: there is no {flag}.npz in {folders[0]} or {folders[1]}; put MedMNIST's file "
            "there, or name the folder that holds medmnist/ by --data_dir or JAXDML_DATA"
        )
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    if md5 != facts.md5:
        warnings.warn(f"{path} has the MD5 {md5}, the published file {facts.md5}", stacklevel=2)
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            splits = [_split(arrays, part) for part in ("train", "val", "test")]
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path} is not a complete MedMNIST file ({error})") from error
    train, validation, test = splits
    return Dataset(
        name=flag,
        train=train,
        validation=validation,
        test=test,
        classes=facts.classes,
        source=f"MedMNIST v2 (Yang et al. 2023), {flag}; {facts.licence}",
    )


def _split(arrays: Mapping[str, np.ndarray], part: str) -> Split:
    x = arrays[f"{part}_images"]
    y = arrays[f"{part}_labels"][:, 0].astype(np.int32)
    return Split(x[..., None] if x.ndim == 3 else x, y)
