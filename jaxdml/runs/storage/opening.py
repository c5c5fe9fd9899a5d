"""Finding the run folders, or what is kept of them, at a path."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxdml.options import ConfigError, listed
from jaxdml.runs.storage import archive, folder
from jaxdml.runs.storage.files import DamageError
from jaxdml.settings.fields import WARM_START, last_part


def existing(workdir: Path) -> folder.Folder:
    """A run folder that holds results, or what is kept of one.

    Raises:
      ConfigError: if it does not.
    """
    if archive.is_archive(workdir):
        return archive.Archive(workdir)
    run_folder = folder.Folder(workdir)
    if not (workdir / "plan.json").exists() and any(workdir.glob("points/*/result.json")):
        raise DamageError(workdir / "plan.json", "is missing")
    if not (workdir / "plan.json").exists() or not run_folder.results():
        raise ConfigError(f"{workdir} holds no finished points: train some there first")
    return run_folder


def chosen(run_folder: folder.Folder, start: str) -> dict[str, Any]:
    """The one finished point whose id starts so.

    Args:
      run_folder: its run folder.
      start: of the id; empty where there is one point that is meant, see `_meant`.

    Raises:
      ConfigError: if there is none, or more than one, or it is damaged.
    """
    results = run_folder.results()
    matches = [r for r in results if r["point"].startswith(start)] if start else _meant(results)
    if len(matches) == 1:
        if error := run_folder.damage(matches[0]):
            raise error
        return matches[0]
    for identity in [] if matches or not start else run_folder.plan()["points"]:
        if identity.startswith(start):
            run_folder.result(identity)  # says what is damaged
    ids = listed(result["point"] for result in (matches or results))
    if not start:
        raise ConfigError(f"--point is missing: name one of {ids}")
    raise ConfigError(f"--point={start} names {len(matches)} points; there are {ids}")


def point_folder(path: Path) -> Path:
    """The folder of the files of a finished point.

    Args:
      path: that folder, or a run folder with one point that is meant, see `_meant`.

    Raises:
      ConfigError: if there is none, or more than one.
    """
    if path.parent.name == "points" and (path / "result.json").exists():
        return path
    run_folder = existing(path)
    results = run_folder.results()
    meant = _meant(results)
    if len(meant) != 1:
        example = path / "points" / (meant or results)[0]["point"]
        raise ConfigError(f"{path} holds {len(meant)} points: name one, like {example}")
    return run_folder.point(meant[0]["point"])


def _meant(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Points that are used where none is named.

    Those of folds are not, which lack labels to be scored on; and those that were trained further.
    """
    begun = {last_part(r["config"][WARM_START]) for r in results if r["config"].get(WARM_START)}
    return [
        result
        for result in results
        if result["config"].get("data.fold") is None and result["point"] not in begun
    ]


def inside(path: Path) -> list[folder.Folder]:
    """A run folder that holds results or what is kept of one; or all such in a folder of them.

    Raises:
      ConfigError: if there is none.
    """
    several = sorted(file.parent for file in path.glob("*/results.csv"))
    if several and not (path / "results.csv").exists():
        return [existing(run_path) for run_path in several]
    return [existing(path)]
