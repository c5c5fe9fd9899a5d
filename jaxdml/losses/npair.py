"""N-pair loss: one positive against a negative of every other class.

Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss Objective", 2016.
"""

from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.distances import matmul, unit
from jaxdml.losses.rows import log_weights, read, refuse_soft
from jaxdml.losses.softmax import log_sum_exp
from jaxdml.options import at_least, part


def _check(*, l2: ArrayLike, **_: Any) -> None:
    at_least("l2", l2, 0)


@checked
def npair(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    weights: Float[Array, " batch"] | None = None,
    normalizer: str = "weights",
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
      weights: f32[B] ≥ 0; `None` means 1. Rows of weight 0 are not chosen. An anchor weighs
        w_a w_p, and a product aᵀz becomes aᵀz + log w_z: a row of weight 2 is a negative twice.
      normalizer: what the mean divides by: the anchors' `weights`, or the number that there would
        be if all labelled rows had the weight 1, `rows`.
      l2: ≥ 0; adds l2 · mean ‖z‖² over anchors and positives, since inner products grow with the
        embeddings' length. With `normalize` it is their length before they are scaled.
      normalize: scale the embeddings to length 1 for the inner products.

    Returns:
      f32[] in nats, 0 where no class has two labelled rows, or only one has (and l2 = 0).

    Raises:
      ValueError: for a negative `l2`, soft labels, or shapes that do not agree.

    >>> z = jnp.array([[1.0], [1.0], [-1.0], [-1.0]])
    >>> round(float(npair(z, jnp.array([0, 0, 1, 1]))), 4)  # log(1 + e⁻²)
    0.1269
    >>> z = jnp.array([[3.0], [3.0], [-1.0], [-1.0]])
    >>> round(float(npair(z, jnp.array([0, 0, 1, 1]), normalize=True, l2=0.1)), 4)  # + 0.1 · 5
    0.6269
    """
    _check(l2=l2)
    refuse_soft("npair", labels)
    embeddings, labels, labelled, weights, counts = read(
        embeddings, labels, labelled, weights, normalizer
    )
    same, anchors, positives = _chosen(labels, labelled)
    directions = unit(embeddings) if normalize else embeddings
    products = matmul(directions, directions.T)  # [anchor, positive]
    if weights is not None:
        products += log_weights(weights)[None, :]
    among = log_sum_exp(products, jnp.broadcast_to(positives[None, :], products.shape))
    own_positive = jnp.sum(
        jnp.where(same & positives[None, :] & anchors[:, None], products, 0), axis=1
    )
    length = jnp.sum(embeddings * embeddings, axis=1)
    if weights is None or counts is None:
        length = masks.mean(length, anchors | positives)
        loss = masks.mean(among - own_positive, anchors)
    else:
        of_anchors, of_both = _weights(labels, weights)
        count_anchors, count_both = _weights(labels, counts)
        length = masks.mean(length, anchors | positives, of_both, count_both)
        loss = masks.mean(among - own_positive, anchors, of_anchors, count_anchors)
    return loss + jnp.asarray(l2, length.dtype) * length


def _chosen(labels: Array, labelled: Array) -> tuple[Array, Array, Array]:
    """Which pairs are genuine, bool[B, B]; the anchors and the positives, bool[B] each."""
    same, _ = masks.pairs(labels, labelled)
    earlier = jnp.sum(jnp.tril(same, -1), axis=1)  # rows of the same class before this one
    anchors = labelled & (earlier == 0) & same.any(axis=1)
    return same, anchors, labelled & (earlier == 1)


def _weights(labels: Array, weights: Array) -> tuple[Array, Array]:
    """The weight of each anchor's pair, and of each row of a pair; 0 for other rows."""
    same, anchors, positives = _chosen(labels, ~(weights <= 0))
    partner_weight = jnp.sum(jnp.where(same & positives[None, :], weights[None, :], 0), axis=1)
    return jnp.where(anchors, weights * partner_weight, 0), jnp.where(
        anchors | positives, weights, 0
    )


make = part(npair, check=_check)
