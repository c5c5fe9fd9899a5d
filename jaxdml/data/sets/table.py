"""A table of a user's own, CSV or Parquet, read by pyarrow: a row is a vector, a column its label.

    width,height,species
    1.4,0.2,setosa
    4.7,1.4,

A row whose label is empty, NA or NaN has none. A first column without a name, as pandas writes its
index, is left out. Every other column holds numbers, and is standardised by the
training part.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from jaxdml.data import vectors
from jaxdml.data.folders import first_names
from jaxdml.data.sets import user
from jaxdml.options import ConfigError
from jaxdml.types import Dataset, Split

ENDINGS = (".csv", ".parquet")


def make(
    data_dir: Path,
    *,
    path: str = "",
    label: str = "label",
    without: tuple[str, ...] = (),
    test_percent: int = 20,
    folds: int | None = None,
) -> Dataset:
    """The data set in a table.

    Args:
      data_dir: where it is looked for, if it is not where the path says.
      path: of the file, which ends in `.csv` or `.parquet`.
      label: the column that holds the class of each row: words or whole numbers, as they are
        called; empty, or -1 among whole numbers, where there is none.
      without: columns that are left out, like a number of the row.
      test_percent: of the labelled rows of each class that are set apart, at least one of each.
      folds: in how many parts the labelled rows take turns as test rows instead. `None`: in five,
        where fewer than forty would be set apart; 0: in none.

    Raises:
      ConfigError: if the file is missing, or not as this module says, or pyarrow is not installed.
    """
    file = user.located("table", path, data_dir)
    if file.is_dir():
        raise ConfigError(f"data.path={path} is a folder: data.name=images reads one")
    table = read(file)
    names = tuple(table.column_names)
    for name in (label, *without):
        if name not in names:
            raise ConfigError(f"{file} has no column {name!r}: it has {first_names(list(names))}")
    notes = [f"{file.name}: its column without a name is left out"] if "" in names else []
    features = tuple(name for name in names if name not in (label, "", *without))
    if not features:
        raise ConfigError(f"{file} has no column beside {label}: there is nothing to learn from")
    x = vectors.plain(numbers(table, features, str(file)), "the table", str(file))
    classes, y = _labels(table.column(label), label, file)
    raw = vectors.columns_of(x[:, 0, :, 0])
    parts = {"train": Split(x, y)}
    dataset = user.dataset(file, parts, classes, test_percent, folds, notes, _called, columns=raw)
    return vectors.standardised(dataset, features)


def read(file: Path) -> Any:
    """The table of pyarrow in a `file` that ends in `.csv` or `.parquet`.

    Raises:
      ConfigError: if it cannot be read, or pyarrow is not installed.
    """
    if file.suffix.lower() not in ENDINGS:
        raise ConfigError(f"{file} must end in {' or '.join(ENDINGS)}, which says its format")
    if file.exists() and not file.is_file():
        raise ConfigError(f"{file} must be a table, but is none: name a file")
    try:
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigError(f"{file} needs pyarrow: pip install 'jaxdml[parquet]'") from error
    try:
        if file.suffix.lower() == ".parquet":
            table = pyarrow.parquet.read_table(file)
        else:
            gaps = pyarrow.csv.ConvertOptions(strings_can_be_null=True)
            table = pyarrow.csv.read_csv(file, convert_options=gaps)
        names = Counter(table.column_names)
    except (OSError, ValueError, NotImplementedError) as error:  # pyarrow's own are of these kinds
        raise ConfigError(
            f"{file} cannot be read as a table of UTF-8 text, or of Parquet: "
            f"{' '.join(str(error).split())}"
        ) from error
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise ConfigError(f"{file} has more than one column {first_names(twice)}: rename one")
    if not table.num_rows:
        raise ConfigError(f"{file} has no row")
    return table


def numbers(table: Any, names: tuple[str, ...], file: str) -> np.ndarray:
    """Some columns of a table as numbers, f64[N, d]; True is 1.

    Args:
      table: of pyarrow.
      names: of the columns.
      file: the file, for the error message.

    Raises:
      ConfigError: naming columns that hold something else, or are empty somewhere.

    >>> import pyarrow as pa
    >>> numbers(pa.table({"age": [31, 47], "ill": [True, False]}), ("age", "ill"), "a.csv").tolist()
    [[31.0, 1.0], [47.0, 0.0]]
    """
    positions = {name: number for number, name in enumerate(table.column_names)}
    lacking = [name for name in names if name not in positions]
    if lacking:
        raise ConfigError(f"{file} lacks the column {first_names(lacking)}")
    columns, wrong = [], []
    for name in names:
        values = table.column(positions[name]).combine_chunks()
        try:
            columns.append(np.asarray(values.cast("float64").to_numpy(zero_copy_only=False)))
        except (ValueError, NotImplementedError):  # pyarrow's own errors are of these kinds
            wrong.append(f"{name} ({values.type})")
    if wrong:
        raise ConfigError(
            f"{file}: every column beside the label must hold numbers, but not so "
            f"{first_names(wrong)}: make numbers of it, or leave it out, like "
            f"data.without=('{wrong[0].partition(' ')[0]}',)"
        )
    return np.stack(columns, axis=1)


def _labels(column: Any, name: str, file: Path) -> tuple[list[str], np.ndarray]:
    """The names of the classes, sorted, and their numbers, i32[N]; -1 where there is none."""
    values = column.to_pylist()
    strange = [v for v in values if v is not None and not isinstance(v, (str, int, float))]
    if strange and isinstance(strange[0], bytes):
        raise ConfigError(f"{file}: {name} holds text that is not UTF-8, like {strange[0]!r}")
    if strange:
        raise ConfigError(
            f"{file}: {name} must hold classes, as whole numbers or words, but holds "
            f"{type(strange[0]).__name__}s"
        )
    fractions = [v for v in values if isinstance(v, float) and v == v and not v.is_integer()]
    if fractions:
        raise ConfigError(
            f"{file}: {name} must hold classes, as whole numbers or words, but holds fractions "
            f"like {fractions[0]:g}: data.label names the column"
        )
    whole = [int(v) if isinstance(v, float) and v == v else v for v in values]
    missing = [v is None or v != v or v in ("", -1) for v in whole]
    used = sorted({v for v, none in zip(whole, missing, strict=True) if not none})
    number = {value: i for i, value in enumerate(used)}
    y = [-1 if none else number[v] for v, none in zip(whole, missing, strict=True)]
    return [str(value) for value in used], np.array(y, np.int32)


def _called(part: str, row: int) -> str:
    return f"row {row + 1}"
