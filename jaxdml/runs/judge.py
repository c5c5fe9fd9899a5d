"""From a trained point to its result: status, scores and embeddings."""

from typing import Any

import numpy as np

from jaxdml.evaluate import embed, protocols
from jaxdml.runs import plan
from jaxdml.runs.cohort import Workshop
from jaxdml.train import step
from jaxdml.types import Params, PointConfig


def judge(
    shop: Workshop,
    point: PointConfig,
    params: Params,
    diverged: np.ndarray,
    labelled: np.ndarray,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A point's result, and its embeddings.

    Its status is `ok`; `diverged` where training was not finite; or `failed` where the embeddings
    are constant or not finite. Only `ok` has scores.

    Args:
      shop: its cohort's.
      point: its identity and configuration.
      params: of its model.
      diverged: i32[3], as in `TrainState`.
      labelled: rows of the training set.
    """
    c = point.config
    result: dict[str, Any] = {
        "point": point.id,
        "status": "ok",
        "reason": None,
        "config": dict(c),
        "labelled": len(labelled),
        "steps": step.count_steps(shop.routine, shop.sizes, c["train.epochs"]),
        "diverged": [int(i) for i in diverged],
        "scores": [],
    }
    if diverged[0] >= 0:
        names = [*step.terms(shop.routine), "the gradient"]
        epoch, at, code = (int(i) for i in diverged)
        reason = f"{names[code]} was not finite in epoch {epoch}, step {at}"
        return result | {"status": "diverged", "reason": reason}, {}
    train, scored = shop.dataset.train, plan.scored(shop.dataset, c["eval.split"])
    embedded = protocols.Embedded(
        shop.embed(params, scored.x),
        np.asarray(scored.y),
        shop.embed(params, train.x[labelled]),
        np.asarray(train.y[labelled]),
    )
    arrays = embedded._asdict() | {"labelled_index": labelled}
    defect = embed.defect(embedded.test) or embed.defect(embedded.labelled)
    if defect is not None:
        return result | {"status": "failed", "reason": defect}, arrays
    scores = protocols.evaluate(embedded, c["eval.protocols"], c["eval.classifiers"])
    return result | {"scores": [score._asdict() for score in scores]}, arrays
