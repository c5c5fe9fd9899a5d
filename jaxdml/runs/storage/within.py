"""What lies in a run folder stays in it: no link leads out, and no name that a file of it holds.

A run folder may be a stranger's. What is written into one would else be written elsewhere, and what
is read could be any file of the user.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from jaxdml.options import ConfigError

# folders that hold files of a run, as patterns
ROOMS = (".", "points", "points/*", "checkpoints", "checkpoints/*", "report", "report/tables")


def check(run_folder: Path) -> None:
    """Makes sure that nothing in a run folder leads out of it. The folder itself may be a link.

    Raises:
      ConfigError: naming the link, or the point whose name is a path.
    """
    root = os.path.realpath(run_folder)
    for link in _links(run_folder):
        if not Path(os.path.realpath(link)).is_relative_to(root):
            raise ConfigError(
                f"{link} is a link that leads out of the run folder, and is not followed: put "
                "what is meant in its place, or remove it"
            )
    for identity in _points(run_folder):
        inner(run_folder / "points", identity)


def inner(above: Path, name: str) -> Path:
    """A path inside of a folder, by a name that a file of data holds.

    Raises:
      ConfigError: if it leads out of the folder.

    >>> inner(Path("points"), "0123456789ab").as_posix()
    'points/0123456789ab'
    """
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or Path(name).is_absolute() or "\0" in name:
        raise ConfigError(f"{above.parent} names {name!r}, which leads out of {above}")
    return above / name


def _links(run_folder: Path) -> Iterator[Path]:
    """The links in a run folder, of what a command may read or write."""
    for room in ROOMS:
        for place in [run_folder] if room == "." else sorted(run_folder.glob(room)):
            if place.is_dir() and not place.is_symlink():
                with os.scandir(place) as entries:
                    yield from (Path(entry.path) for entry in entries if entry.is_symlink())


def _points(run_folder: Path) -> list[str]:
    """The names of points, as its plan has them; none where it cannot be read."""
    try:
        return list(json.loads((run_folder / "plan.json").read_text("utf-8"))["points"])
    except (OSError, ValueError, TypeError, KeyError):
        return []
