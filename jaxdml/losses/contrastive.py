"""Contrastive loss: genuine pairs are pulled together, impostors pushed beyond a margin.

Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", 2006.
"""

import functools
from collections.abc import Callable

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.distances import DISTANCES, unit
from jaxdml.options import at_least, one_of

REDUCTIONS = ("mean_nonzero", "mean", "sum")


@checked
def contrastive(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    margin: ArrayLike = 1.0,
    squared: bool = True,
    distance: str = "euclidean",
    reduction: str = "mean_nonzero",
    normalize: bool = False,
) -> Float[Array, ""]:
    """D² over genuine pairs and max(0, margin − D)² over impostors, each reduced, then added.

    Time O(B² D), memory O(B²), for the value and for its gradient.

    Args:
      embeddings: f32[B, D].
      labels: i32[B].
      labelled: bool[B]; rows without take part in no pair. `None` means all.
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
    _check(margin, squared, distance, reduction)
    embeddings, labels, labelled = masks.one_row_at_least(embeddings, labels, labelled)
    positive, negative = masks.pairs(labels, labelled)
    distances = DISTANCES[distance](unit(embeddings) if normalize else embeddings)
    inside = jnp.maximum(jnp.asarray(margin, distances.dtype) - distances, 0)
    if squared:
        distances, inside = distances**2, inside**2
    return _reduced(distances, positive, reduction) + _reduced(inside, negative, reduction)


def make(
    *,
    margin: ArrayLike = 1.0,
    squared: bool = True,
    distance: str = "euclidean",
    reduction: str = "mean_nonzero",
    normalize: bool = False,
) -> Callable[..., Array]:
    """The contrastive loss with its options bound, as `loss.name = "contrastive"` selects it."""
    _check(margin, squared, distance, reduction)
    return functools.partial(
        contrastive,
        margin=margin,
        squared=squared,
        distance=distance,
        reduction=reduction,
        normalize=normalize,
    )


def _check(margin: ArrayLike, squared: bool, distance: str, reduction: str) -> None:
    at_least("margin", margin, 0)
    one_of("distance", distance, DISTANCES)
    one_of("reduction", reduction, REDUCTIONS)
    if squared and distance == "squared_euclidean":
        raise ValueError(
            "squared must be False where the distance is squared_euclidean: it is squared already"
        )


def _reduced(values: Array, pairs: Array, reduction: str) -> Array:
    if reduction == "sum":
        return jnp.sum(jnp.where(pairs, values, 0))
    return masks.mean(values, pairs & ~(values <= 0) if reduction == "mean_nonzero" else pairs)
