"""The single-label 2-D MedMNIST sets, `<flag>` of 28 × 28 pixels and `<flag>_64`, `_128`, `_224`.

A file in `<data_dir>/medmnist/` comes first, then one in medmnist's own cache folder; where there
is none it is downloaded. What is published about the sets is in `medmnist.json`.

Yang et al., "MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image
classification", Scientific Data, 2023.
"""

import functools
import hashlib
import json
import math
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdml.data import download, npz
from jaxdml.options import ConfigError
from jaxdml.types import Dataset, Split

PARTS = ("train", "val", "test")

# Which changes keep a class, as `jaxdml.augment` names them. This is not published: it is cautious.
# Where a small finding decides, nothing is erased; where an outline decides, nothing is sheared.
_ORGANS = ("shift", "scale", "rotate", "brightness", "erase")  # left and right kidneys are classes
_CELLS = ("shift", "scale", "rotate", "flip_horizontal", "flip_vertical", "quarter_turns")
INVARIANCES: Mapping[str, tuple[str, ...]] = {
    "pathmnist": (*_CELLS, "brightness", "colour", "erase"),  # tissue has no upright side
    "dermamnist": (*_CELLS, "brightness", "erase"),  # colour is a sign of melanoma
    "octmnist": ("shift", "scale", "rotate", "flip_horizontal", "brightness"),  # layers lie flat
    "pneumoniamnist": ("shift", "scale", "rotate", "brightness"),  # the heart is on the left
    "retinamnist": ("shift", "scale", "rotate", "flip_horizontal", "flip_vertical", "brightness"),
    "breastmnist": ("shift", "scale", "flip_horizontal", "brightness"),  # shadows fall downwards
    "bloodmnist": (*_CELLS, "brightness", "colour", "erase"),
    "tissuemnist": (*_CELLS, "brightness", "erase"),
    "organamnist": _ORGANS,
    "organcmnist": _ORGANS,
    "organsmnist": _ORGANS,
}


class Facts(NamedTuple):
    """What is published about a set."""

    url: str
    md5: str  # of the file
    shape: tuple[int, ...]  # of an image: (H, W), or (H, W, 3)
    images: tuple[int, ...]  # of each part
    classes: tuple[str, ...]
    licence: str


def _facts() -> dict[str, Facts]:
    table = json.loads(
        resources.files("jaxdml.data.sets").joinpath("medmnist.json").read_text("utf-8")
    )
    return {
        (name := flag if size == "28" else f"{flag}_{size}"): Facts(
            url=f"https://zenodo.org/records/10519652/files/{name}.npz?download=1",
            md5=md5,
            shape=(int(size), int(size)) + (3,) * (row["channels"] == 3),
            images=tuple(row["images"]),
            classes=tuple(row["classes"]),
            licence=row["licence"],
        )
        for flag, row in table.items()
        for size, md5 in row["md5"].items()
    }


FACTS: Mapping[str, Facts] = _facts()


def loader(name: str) -> Callable[[Path], Dataset]:
    """Returns the function that loads the set called `name` from a data folder.

    >>> loader("organamnist").args
    ('organamnist',)
    """
    return functools.partial(load, name)


def refuse(name: str) -> None:
    """Raises an error if `name` is of a MedMNIST set that cannot be read.

    Raises:
      ConfigError: if it is one that has several labels an image, or volumes instead of images.

    >>> refuse("organamnist")
    """
    flag = name.split("_")[0]
    if flag == "chestmnist":
        raise ConfigError(
            f"data.name={name}: its images have several labels each, and the losses here compare "
            "single ones; the other 2-D sets of MedMNIST have one label an image"
        )
    if flag.endswith("mnist3d"):
        raise ConfigError(
            f"data.name={name}: it holds volumes, and the models here read images; "
            "the 2-D sets of MedMNIST can be read, like organamnist"
        )


def load(name: str, data_dir: Path) -> Dataset:
    """A set with its published split.

    A file whose MD5 is not the published one is used, with a warning that names both, if it was put
    there; as a download it is refused.

    Args:
      name: a key of `FACTS`.
      data_dir: the folder that holds `medmnist/<name>.npz`. What is downloaded is kept there or, if
        that cannot be written, in medmnist's own cache folder.

    Raises:
      ConfigError: if the file cannot be had, is damaged, or is not of this set.
    """
    facts = FACTS[name]
    folders = (data_dir / "medmnist", Path.home() / ".medmnist")
    files = (folder / f"{name}.npz" for folder in folders)
    path = next((file for file in files if file.is_file()), None)
    if path is None:
        count = sum(facts.images)
        note = f"{count:,} images, {count * math.prod(facts.shape) / 1e6:,.0f} MB in memory"
        path = download.fetch(facts.url, facts.md5, f"{name}.npz", folders, note)
    try:
        # The checksum is found beside the arrays, which take longer.
        with ThreadPoolExecutor(1) as executor:
            checksum = executor.submit(_md5, path)
            arrays = npz.read(path, [f"{p}_{what}" for p in PARTS for what in ("images", "labels")])
            splits = [_split(arrays, part, facts) for part in PARTS]
        md5 = checksum.result()
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(f"{path} is not a complete MedMNIST file of {name} ({error})") from error
    if md5 != facts.md5:
        warnings.warn(f"{path} has the MD5 {md5}, the published file {facts.md5}", stacklevel=2)
    train, validation, test = splits
    return Dataset(
        name=name,
        train=train,
        validation=validation,
        test=test,
        classes=facts.classes,
        source=f"MedMNIST v2 (Yang et al. 2023), {name}; {facts.licence}",
        path=path,
        invariances=INVARIANCES[name.partition("_")[0]],
    )


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _split(arrays: Mapping[str, np.ndarray], part: str, facts: Facts) -> Split:
    x, y = arrays[f"{part}_images"], arrays[f"{part}_labels"]
    if x.dtype != np.uint8 or x.shape != (len(x), *facts.shape) or y.shape != (len(x), 1):
        raise ValueError(f"{part}: images {x.dtype} {x.shape}, labels {y.shape}")
    if len(y) and not 0 <= y.min() <= y.max() < len(facts.classes):
        raise ValueError(f"{part}: labels from {y.min()} to {y.max()}")
    return Split(x[..., None] if x.ndim == 3 else x, y[:, 0].astype(np.int32))
