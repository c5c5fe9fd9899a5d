"""Finding the run folders, or what is kept of them, at a path."""

from pathlib import Path
from typing import Any

from jaxdml.options import ConfigError, listed
from jaxdml.runs.storage import archive, folder


def existing(workdir: Path) -> folder.Folder:
    """A run folder that holds results, or what is kept of one.

    Raises:
      ConfigError: if it does not.
    """
    if archive.is_archive(workdir):
        return archive.Archive(workdir)
    run_folder = folder.Folder(workdir)
    if not (workdir / "plan.json").exists() or not run_folder.results():
        raise ConfigError(f"{workdir} holds no finished points: train some there first")
    return run_folder


def chosen(run_folder: folder.Folder, start: str) -> dict[str, Any]:
    """The one finished point whose id starts so.

    Args:
      run_folder: its run folder.
      start: of the id; empty where there is one point. Those of folds, which lack labels to be
        scored on, are not meant by that.

    Raises:
      ConfigError: if there is none, or more than one.
    """
    results = run_folder.results()
    matches = [result for result in results if result["point"].startswith(start)]
    if not start:
        matches = [result for result in matches if result["config"].get("data.fold") is None]
    if len(matches) == 1:
        return matches[0]
    ids = listed(result["point"] for result in (matches or results))
    if not start:
        raise ConfigError(f"--point is missing: name one of {ids}")
    raise ConfigError(f"--point={start} names {len(matches)} points; there are {ids}")


def inside(path: Path) -> list[folder.Folder]:
    """A run folder that holds results or what is kept of one; or all such in a folder of them.

    Raises:
      ConfigError: if there is none.
    """
    several = sorted(file.parent for file in path.glob("*/results.csv"))
    if several and not (path / "results.csv").exists():
        return [existing(run_path) for run_path in several]
    return [existing(path)]
