"""Embeddings of any images, by a trained point.

    jaxdml embed --workdir=runs/grid --point=ID --input=x.npz --output=z.npz
    jaxdml embed --workdir=runs/grid --point=ID --input=photos --output=z.csv

ID is the name of a folder in `points/`, or the start of one. The input holds `x`: uint8 from 0 to
255, float in [0, 1], or numbers whose `range` it states, of shape (N, H, W) or (N, H, W, C). Or it
is a folder, whose images, also those in deeper folders, are stretched to the size that the point
was trained on. A point that was trained on vectors reads `x` of shape (N, d), or a table, CSV or
Parquet, with the columns that it was trained on. The training data are not needed.

The ending of the output says what it is: `.npz` holds `z`, f32[N, D]; `.csv` and `.parquet` have
columns z0, z1, … and a row an image; of a folder they have the files' names too.
"""

from pathlib import Path
from typing import NoReturn

import numpy as np
from absl import flags

from jaxdml.commands import cli
from jaxdml.data import decoding, folders
from jaxdml.data.sets import arrays, table
from jaxdml.data.vectors import as_images, plain
from jaxdml.estimator import from_run
from jaxdml.options import ConfigError, listed
from jaxdml.runs.storage import embedding_files, opening
from jaxdml.types import Columns

OWN = flags.FlagValues()
POINT = flags.DEFINE_string(
    "point", None, "The id of a finished point, or the start of one.", flag_values=OWN
)
INPUT = flags.DEFINE_string(
    "input", None, "An .npz file that holds x, a folder of images, or a table.", flag_values=OWN
)
OUTPUT = flags.DEFINE_string(
    "output", None, "The file to write: .npz, .csv or .parquet.", flag_values=OWN
)


def main() -> None:
    """Restores the point's encoder and encodes."""
    for flag in (POINT, INPUT, OUTPUT):
        if not flag.value:
            raise ConfigError(f"--{flag.name} is missing")
    output = Path(OUTPUT.value)
    try:
        embedding_files.check(output)
    except ConfigError as error:
        raise ConfigError(f"--output={error}") from error
    run_folder = opening.existing(cli.workdir())
    result = opening.chosen(run_folder, POINT.value)
    embedder = from_run.of_result(run_folder, result, cli.loader(run_folder))
    trained = embedder.trained_
    if trained.columns is not None:
        x, files = vectors(Path(INPUT.value), trained.columns), None
    else:
        span = trained.on_data.setting.get("data.range")  # in which the point saw its images
        x, files = images(Path(INPUT.value), trained.on_data.image_shape, span)
    z = trained.embed(x)  # a thousand images at a time
    try:
        embedding_files.write(output, z, files)
    except OSError as error:
        raise ConfigError(f"--output={OUTPUT.value} cannot be written: {error}") from error
    print(f"{len(x)} embeddings in {OUTPUT.value}")


def vectors(path: Path, columns: Columns) -> np.ndarray:
    """Vectors of as many columns as the model was trained on, standardised as those were."""
    try:
        if path.suffix.lower() in table.ENDINGS:
            if not columns.names:
                raise ConfigError("it was trained on an array: give an .npz file that holds x")
            x = table.numbers(table.read(path), columns.names, str(path))
        else:
            file_arrays = arrays.read(path)
            if "x" not in file_arrays:
                held = listed(file_arrays) or "nothing"
                raise ConfigError(f"{path} must hold x, but holds {held}")
            x = file_arrays["x"]
        if x.ndim != 2 or x.shape[1] != len(columns.mean):
            raise ConfigError(f"vectors must be (N, {len(columns.mean)}), but are {x.shape}")
        return as_images(plain(x, "x", str(path))[:, 0, :, 0], columns)
    except (ConfigError, OSError) as error:
        raise ConfigError(f"--input={path}: {error}") from error


def images(
    path: Path, shape: tuple[int, int, int], span: tuple[float, float] | None
) -> tuple[np.ndarray, list[str] | None]:
    """Images of the shape that the model was trained on, and the names of their files, if any."""
    height, width, channels = shape
    try:
        if path.is_dir():
            if channels not in (1, 3):
                raise ConfigError(f"a folder has no images of {channels} channels")
            passed = folders.Passed()
            files = folders.files(path, passed)
            if not files:
                raise ConfigError(f"{path} holds no images")
            names = [file.relative_to(path).as_posix() for file in files]
            name = f"--input={path}"
            x, changes = decoding.pixels(files, (height, width), channels, span, name)
            for note in (*passed.notes(path, name), *changes):
                print(f"note: {note}")
            return x, names
        file_arrays = arrays.read(path)
        if "x" not in file_arrays:
            raise ConfigError(f"{path} must hold x, but holds {listed(file_arrays) or 'nothing'}")
        x = arrays.pixels(file_arrays, "x", str(path))
    except ConfigError as error:
        raise ConfigError(f"--input={path}: {error}") from error
    if x.shape[1:] != shape:
        raise ConfigError(f"--input={path}: images must be {shape}, but are {x.shape[1:]}")
    for note in arrays.dim(x, f"--input={path}", stated="range" in file_arrays):
        print(f"note: {note}")
    return x, None


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.main(main, OWN, required=("workdir", "point", "input", "output"))
