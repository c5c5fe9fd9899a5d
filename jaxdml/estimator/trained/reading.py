"""What a trained network is given: a folder of images, an `.npz` file, a table."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdml.data import decoding, folders
from jaxdml.data.sets import arrays, table
from jaxdml.data.vectors import as_images, plain
from jaxdml.estimator.trained.network import TrainedNetwork
from jaxdml.options import ConfigError, listed
from jaxdml.types import Columns


class Inputs(NamedTuple):
    """Images or vectors as a network sees them, and what they are called."""

    x: np.ndarray  # [N, H, W, C]
    names: list[str] | None  # of the files of a folder
    notes: list[str]  # what was done to them that their user should know


def read(path: Path, trained: TrainedNetwork) -> Inputs:
    """Images of the shape, or vectors of the columns, that a network was trained on.

    Raises:
      ConfigError: naming what is missing, damaged or of another shape.
    """
    if trained.columns is not None:
        return Inputs(vectors(path, trained.columns), None, [])
    span = trained.on_data.setting.get("data.range")  # in which the point saw its images
    largest = trained.on_data.setting.get("data.megapixels")
    return images(path, trained.on_data.image_shape, span, largest)


def vectors(path: Path, columns: Columns) -> np.ndarray:
    """Vectors of as many columns as the model was trained on, standardised as those were."""
    try:
        if path.suffix.lower() in table.ENDINGS:
            if not columns.names:
                raise ConfigError("it was trained on an array: give an .npz file that holds x")
            x = table.numbers(table.read(path), columns.names, str(path))
        else:
            file_arrays, others = arrays.read(path, ("x",))
            if "x" not in file_arrays:
                raise ConfigError(f"{path} must hold x, but holds {listed(others) or 'nothing'}")
            x = file_arrays["x"]
        if x.ndim != 2 or x.shape[1] != len(columns.mean):
            raise ConfigError(f"vectors must be (N, {len(columns.mean)}), but are {x.shape}")
        return as_images(plain(x, "x", str(path))[:, 0, :, 0], columns)
    except (ConfigError, OSError) as error:
        raise ConfigError(f"--input={path}: {error}") from error


def images(
    path: Path,
    shape: tuple[int, int, int],
    span: tuple[float, float] | None = None,
    megapixels: float | None = None,
) -> Inputs:
    """Images of the shape that the model was trained on."""
    height, width, channels = shape
    try:
        if path.is_dir():
            if channels not in (1, 3):
                raise ConfigError(f"a folder has no images of {channels} channels")
            passed = folders.Passed()
            files = folders.files(path, passed)
            if not files:
                raise ConfigError(folders.no_image(path, passed))
            names = [folders.relative(file, path) for file in files]
            name = f"--input={path}"
            with decoding.limit(megapixels):
                x, changes = decoding.pixels(files, (height, width), channels, span, name)
            return Inputs(x, names, [*passed.notes(path, name), *changes])
        file_arrays, others = arrays.read(path, ("x", "range"))
        if "x" not in file_arrays:
            held = listed([*file_arrays, *others]) or "nothing"
            raise ConfigError(f"{path} must hold x, but holds {held}")
        x = arrays.pixels(file_arrays, "x", str(path))
    except ConfigError as error:
        raise ConfigError(f"--input={path}: {error}") from error
    if x.shape[1:] != shape:
        raise ConfigError(f"--input={path}: images must be {shape}, but are {x.shape[1:]}")
    return Inputs(x, None, arrays.dim(x, f"--input={path}", stated="range" in file_arrays))
