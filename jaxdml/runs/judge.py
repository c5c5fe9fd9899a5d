"""From a trained point to its result: status, and embeddings to be scored."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxdml import config
from jaxdml.evaluate import embed, protocols
from jaxdml.runs import plan
from jaxdml.runs.cohort import Workshop
from jaxdml.train import step
from jaxdml.types import Params, PointConfig

SAME = 0.02  # how near to the loss of a single point counts as the same


class Judged(NamedTuple):
    """A point before it is scored."""

    result: dict[str, Any]  # with no scores yet
    embedded: protocols.Embedded | None  # `None` where there is nothing to score
    arrays: dict[str, np.ndarray]  # what is kept of its embeddings


def judge(
    shop: Workshop,
    point: PointConfig,
    params: Params,
    diverged: np.ndarray,
    labelled: np.ndarray,
) -> Judged:
    """A point's result but for its scores, and its embeddings.

    Its status is `ok`; `diverged` where training was not finite; or `failed` where the embeddings
    are constant or not finite. Only `ok` is scored; its note says whether the metric loss is
    that of a single point, as after a collapse of batch-hard triplets.

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
        "note": None,
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
        return Judged(result | {"status": "diverged", "reason": reason}, None, {})
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
        return Judged(result | {"status": "failed", "reason": defect}, None, arrays)
    result["note"] = _learned_nothing(shop, c, embedded.labelled, embedded.labelled_labels)
    return Judged(result, embedded, arrays)


def _learned_nothing(
    shop: Workshop, resolved: Mapping[str, Any], z: np.ndarray, y: np.ndarray
) -> str | None:
    """What to say where the metric loss of labelled images is that of a single point.

    A batch-hard loss above it is no such sign: the hardest triplets of good embeddings may be bad.
    """
    if shop.at_a_point is None:
        return None
    size = shop.sizes.batch_size
    rows = np.linspace(0, len(z) - 1, min(len(z), size)).astype(int)  # of all classes, if sorted
    room = [(0, size - len(rows))]
    loss, single = np.asarray(
        shop.at_a_point(
            config.numbers(resolved),
            np.pad(z[rows], [*room, (0, 0)]),
            np.pad(y[rows], room),
            np.arange(size) < len(rows),
        )
    )
    if not single > 0 or abs(loss / single - 1) > SAME:
        return None
    return (
        f"its metric loss on labelled images, {float(loss):.3g}, is what it would be were all of "
        "them at one point: it has collapsed, or learned nothing"
    )
