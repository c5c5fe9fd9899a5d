"""The results of those points with whose networks other trainings began (`train.warm_start`)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxdml.options import ConfigError
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import folder
from jaxdml.settings.fields import WARM_START

SAME = ("eval.split", "data.fold")  # which images are scored


def parents(results: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Path of a parent → its result, where it is at hand and the same images are scored.

    Args:
      results: each with its `folder`.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for result in results:
        path = result["config"].get(WARM_START)
        if path is None or path in found:
            continue
        there = folder.Folder(Path(path).parent.parent)
        try:
            parent = there.result(Path(path).name)
            if parent is not None and _same(result, parent, there):
                found[path] = parent
        except ConfigError:  # a damaged run
            continue
    return found


def _same(child: Mapping[str, Any], parent: Mapping[str, Any], there: folder.Folder) -> bool:
    """Whether the images are the same, and the scored ones among them."""
    one, other = child["config"], parent["config"]
    prints = (child["folder"].plan()["data"], there.plan()["data"])
    images = [kept.get(loading.described(c)) for kept, c in zip(prints, (one, other), strict=True)]
    return (
        images[0] is not None
        and images[0] == images[1]
        and all(one.get(path) == other.get(path) for path in SAME)
    )
