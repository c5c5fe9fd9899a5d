"""The results of those points with whose networks other trainings began (`train.warm_start`)."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxdml.options import ConfigError
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import folder
from jaxdml.settings.fields import WARM_START

# fields of an evaluation that say which scores there are, and not how one is found
WHICH = ("eval.protocols", "eval.classifiers", "eval.embeddings", "eval.baselines")


def parents(results: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Point → the result of its parent, where that is at hand and was scored on the same images.

    Args:
      results: each with its `folder`.
    """

    @functools.cache
    def read(path: str) -> tuple[Mapping[str, Any] | None, Mapping[str, Any]]:
        run_folder = folder.Folder(Path(path).parent.parent)
        try:
            return run_folder.result(Path(path).name), plan(run_folder.path)
        except (ConfigError, OSError):  # damaged, or nobody's to read
            return None, {}

    @functools.cache
    def plan(path: Path) -> dict[str, Any]:
        return folder.Folder(path).plan()

    found: dict[str, Mapping[str, Any]] = {}
    for result in results:
        path = result["config"].get(WARM_START)
        parent, parents_plan = (None, {}) if path is None else read(path)
        if parent is None:
            continue
        one, other = result["config"], parent["config"]
        prints = plan(result["folder"].path)["data"].get(loading.described(one))
        same = prints is not None and prints == parents_plan["data"].get(loading.described(other))
        if same and _how(one) == _how(other):
            found[result["point"]] = parent
    return found


def _how(config: Mapping[str, Any]) -> dict[str, Any]:
    """How a point's scores are found, and on which images."""
    return {
        path: value
        for path, value in config.items()
        if (path.startswith("eval.") and path not in WHICH) or path == "data.fold"
    }
