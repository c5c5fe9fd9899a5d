"""Embeddings as a file, in the format that its ending names."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from jaxdml.options import ConfigError, listed
from jaxdml.runs.storage.files import writing


def check(path: Path) -> None:
    """Makes sure that `write` can write a file of this name.

    Raises:
      ConfigError: if its ending names no format, or one whose package is not installed.

    >>> check(Path("z.txt"))
    Traceback (most recent call last):
    ...
    jaxdml.options.ConfigError: z.txt must end in .npz, .csv or .parquet, which says its format
    """
    if path.suffix not in FORMATS:
        *others, last = FORMATS
        raise ConfigError(f"{path} must end in {listed(others)} or {last}, which says its format")
    if path.suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401  only whether it is there: used in `_parquet`
        except ImportError as error:
            raise ConfigError(
                f"{path} needs pyarrow: pip install 'jaxdml[parquet]', or let it end in .csv"
            ) from error


def write(path: Path, z: np.ndarray, files: Sequence[str] | None = None) -> None:
    """Writes embeddings, f32[N, D], whole or not at all.

    `.npz` holds them as `z`; `.csv` and `.parquet` have columns z0, z1, … and a row an image. Where
    each image is a file, its name is in the array `file`, or in a first column of that name.
    """
    names = {} if files is None else {"file": np.array(files, str)}
    with writing(path) as file:
        FORMATS[path.suffix](file, z, names)


Names = dict[str, np.ndarray]  # nothing, or `file` → str[N]


def _columns(z: np.ndarray) -> list[str]:
    return [f"z{i}" for i in range(z.shape[1])]


def _npz(file: BinaryIO, z: np.ndarray, names: Names) -> None:
    np.savez_compressed(file, z=z, **names)  # type: ignore[arg-type]  # as in files.write_npz


def _csv(file: BinaryIO, z: np.ndarray, names: Names) -> None:
    """Nine digits are enough to read back the same float32."""
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, *_columns(z)])
    for i, row in enumerate(z):
        writer.writerow(
            [*(column[i] for column in names.values()), *(f"{value:.9g}" for value in row)]
        )
    text.detach()  # which closes nothing


def _parquet(file: BinaryIO, z: np.ndarray, names: Names) -> None:
    import pyarrow.parquet

    table = pyarrow.table(names | dict(zip(_columns(z), z.T, strict=True)))
    pyarrow.parquet.write_table(table, file)


FORMATS: dict[str, Callable[[BinaryIO, np.ndarray, Names], None]] = {
    ".npz": _npz,
    ".csv": _csv,
    ".parquet": _parquet,
}
