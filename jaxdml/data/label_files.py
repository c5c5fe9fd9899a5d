"""Labels in a table beside the images: `labels.csv`, with a row for each labelled image.

    file,label
    holiday/1.jpg,cat
    holiday/2.jpg,dog
    holiday/3.jpg,

Files are told from the folder in which the table lies. An image that is not in it, or has nothing
in `label`, has no label. A column `split` may say `train`, `val` or `test`. Other columns are left
alone. Commas, semicolons and tabs may separate columns; the text is UTF-8.

Spreadsheets take a cell that begins with = + - or @ for a formula. In tables that are written for
people such a cell has a ' before it; here it is read without.
"""

import csv
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxdml.data.folders import first_names
from jaxdml.options import ConfigError, listed

NAME = "labels.csv"
SEPARATORS = ",;\t"
_FORMULA = r"'*[=+\-@\t\r]"  # how a cell begins that would be one, with what may stand before it


class Label(NamedTuple):
    """What the table says of one image."""

    label: str | None
    split: str | None


def read(path: Path, files: Collection[str], splits: Sequence[str]) -> dict[str, Label]:
    """What the table says, by file; each is one of the images that there are.

    Args:
      path: of the table.
      files: the images in its folder, told from there.
      splits: what `split` may say.

    Raises:
      ConfigError: if it is no such table, names an image that is not there, or contradicts itself.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read as UTF-8 text ({error}): save it as UTF-8, in Excel as 'CSV "
            "UTF-8'"
        ) from error
    heading = lines[0] if lines else ""
    separator = max(SEPARATORS, key=heading.count)
    try:
        rows = list(csv.DictReader(lines, delimiter=separator))
    except csv.Error as error:
        raise ConfigError(f"{path} cannot be read as a table: {error}") from error
    columns = [column.strip() for column in heading.split(separator)]
    if not {"file", "label"} <= set(columns):
        raise ConfigError(
            f"{path} must have the columns file and label, but has {listed(columns) or 'none'}: "
            "name them so, or give the table another name if it holds no labels"
        )
    found, missing = dict[str, Label](), list[str]()
    for row in rows:
        cells = {str(name).strip(): (cell or "").strip() for name, cell in _texts(row).items()}
        name = _known(cells["file"], files)
        if name is None:
            missing.append(cells["file"] or "a row without a file")
            continue
        label = Label(unquoted(cells["label"]) or None, cells.get("split") or None)
        if label.split not in (None, *splits):
            raise ConfigError(f"{path}: split must be {listed(splits)}, but is {label.split}")
        if found.setdefault(name, label) != label:
            raise ConfigError(f"{path}: {name} is there twice, with different labels")
    if missing:
        raise ConfigError(
            f"{path} names {len(missing):,} files that are no images of its folder: "
            f"{first_names(missing)}"
        )
    return found


def quoted(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula.

    >>> quoted("cat"), quoted("=1+1"), quoted("'=1+1")
    ('cat', "'=1+1", "''=1+1")
    """
    return f"'{cell}" if re.match(_FORMULA, cell) else cell


def unquoted(cell: str) -> str:
    """The cell that `quoted` was given.

    >>> unquoted("cat"), unquoted("'=1+1"), unquoted("''=1+1"), unquoted("'cat'")
    ('cat', '=1+1', "'=1+1", "'cat'")
    """
    return cell[1:] if cell.startswith("'") and re.match(_FORMULA, cell) else cell


def _texts(row: Mapping[str | None, str | list[str] | None]) -> dict[str, str | None]:
    """A row's cells that have a column; what is past the last column is left out."""
    return {k: v for k, v in row.items() if k is not None and not isinstance(v, list)}


def _known(name: str, files: Collection[str]) -> str | None:
    """The image that is meant, also where a path is written as on Windows, or begins with ./."""
    slashed = name.replace("\\", "/")
    for way in (name, unquoted(name), slashed, unquoted(slashed), slashed.removeprefix("./")):
        if way in files:
            return way
    return None
