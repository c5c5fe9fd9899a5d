"""Triplet loss: a positive must be nearer to its anchor than a negative, by a margin.

Schroff, Kalenichenko, Philbin, "FaceNet", 2015 (semi-hard mining); Hermans, Beyer, Leibe, "In
Defense of the Triplet Loss for Person Re-Identification", 2017 (batch-all, batch-hard, softplus).
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.distances import DISTANCES, unit
from jaxdml.options import at_least, one_of

# form → (φ(t), φ'(t)), of the violation t = D_ap − D_an + margin
FORMS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "hinge": (lambda t: jnp.maximum(t, 0), lambda t: (t > 0).astype(t.dtype)),
    "softplus": (jax.nn.softplus, jax.nn.sigmoid),
    "abs": (jnp.abs, jnp.sign),
}
MINING = ("all", "semihard", "hard")
REDUCTIONS = ("mean_nonzero", "mean", "sum")
BLOCK = 2**21  # triplets at a time: all of 128 rows, 8 anchors of 512 (8 MiB in float32)


@checked
def triplet(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    margin: ArrayLike = 0.2,
    mining: str = "all",
    form: str = "hinge",
    distance: str = "euclidean",
    reduction: str = "mean_nonzero",
    normalize: bool = False,
) -> Float[Array, ""]:
    """φ(D_ap − D_an + margin), reduced over the triplets (anchor, positive, negative) of a batch.

    All triplets cost O(B³) time. Memory stays O(B²): anchors are visited in blocks of at most
    `BLOCK` triplets, and the derivative is summed on the way.

    Args:
      embeddings: f32[B, D].
      labels: i32[B].
      labelled: bool[B]; rows without take part in no triplet. `None` means all.
      margin: ≥ 0, in units of the distance.
      mining: `all` triplets; `semihard`, those with 0 < D_an − D_ap ≤ margin; `hard`, each anchor's
        farthest positive and nearest negative.
      form: φ(t) is `hinge` max(0, t), `softplus` log(1 + eᵗ), or `abs` |t|, as the thesis prints
        it (it pushes satisfied triplets back to the margin).
      distance: `euclidean`, `squared_euclidean` or `cosine`.
      reduction: `mean_nonzero` over the triplets that are not 0, `mean` over those mined, or `sum`.
      normalize: scale the embeddings to length 1 first.

    Returns:
      f32[], 0 where there is no triplet.

    Raises:
      ValueError: for an option that is not one of the above, or shapes that do not agree.

    >>> z = jnp.array([[0.0], [1.0], [1.5]])
    >>> float(triplet(z, jnp.array([0, 0, 1]), margin=1.0))  # (1−1.5+1 + 1−0.5+1) / 2
    1.0
    """
    at_least("margin", margin, 0)
    one_of("mining", mining, MINING)
    one_of("form", form, FORMS)
    one_of("distance", distance, DISTANCES)
    one_of("reduction", reduction, REDUCTIONS)
    embeddings, labels, labelled = masks.one_row_at_least(embeddings, labels, labelled)
    positive, negative = masks.pairs(labels, labelled)
    distances = DISTANCES[distance](unit(embeddings) if normalize else embeddings)
    margin = jnp.asarray(margin, distances.dtype)
    if mining == "hard":
        return _hardest(form, reduction, distances, positive, negative, margin)
    return _every(form, mining, reduction, distances, margin, positive, negative)


def make(
    *,
    margin: ArrayLike = 0.2,
    mining: str = "all",
    form: str = "hinge",
    distance: str = "euclidean",
    reduction: str = "mean_nonzero",
    normalize: bool = False,
) -> Callable[..., Array]:
    """The triplet loss with its options bound, as `loss.name = "triplet"` selects it."""
    at_least("margin", margin, 0)
    one_of("mining", mining, MINING)
    one_of("form", form, FORMS)
    one_of("distance", distance, DISTANCES)
    one_of("reduction", reduction, REDUCTIONS)
    return functools.partial(
        triplet,
        margin=margin,
        mining=mining,
        form=form,
        distance=distance,
        reduction=reduction,
        normalize=normalize,
    )


def _hardest(
    form: str, reduction: str, distances: Array, positive: Array, negative: Array, margin: Array
) -> Array:
    """Batch-hard: one triplet for each anchor that has a positive and a negative."""
    anchors = positive.any(axis=1) & negative.any(axis=1)
    farthest = jnp.argmax(jnp.where(positive, distances, -1), axis=1)
    nearest = jnp.argmin(jnp.where(negative, distances, jnp.inf), axis=1)
    d_ap = jnp.take_along_axis(distances, farthest[:, None], axis=1)[:, 0]
    d_an = jnp.take_along_axis(distances, nearest[:, None], axis=1)[:, 0]
    violation = jnp.where(anchors, d_ap - d_an + margin, 0)
    values = jnp.where(anchors, FORMS[form][0](violation), 0)  # [anchors]
    return jnp.sum(values * _scale(reduction, jnp.sum(values > 0), jnp.sum(anchors), values.dtype))


def _scale(reduction: str, nonzero: Array, mined: Array, dtype: Any) -> Array:
    """What each triplet's value is multiplied by before they are summed."""
    count = {"mean_nonzero": nonzero, "mean": mined, "sum": jnp.ones_like(mined)}[reduction]
    return 1 / jnp.maximum(count, 1).astype(dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _every(
    form: str,
    mining: str,
    reduction: str,
    distances: Array,
    margin: Array,
    positive: Array,
    negative: Array,
) -> Array:
    return _every_forward(form, mining, reduction, distances, margin, positive, negative)[0]


def _every_forward(
    form: str,
    mining: str,
    reduction: str,
    distances: Array,
    margin: Array,
    positive: Array,
    negative: Array,
) -> tuple[Array, tuple[Array, Array]]:
    """The value, and with it its derivatives by each distance and by the margin."""
    phi, derivative = FORMS[form]
    count = distances.shape[0] ** 2

    def violations(row: Any) -> tuple[Array, Array]:
        """T and whether the triplet is mined, both [positive, negative]."""
        d, is_positive, is_negative = row
        gap = d[None, :] - d[:, None]  # D_an − D_ap
        mined = is_positive[:, None] & is_negative[None, :]
        if mining == "semihard":
            mined &= ~((gap <= 0) | (gap > margin))  # NaN is mined, not passed over
        return margin - gap, mined

    def anchor(row: Any) -> tuple[Array, ...]:
        t, mined = violations(row)
        values = jnp.where(mined, phi(t), 0)
        # a mean over all pairs: a sum of distances of 1e15 could overflow
        mean = jnp.sum(values / count)
        nonzero = (values > 0).astype(t.dtype).sum()
        # behind a barrier each sum is fused with what it adds up, and nothing [B, B] is written out
        t, mined = violations(jax.lax.optimization_barrier(row))
        by_positive = jnp.where(mined, derivative(t), 0).sum(axis=1)
        t, mined = violations(jax.lax.optimization_barrier(row))
        by_negative = jnp.where(mined, derivative(t), 0).sum(axis=0)
        return mean, nonzero, mined.astype(t.dtype).sum(), by_positive, by_negative

    block = max(1, BLOCK // count)
    means, nonzero, mined, by_positive, by_negative = jax.lax.map(
        anchor, (distances, positive, negative), batch_size=block
    )
    scale = _scale(reduction, nonzero.sum(), mined.sum(), distances.dtype)
    value = jnp.sum(means * (count * scale))
    return value, ((by_positive - by_negative) * scale, by_positive.sum() * scale)


def _every_backward(
    form: str, mining: str, reduction: str, derivatives: tuple[Array, Array], cotangent: Array
) -> tuple[Array, Array, None, None]:
    by_distance, by_margin = derivatives
    return cotangent * by_distance, cotangent * by_margin, None, None


_every.defvjp(_every_forward, _every_backward)
