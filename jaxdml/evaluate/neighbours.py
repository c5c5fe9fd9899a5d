"""Nearest neighbours: to look at, and as a classifier on an accelerator."""

import functools
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxdml.arguments import checked, must_have

SPARE = 8  # candidates beyond the k nearest, so that float32 misses none
ENTRIES = 2**26  # distances held at once


@checked
def nearest(z: Float[np.ndarray, "rows dim"], k: int) -> np.ndarray:
    """The rows i32[N, k] of the `k` embeddings nearest to each of `z`, f32[N, D], but for itself.

    Where there are fewer than k others, all of them.

    >>> nearest(np.array([[0.0], [1.0], [3.0]]), 1).tolist()
    [[1], [0], [1]]
    """
    from sklearn.neighbors import NearestNeighbors

    k = min(k, len(z) - 1)
    return np.asarray(NearestNeighbors(n_neighbors=k).fit(z).kneighbors(return_distance=False))


@checked
def among(
    z: Float[np.ndarray, "rows dim"], others: Float[np.ndarray, "others dim"], k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The distances to the nearest of other embeddings, and the rows of these.

    Args:
      z: f32[N, D].
      others: f32[M, D].
      k: how many; where there are fewer, all of them.

    Returns:
      f64[N, k] and i64[N, k].

    >>> among(np.array([[1.0]]), np.array([[0.0], [3.0]]), 1)
    (array([[1.]]), array([[0]]))
    """
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=min(k, len(others))).fit(others)
    distances, rows = index.kneighbors(z)
    return distances, rows


class KNeighbors:
    """The classifier `KNeighborsClassifier(k)` of scikit-learn, on an accelerator.

    Votes are uniform, distances Euclidean, and ties go to the smallest label. The device proposes
    candidates in float32; their distances are computed again in float64. A row for which float32
    cannot tell that nothing else is as near is compared with everything. So only exactly equal
    distances at the k-th place may be resolved in another way.

    Args:
      k: neighbours, at least 1.

    >>> KNeighbors(1).fit(np.eye(2, dtype="f"), np.array([3, 5])).predict(np.array([[0.1, 0.9]]))
    array([5])
    """

    def __init__(self, k: int) -> None:
        self.k = k

    @checked
    def fit(self, z: Float[np.ndarray, "rows dim"], y: Int[np.ndarray, " rows"]) -> Self:
        """Keeps the embeddings `z` f32[N, D], N ≥ k, and their labels `y` i32[N].

        Raises:
          ValueError: for shapes that do not agree.
        """
        self.z, self.y = np.asarray(z, np.float32), np.asarray(y)
        return self

    @checked
    def predict(self, z: Float[np.ndarray, "rows dim"]) -> np.ndarray:
        """The labels i32[M] of embeddings `z` f32[M, D].

        Raises:
          ValueError: for embeddings of other dimensions than those of `fit`.
        """
        z = np.asarray(z, np.float32)
        must_have("z", z, (len(z), self.z.shape[1]), "with as many dimensions as `fit` had")
        centre = self.z.mean(axis=0, dtype=np.float64)  # distances stay, rounding shrinks
        fit, scored = ((a - centre).astype(np.float32) for a in (self.z, z))
        largest = np.square(fit).sum(axis=1).max()
        candidate_count = min(self.k + SPARE, len(fit))
        rows = max(1, ENTRIES // len(fit))
        classes, votes = np.unique(self.y, return_inverse=True)
        predicted = []
        for start in range(0, len(z), rows):
            part = scored[start : start + rows]
            padded = np.pad(part, ((0, min(rows, len(z)) - len(part)), (0, 0)))
            near, limit = (
                np.array(a)[: len(part)] for a in _candidates(fit, padded, candidate_count)
            )
            exact = _squared(z[start : start + rows, None], self.z[near])
            order = np.argsort(exact, axis=1, kind="stable")[:, : self.k]
            nearest = np.take_along_axis(near, order, axis=1)
            if candidate_count < len(fit):
                last = np.take_along_axis(exact, order, axis=1)[:, -1]
                rounding = (fit.shape[1] + 8) * 2.0**-23 * (np.square(part).sum(axis=1) + largest)
                unsure = ~(last < limit - rounding)  # also where float32 overflows
                for row in np.flatnonzero(unsure):
                    everything = _squared(z[start + row], self.z)
                    nearest[row] = np.argsort(everything, kind="stable")[: self.k]
            counts = np.zeros((len(part), len(classes)), int)
            np.add.at(counts, (np.arange(len(part))[:, None], votes[nearest]), 1)
            predicted.append(classes[counts.argmax(axis=1)])
        return np.concatenate(predicted) if predicted else self.y[:0]


@functools.partial(jax.jit, static_argnums=2)
def _candidates(fit: jax.Array, scored: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Returns the rows of the `count` embeddings that are nearest to each scored embedding.

    Beside them, the squared distance of the last one, in float32.
    """
    product = jnp.matmul(scored, fit.T, precision=jax.lax.Precision.HIGHEST)
    squares = jnp.square(scored).sum(1)[:, None] + jnp.square(fit).sum(1)[None, :]
    negative, near = jax.lax.top_k(2 * product - squares, count)
    return near, -negative[:, -1]


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.square(a.astype(np.float64) - b).sum(axis=-1)
