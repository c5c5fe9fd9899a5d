"""Dropping what is damaged of a run, so that the command that trained it makes it anew."""

import functools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from jaxdml.options import ConfigError
from jaxdml.runs.storage import files, folder
from jaxdml.runs.storage.files import DamageError


def mend(run_folder: folder.Folder, config: Mapping[str, Any], points: Sequence[str]) -> bool:
    """Drops damaged results, and makes a damaged plan and base configuration anew.

    A warning names each. Nothing happens in a folder in which nothing was trained.

    Args:
      run_folder: of which nobody else has the lock.
      config: the base configuration of this command, flat.
      points: ids of its points.

    Returns:
      Whether the plan had to be made anew: then it holds the points that are finished, and nothing
      of their data sets.

    Raises:
      ConfigError: if the base configuration is damaged, and no point of the run shows that this
        command is the one that trained it.
    """
    if not run_folder.begun:
        return False
    checksum = functools.cache(files.checksum)
    sound: dict[str, Any] = {}
    for file in sorted(run_folder.path.glob("points/*/result.json")):
        try:
            result = run_folder.result(file.parent.name)
            if result is None:
                continue
            if error := run_folder.damage(result, checksum):
                raise error
            sound[result["point"]] = result["config"]
        except DamageError as error:
            warnings.warn(f"point {file.parent.name} is trained again: {error}", stacklevel=2)
            file.unlink()
    lost = _plan_lost(run_folder)
    if lost:
        order = [*(point for point in points if point in sound), *sound]
        run_folder.write_plan({"points": {point: sound[point] for point in order}})
    _mend_config(run_folder, config, points)
    return lost


def _plan_lost(run_folder: folder.Folder) -> bool:
    file = run_folder.path / "plan.json"
    try:
        files.read_json(file, folder.OF_PLAN)
    except DamageError as error:
        warnings.warn(str(error), stacklevel=3)
        return True
    return False


def _mend_config(
    run_folder: folder.Folder, config: Mapping[str, Any], points: Sequence[str]
) -> None:
    file = run_folder.path / "config.json"
    try:
        if not files.read_json(file):
            raise DamageError(file, "is damaged (it is empty)")
    except DamageError as error:
        known = {*run_folder.plan()["points"], *_begun(run_folder)}
        if not known & set(points):
            raise ConfigError(
                f"{file} {error.why}, and this command trains none of the points of that run: "
                "repeat the one that did, which makes it anew, or use another --workdir"
            ) from error
        warnings.warn(str(error), stacklevel=3)
        files.write_json(file, config)


def _begun(run_folder: folder.Folder) -> list[str]:
    """The points of which there are files."""
    return [path.name for path in run_folder.path.glob("points/*")]
