"""Class scores of labelled images that a point of a run did not learn from."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxdml.estimator import from_run
from jaxdml.estimator.embedder import SemiSupervisedEmbedder
from jaxdml.labelling import calibration
from jaxdml.options import ConfigError
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import folder

FOLD = "data.fold"


class HeldOut(NamedTuple):
    """Images whose labels a network did not see, and what it says of them."""

    scores: np.ndarray  # f[N, C]
    labels: np.ndarray  # i32[N]


def of_point(
    run_folder: folder.Folder, result: Mapping[str, Any], load_dataset: loading.LoadDataset
) -> HeldOut:
    """The images that a point was scored on; or, where labelled images take turns, all of those.

    Args:
      run_folder: its run folder, with the embeddings that it keeps.
      result: of the point, as `result.json` holds it; or one that stands for all folds, as
        `report.tables.folds.pooled` makes it.
      load_dataset: as for `from_run.of_result`.
    """
    parts = []
    one_fold = result["config"].get(FOLD) is not None and not result.get("pooled")
    folds = [] if one_fold else folds_of(run_folder, result)
    for one in {one["point"]: one for one in (result, *folds)}.values():
        arrays = run_folder.embeddings(one["point"])
        if len(arrays["test"]):
            embedder = from_run.of_result(run_folder, one, load_dataset)
            parts.append(HeldOut(scores(embedder, arrays["test"]), arrays["test_labels"]))
    if not parts:
        return HeldOut(np.empty((0, 1)), np.empty(0, np.int32))
    return HeldOut(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def reliability(
    load_dataset: loading.LoadDataset, result: Mapping[str, Any]
) -> dict[str, np.ndarray] | None:
    """How far confidence and accuracy agree on images that a point did not learn from.

    `None` where too few were held out, or the point's parameters are not here.

    Args:
      load_dataset: as for `from_run.of_result`.
      result: of the point, with its `folder`.
    """
    try:
        held = of_point(result["folder"], result, load_dataset)
    except ConfigError:
        return None
    found = calibration.before_and_after(*held)
    if found is None:
        return None
    names = ("as the network says", "with a temperature")
    return {name: np.stack(bins) for name, bins in zip(names, found, strict=True)}


def folds_of(run_folder: folder.Folder, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The finished points that are as this one, but for a part of the labels that they lack."""

    def plain(config: dict[str, Any]) -> dict[str, Any]:
        return {path: value for path, value in config.items() if path != FOLD}

    return [
        other
        for other in run_folder.results(whole=True)
        if other["status"] == "ok"
        and other["config"].get(FOLD) is not None
        and plain(other["config"]) == plain(result["config"])
    ]


def scores(embedder: SemiSupervisedEmbedder, embeddings: np.ndarray) -> np.ndarray:
    """Class scores f[N, C] of embeddings, by a fitted embedder."""
    fitted = embedder.embeddings_, embedder.labels_
    return embedder.trained_.class_scores(embeddings, *fitted)
