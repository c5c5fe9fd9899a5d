"""Embeddings of any images, by a trained point.

    python -m experiments.embed --workdir=runs/grid --point=ID --input=x.npz --output=z.npz

ID is the name of a folder in `points/`, or the start of one. The input holds `x`: uint8 from 0 to
255, or float in [0, 1], of shape (N, H, W) or (N, H, W, C). The ending of the output says what it
is: `.npz` holds `z`, f32[N, D]; `.csv` and `.parquet` have columns z0, z1, … and a row an image.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from experiments import cli
from jaxdml.options import ConfigError, listed
from jaxdml.runs import execute, folder, formats, plan, work

POINT = flags.DEFINE_string("point", None, "The id of a finished point, or the start of one.")
INPUT = flags.DEFINE_string("input", None, "An .npz file that holds images as x.")
OUTPUT = flags.DEFINE_string("output", None, "The file to write: .npz, .csv or .parquet.")


def main() -> None:
    """Restores the point's encoder and encodes."""
    for flag in (POINT, INPUT, OUTPUT):
        if not flag.value:
            raise ConfigError(f"--{flag.name} is missing")
    output = Path(OUTPUT.value)
    try:
        formats.check(output)
    except ConfigError as error:
        raise ConfigError(f"--output={error}") from error
    place = execute.existing(cli.workdir())
    result = chosen(place, POINT.value)
    if result["status"] == "diverged":
        raise ConfigError(f"--point={POINT.value} has diverged: {result['reason']}")
    worker = work.Worker(place, plan.loader(cli.data_dir()))
    shop, _, _, params = execute.trained_point(place, result, worker)
    x = images(Path(INPUT.value), shop.dataset.train.x.shape[1:])
    z = shop.encode(params["model"], x)[0]  # a thousand images at a time
    try:
        formats.write(output, z)
    except OSError as error:
        raise ConfigError(f"--output={OUTPUT.value} cannot be written: {error}") from error
    print(f"{len(x)} embeddings in {OUTPUT.value}")


def chosen(place: folder.Folder, start: str) -> dict[str, Any]:
    """The one finished point whose id starts so."""
    results = place.results()
    found = [result for result in results if result["point"].startswith(start)]
    if len(found) != 1:
        ids = listed(result["point"] for result in (found or results))
        raise ConfigError(f"--point={start} names {len(found)} points; there are {ids}")
    return found[0]


def images(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """`x` of an .npz file, checked against what the model was trained on."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            x = arrays["x"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"--input={path} must be an .npz file that holds x ({error})") from error
    if not np.issubdtype(x.dtype, np.number):
        raise ConfigError(f"--input={path}: x must hold numbers, but is {x.dtype}")
    if x.ndim == 3:
        x = x[..., None]
    if x.shape[1:] != shape:
        raise ConfigError(f"--input={path}: images must be {shape}, but are {x.shape[1:]}")
    if x.dtype == np.uint8:
        if x.max(initial=0) < 64:
            print(f"note: --input={path}: uint8 is taken from 0 to 255; the largest is {x.max()}")
        return x
    if not (x.min(initial=0) >= 0 and x.max(initial=0) <= 1):  # nor is NaN
        raise ConfigError(f"--input={path}: x must be uint8, or float in [0, 1]")
    return x.astype(np.float32, copy=False)


if __name__ == "__main__":
    cli.main(main)
