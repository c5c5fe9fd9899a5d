"""From a few labels to a label and a confidence for each embedding, over a kNN graph.

embeddings → neighbours → weights → scores of classes → labels, confidence
                                   ↑ labels, method    ↑ shares of classes, where they are known

Few labels are enough where classes are dense regions of the embeddings.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from jaxdml.arguments import checked, must_have
from jaxdml.graph import poisson, spreading
from jaxdml.graph.neighbours import nearest
from jaxdml.graph.shares import offsets
from jaxdml.graph.weights import weights
from jaxdml.options import one_of


class Propagated(NamedTuple):
    """What a graph says about N embeddings."""

    labels: np.ndarray  # i32[N]; −1 where no label can be reached
    confidence: np.ndarray  # f32[N], in [0, 1]; 1 for labelled rows, 0 where there is no label


# (W f64[N, N] sparse, Y f64[N, C]) → f64[N, C]: what stands for the logarithm of a probability
METHODS: dict[str, Callable[[sparse.csr_array, np.ndarray], np.ndarray]] = {
    "spreading": spreading.class_scores,
    "poisson": poisson.class_scores,
}


@checked
def propagate(
    embeddings: Float[np.ndarray, "rows dim"],
    labelled_indices: Int[np.ndarray, " labelled"],
    labelled_labels: Int[np.ndarray, " labelled"],
    classes: int,
    *,
    method: str = "poisson",
    neighbours: int = 10,
    shares: np.ndarray | None = None,
    approximate: bool = False,
) -> Propagated:
    """The labels of all embeddings, from those of a few.

    A row is only given a class that has a labelled row in its component of the graph. In a
    component without a labelled row no row has a label; in one whose labels are all of one class
    each row has that class, with confidence 1. Otherwise the confidence is (p₁ − p₂) / (p₁ + p₂) of
    a row's two best classes. By label spreading p is F; by Poisson learning it is e^u, with u in
    units of its median margin, so that the median confidence is 0.46.

    Args:
      embeddings: f32[N, D], finite.
      labelled_indices: i64[L], which rows are labelled.
      labelled_labels: i32[L], theirs, at least 0 and less than `classes`.
      classes: C.
      method: a key of `METHODS`.
      neighbours: k of the graph, at least 1.
      shares: f32[C], at least 0, which the classes shall have among the predictions, see `shares`;
        `None`: whatever comes. Those of classes without a labelled row are divided among the
        others.
      approximate: as for `jaxdml.graph.neighbours.nearest`.

    Raises:
      ValueError: for a value out of range, or shapes that do not agree.

    >>> z = np.array([[0.0], [1.0], [2.0], [7.0], [8.0], [9.0]])
    >>> propagated = propagate(z, np.array([0, 5]), np.array([3, 1]), 4, neighbours=3)
    >>> propagated.labels.tolist()
    [3, 3, 3, 1, 1, 1]
    """
    one_of("method", method, METHODS)
    if ((labelled_labels < 0) | (labelled_labels >= classes)).any():
        raise ValueError(f"labelled_labels must be at least 0 and less than {classes}")
    graph = weights(nearest(embeddings, neighbours, approximate=approximate))
    targets = np.zeros((len(embeddings), classes))
    targets[labelled_indices, labelled_labels] = 1
    scores = METHODS[method](graph, targets)

    reached = (scores > -np.inf).any(axis=1)
    if shares is not None and reached.any():
        scores += offsets(scores[reached], _of_labelled(shares, classes, labelled_labels))
    labels = np.where(reached, scores.argmax(axis=1), -1).astype(np.int32)
    confidence = np.zeros(len(embeddings), np.float32)
    confidence[reached] = _confidence(scores[reached])
    labels[labelled_indices], confidence[labelled_indices] = labelled_labels, 1
    return Propagated(labels, confidence)


def _confidence(scores: np.ndarray) -> np.ndarray:
    """(p₁ − p₂) / (p₁ + p₂) of the two largest p = e^score, f64[N].

    >>> _confidence(np.log([[0.6, 0.2, 0.2], [0.3, 0.3, 0.4]])).round(3).tolist()
    [0.5, 0.143]
    """
    if scores.shape[1] == 1:
        return np.ones(len(scores))
    ordered = np.sort(scores, axis=1)
    return np.tanh((ordered[:, -1] - ordered[:, -2]) / 2)


def _of_labelled(shares: np.ndarray, classes: int, labels: np.ndarray) -> np.ndarray:
    """Shares f64[C] of the classes that have a labelled row."""
    must_have("shares", shares, (classes,), "one for each class")
    labelled_shares = np.where(np.isin(np.arange(classes), labels), shares, 0).astype(np.float64)
    if not (labelled_shares >= 0).all() or not 0 < labelled_shares.sum() < np.inf:
        raise ValueError(
            f"shares must be at least 0, and not all 0 for classes with labels, but are {shares}"
        )
    return labelled_shares / labelled_shares.sum()
