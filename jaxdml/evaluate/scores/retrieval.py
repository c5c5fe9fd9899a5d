"""Retrieval: whether the nearest of all other embeddings are of the same class.

As pytorch-metric-learning 2.9 defines it, after Musgrave, Belongie, Lim, "A Metric Learning Reality
Check" (2020).
"""

import numpy as np
from jaxtyping import Float, Int

from jaxdml.arguments import checked

NAMES = ("r_at_1", "r_precision", "map_at_r")
ENTRIES = 2**22  # distances held at once


@checked
def retrieve(
    embeddings: Float[np.ndarray, "rows dim"], labels: Int[np.ndarray, " rows"]
) -> dict[str, float]:
    """R@1, R-precision and MAP@R, each embedding being asked for once, among all others.

    For a query whose class has R other members, the R nearest of all others are looked at: R@1 is
    whether the first is of that class, R-precision the share that is, and AP@R = 1/R Σᵢ precision
    at i, over the ranks i ≤ R that are. Each is averaged over queries with R ≥ 1; a class of one
    image is never asked for, but can be found. Equal distances (Euclidean, in float64) are ordered
    by row.

    Args:
      embeddings: [N, D], finite.
      labels: i32[N].

    Returns:
      Name → value in [0, 1]; empty if no class has two members.

    Raises:
      ValueError: for shapes that do not agree.

    >>> z, y = np.array([[0.0], [1.0], [3.0], [6.0]]), np.array([0, 0, 1, 1])
    >>> retrieve(z, y)
    {'r_at_1': 0.75, 'r_precision': 0.75, 'map_at_r': 0.75}
    """
    z = embeddings.astype(np.float64)
    of_queries = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        others = len(members) - 1  # R
        if not others:
            continue
        rows = max(1, ENTRIES // len(z))
        for start in range(0, len(members), rows):
            queries = members[start : start + rows]
            right = labels[_nearest(z, queries, others)] == label  # [rows, R], the nearest first
            precision = right.cumsum(axis=1) / np.arange(1, others + 1)
            average = (precision * right).mean(axis=1)
            of_queries.append(np.stack([right[:, 0], right.mean(axis=1), average]))
    if not of_queries:
        return {}
    means = np.concatenate(of_queries, axis=1).mean(axis=1)
    return {name: float(mean) for name, mean in zip(NAMES, means, strict=True)}


def _nearest(z: np.ndarray, queries: np.ndarray, count: int) -> np.ndarray:
    """The `count` rows of z nearest to each query but itself, by distance, then by row."""
    from scipy.spatial.distance import cdist

    distance = cdist(z[queries], z, "sqeuclidean")
    distance[np.arange(len(queries)), queries] = np.inf
    last = np.partition(distance, count - 1, axis=1)[:, count - 1 : count]
    near = distance < last
    at_last = distance == last  # as many of them as there is still room for
    room = count - near.sum(axis=1, keepdims=True)
    near |= at_last & (at_last.cumsum(axis=1) <= room)
    rows = np.nonzero(near)[1].reshape(len(queries), count)
    order = np.take_along_axis(distance, rows, axis=1).argsort(axis=1, kind="stable")
    return np.take_along_axis(rows, order, axis=1)
