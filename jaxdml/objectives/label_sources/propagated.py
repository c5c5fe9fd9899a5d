"""Labels that a graph gives to all images, as a source of labels: pseudo-labels by propagation.

Between epochs the labels of the labelled images spread over a graph of the nearest neighbours among
all embeddings (Iscen, Tolias, Avrithis, Chum 2019). Until the next time each image keeps its label
and its confidence, and a batch looks them up.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxdml import masks
from jaxdml.graph import METHODS, propagate
from jaxdml.objectives.label_sources.source import Rows, Source, SourceRefresh
from jaxdml.options import at_least, between, one_of
from jaxdml.types import Context, Corpus, InitContext, Metrics, Outputs, Role

SHARES = ("none", "uniform", "labelled")


def make_propagated(
    *,
    method: str = "poisson",
    neighbours: int = 10,
    every: int = 1,
    first: int = 1,
    threshold: ArrayLike = 0.0,
    weight: ArrayLike = 1.0,
    shares: str = "none",
) -> Source:
    """All images, strongly augmented, with the labels of a graph, weighted by their confidence.

    The graph is that of the teacher's embeddings where there is one. Before it is first made all
    weights are 0. A labelled image among all images has its own label, and the weight 1. Its
    metrics are `confident`, the share of rows with a weight above 0, and `confidence`, the mean
    confidence.

    Args:
      method: of `jaxdml.graph`: `poisson` learning, or label `spreading`.
      neighbours: k of the graph, at least 1.
      every: so many epochs after one refresh comes the next, at least 1.
      first: the epoch after which the first refresh comes; 0: before the first epoch.
      threshold: in [0, 1]; rows whose confidence is below it have the weight 0, and still count in
        a mean over rows.
      weight: λ ≥ 0, of these rows' mean loss.
      shares: of the classes among the labels: `none` are asked for; `uniform` ones; or those of the
        `labelled` images, smoothed, (n_c + 1) / (L + C), where these were drawn at random.

    Raises:
      ValueError: for a value out of range.

    >>> due = make_propagated(every=5).refresh.due  # after the first epoch, then every fifth
    >>> [epoch for epoch in range(12) if due(epoch)]
    [1, 6, 11]
    """
    one_of("method", method, METHODS)
    at_least("neighbours", neighbours, 1)
    at_least("every", every, 1)
    at_least("first", first, 0)
    between("threshold", threshold, 0, 1)
    at_least("weight", weight, 0)
    one_of("shares", shares, SHARES)

    def init(context: InitContext) -> Any:
        # confidences, not yet compared with the threshold
        return {
            "labels": jnp.zeros(context.images, jnp.int32),
            "weights": jnp.zeros(context.images),
        }

    def rows(
        kept: Any, context: Context, embedding: Callable[[Outputs], Array], key: Array
    ) -> tuple[Rows, Any, Metrics]:
        batch = context.batches["strong"]
        labels, confidence = kept["labels"][batch.row], kept["weights"][batch.row]
        sure = confidence >= jnp.asarray(threshold, confidence.dtype)
        weights = jnp.where(sure, confidence, 0)
        metrics = {
            "confident": masks.mean((weights > 0).astype(weights.dtype), batch.valid),
            "confidence": masks.mean(confidence, batch.valid),
        }
        result = Rows(embedding(context.outputs["strong"]), labels, batch.valid, weights)
        return result, kept, metrics

    def update(kept: Any, corpus: Corpus, seed: tuple[int, int]) -> Any:
        propagated = propagate(
            corpus.embeddings,
            corpus.labelled_indices,
            corpus.labelled_labels,
            corpus.classes,
            method=method,
            neighbours=neighbours,
            shares=class_shares(shares, corpus.labelled_labels, corpus.classes),
        )
        return {
            "labels": np.maximum(propagated.labels, 0).astype(np.int32),  # with the weight 0
            "weights": propagated.confidence.astype(np.asarray(kept["weights"]).dtype),
        }

    refresh = SourceRefresh(lambda epoch: epoch >= first and (epoch - first) % every == 0, update)
    roles = {"strong": Role("all", "strong")}
    return Source(roles, rows, init, weight, refresh=refresh)


def class_shares(shares: str, labels: np.ndarray, classes: int) -> np.ndarray | None:
    """The shares f64[C] that an option of `SHARES` asks for, from the labels of labelled images.

    Args:
      shares: one of `SHARES`.
      labels: i32[L], of labelled images.
      classes: C.

    >>> class_shares("labelled", np.array([0, 0, 1]), 3).round(3).tolist()
    [0.5, 0.333, 0.167]
    """
    if shares == "none":
        return None
    counts = np.bincount(labels, minlength=classes) if shares == "labelled" else np.zeros(classes)
    return (counts + 1) / (counts.sum() + classes)
