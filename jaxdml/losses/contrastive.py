"""Contrastive loss: genuine pairs are pulled together, impostors pushed beyond a margin.

Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", 2006.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.distances import DISTANCES, unit
from jaxdml.losses.rows import Rows, alike, read
from jaxdml.options import at_least, one_of, part

REDUCTIONS = ("mean_nonzero", "mean", "sum")


def _check(*, margin: ArrayLike, squared: bool, distance: str, reduction: str, **_: Any) -> None:
    at_least("margin", margin, 0)
    one_of("distance", distance, DISTANCES)
    one_of("reduction", reduction, REDUCTIONS)
    if squared and distance == "squared_euclidean":
        raise ValueError(
            "squared must be False where the distance is squared_euclidean: it is squared already"
        )


@checked
def contrastive(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    weights: Float[Array, " batch"] | None = None,
    normalizer: str = "weights",
    margin: ArrayLike = 1.0,
    squared: bool = True,
    distance: str = "euclidean",
    reduction: str = "mean_nonzero",
    normalize: bool = False,
) -> Float[Array, ""]:
    """D² over genuine pairs and max(0, margin − D)² over impostors, each reduced, then added.

    Time O(B² D), memory O(B²), for the value and for its gradient by the embeddings.

    Args:
      embeddings: f32[B, D].
      labels: i32[B], or soft, f32[B, C]: a pair is genuine with the probability s = Σ_c p_ic p_jc,
        and an impostor with 1 − s.
      labelled: bool[B]; rows without take part in no pair. `None` means all.
      weights: f32[B] ≥ 0; a pair weighs w_i w_j. `None` means 1.
      normalizer: what each mean divides by: the pairs' `weights`, or their number, `rows`. A `sum`
        divides by nothing, so it grows with the weights.
      margin: ≥ 0, in units of the distance.
      squared: square both sides, as Hadsell 2006 does; otherwise D and max(0, margin − D), as the
        thesis prints them.
      distance: `euclidean`, `cosine`, or, with `squared=False`, `squared_euclidean`.
      reduction: of each side: `mean_nonzero` over its pairs that are not 0, `mean`, or `sum`.
      normalize: scale the embeddings to length 1 first.

    Returns:
      f32[], 0 where there is no pair.

    Raises:
      ValueError: for an option that is not one of the above, or shapes that do not agree.

    >>> z = jnp.array([[0.0], [0.5], [0.9]])
    >>> round(float(contrastive(z, jnp.array([0, 0, 1]))), 4)  # 0.25 + (0.01 + 0.36) / 2
    0.435
    """
    _check(margin=margin, squared=squared, distance=distance, reduction=reduction)
    rows = read(embeddings, labels, labelled, weights, normalizer, relative=reduction != "sum")
    genuine, impostors = _sides(rows)
    distances = DISTANCES[distance](unit(rows.embeddings) if normalize else rows.embeddings)
    inside = jnp.maximum(jnp.asarray(margin, distances.dtype) - distances, 0)
    if squared:
        distances, inside = distances**2, inside**2
    return _reduced(distances, genuine, reduction) + _reduced(inside, impostors, reduction)


make = part(contrastive, check=_check)


class _Pairs(NamedTuple):
    mask: Array  # bool[B, B]
    weights: Array | None = None  # f32[B, B]
    counts: Array | None = None  # f32[B, B], what each pair adds to the denominator


def _sides(rows: Rows) -> tuple[_Pairs, _Pairs]:
    """The genuine pairs, and the impostors."""
    if rows.weights is None or rows.counts is None:
        positive, negative = masks.pairs(rows.labels, rows.labelled)
        return _Pairs(positive), _Pairs(negative)
    weights = rows.weights[:, None] * rows.weights[None, :]
    counts = rows.counts[:, None] * rows.counts[None, :]
    both_labelled = rows.labelled[:, None] & rows.labelled[None, :]
    genuine, impostor = (
        _Pairs(both_labelled & (share > 0), share * weights, share * counts)
        for share in alike(rows.labels, weights.dtype)
    )
    return genuine, impostor


def _reduced(values: Array, pairs: _Pairs, reduction: str) -> Array:
    mask, weights, counts = pairs
    if reduction == "sum":
        return jnp.sum(jnp.where(mask, values if weights is None else weights * values, 0))
    if reduction == "mean_nonzero":
        mask &= ~(values <= 0)
        counts = counts if counts is None else jnp.where(values <= 0, 0, counts)
    return masks.mean(values, mask, weights, counts)
