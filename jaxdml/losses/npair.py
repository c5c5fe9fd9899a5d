"""N-pair loss: one positive against a negative of every other class.

Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss Objective", 2016.
"""

import functools
from collections.abc import Callable

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.distances import matmul, unit
from jaxdml.losses.softmax import log_sum_exp
from jaxdml.options import at_least


@checked
def npair(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    l2: ArrayLike = 0.0,
    normalize: bool = False,
) -> Float[Array, ""]:
    """Mean over anchors a of log(1 + Σᵢ exp(aᵀnᵢ − aᵀp)).

    The first two labelled rows of a class are its anchor a and its positive p; the positives of the
    other classes are the negatives nᵢ. Time O(B² D), memory O(B²).

    Args:
      embeddings: f32[B, D].
      labels: i32[B].
      labelled: bool[B]; rows without take part in nothing. `None` means all.
      l2: ≥ 0; adds l2 · mean ‖z‖² over anchors and positives, since inner products grow with the
        embeddings' length. With `normalize` it is their length before they are scaled.
      normalize: scale the embeddings to length 1 for the inner products.

    Returns:
      f32[] in nats, 0 where no class has two labelled rows, or only one has (and l2 = 0).

    Raises:
      ValueError: for a negative `l2`, or shapes that do not agree.

    >>> z = jnp.array([[1.0], [1.0], [-1.0], [-1.0]])
    >>> round(float(npair(z, jnp.array([0, 0, 1, 1]))), 4)  # log(1 + e⁻²)
    0.1269
    >>> z = jnp.array([[3.0], [3.0], [-1.0], [-1.0]])
    >>> round(float(npair(z, jnp.array([0, 0, 1, 1]), normalize=True, l2=0.1)), 4)  # + 0.1 · 5
    0.6269
    """
    at_least("l2", l2, 0)
    embeddings, labels, labelled = masks.one_row_at_least(embeddings, labels, labelled)
    same, _ = masks.pairs(labels, labelled)
    earlier = jnp.sum(jnp.tril(same, -1), axis=1)  # rows of the same class before this one
    anchors = labelled & (earlier == 0) & same.any(axis=1)
    positives = labelled & (earlier == 1)
    directions = unit(embeddings) if normalize else embeddings
    products = matmul(directions, directions.T)  # [anchor, positive]
    among = log_sum_exp(products, jnp.broadcast_to(positives[None, :], products.shape))
    own = jnp.sum(jnp.where(same & positives[None, :] & anchors[:, None], products, 0), axis=1)
    length = masks.mean(jnp.sum(embeddings * embeddings, axis=1), anchors | positives)
    return masks.mean(among - own, anchors) + jnp.asarray(l2, length.dtype) * length


def make(*, l2: ArrayLike = 0.0, normalize: bool = False) -> Callable[..., Array]:
    """The N-pair loss with its options bound, as `loss.name = "npair"` selects it."""
    at_least("l2", l2, 0)
    return functools.partial(npair, l2=l2, normalize=normalize)
