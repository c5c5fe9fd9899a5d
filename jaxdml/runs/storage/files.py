"""Files that appear whole or not at all, and that say when they are not as they were written.

The last line of a JSON file is the checksum of all that stands before it. Of other files and of
folders, whoever keeps them keeps `checksum`.
"""

import csv
import errno
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from jaxdml.options import ConfigError, listed

SEAL = re.compile(rb',?\n "([^"]{6})": "([^"]{64})"\n\}\n')  # damage may be within it
LONGEST = 2**31  # bytes of a JSON file; what is longer is none of ours


class DamageError(ConfigError):
    """A file of a run is missing, or not as it was written."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} {why}: the command that trained this run makes it anew")
        self.path, self.why = path, why


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which appears once all of it is there, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: Path, content: bytes) -> str:
    """Writes a file whole or not at all, and returns its checksum.

    Raises:
      OSError: if what is read back is something else.
    """
    with writing(path) as file:
        file.write(content)
    written = checksum(path)
    if written != hashlib.sha256(content).hexdigest():
        raise OSError(errno.EIO, "What was read back is not what was written", str(path))
    return written


def write_json(path: Path, value: Any) -> None:
    """Writes a value as JSON, indented by one space a level, without NaN; a dict with its checksum.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     write_json(Path(place) / "x.json", {"a": 1})
    ...     read_json(Path(place) / "x.json")
    {'a': 1}
    """
    text = json.dumps(value, indent=1, allow_nan=False)
    if isinstance(value, dict):
        body = text.removesuffix("}").removesuffix("\n")
        comma = "," if value else ""
        text = f'{body}{comma}\n "sha256": "{hashlib.sha256(body.encode()).hexdigest()}"\n}}'
    write(path, f"{text}\n".encode())


def read_json(path: Path, keys: Iterable[str] = ()) -> Any:
    """What a JSON file holds, without its checksum. A file of an older version has none.

    Args:
      path: the file.
      keys: what it holds at least, if anything.

    Raises:
      DamageError: if it is missing, or not as it was written.
      OSError: if it cannot be read for another reason.
    """
    try:
        if not path.is_file():
            raise DamageError(path, "is missing" if not path.exists() else "is no file")
        if path.stat().st_size > LONGEST:
            raise DamageError(path, "is damaged (it is too long)")
        content = path.read_bytes()
        seal = SEAL.fullmatch(content, max(0, len(content) - 82)) or SEAL.fullmatch(
            content, max(0, len(content) - 83)
        )
        if seal:
            body = hashlib.sha256(content[: seal.start()]).hexdigest()
            if seal.groups() != (b"sha256", body.encode()):
                raise DamageError(path, "is damaged (its checksum is another one)")
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        if isinstance(error, DamageError):
            raise
        raise DamageError(path, f"is damaged ({error})") from error
    if not isinstance(value, dict):
        raise DamageError(path, "is damaged (it holds no names and values)")
    if bool(seal) != (value.pop("sha256", None) is not None):
        raise DamageError(path, "is damaged (its checksum is not where it was written)")
    if lacking := [key for key in keys if key not in value]:
        raise DamageError(path, f"is damaged (it lacks {listed(lacking)})")
    return value


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Writes rows as CSV, and returns the file's checksum.

    What a row lacks, `None` and NaN are empty; other columns are omitted.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "" if v is None or v != v else v for k, v in row.items()})
    return write(path, buffer.getvalue().encode())


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file, as text."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> str:
    """Writes arrays by name, compressed, and returns the file's checksum."""
    buffer = io.BytesIO()
    # numpy types every further keyword as its own option allow_pickle
    np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]
    return write(path, buffer.getvalue())


def checksum(path: Path) -> str:
    """SHA-256 of a file; of a folder, of the names, sizes and bytes of all files in it.

    Raises:
      OSError: if it is missing or cannot be read.
    """
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file_path in sorted(path.rglob("*")):
        if file_path.is_file():
            whole.update(f"{file_path.relative_to(path)} {checksum(file_path)}\n".encode())
    return whole.hexdigest()


def damage(
    path: Path, expected: str | None, checksum: Callable[[Path], str] = checksum
) -> str | None:
    """What has happened to a file or folder, in words; `None` if it is as it was written.

    Args:
      path: the file or folder.
      expected: its checksum; `None` where an older version wrote none: then it need only be there.
      checksum: as `checksum`, or what remembers it.

    Raises:
      OSError: if it is there and cannot be read.
    """
    try:
        if expected is None:
            return None if path.exists() else "is missing"
        return None if checksum(path) == expected else "is damaged (its checksum is another one)"
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
