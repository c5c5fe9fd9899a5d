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
from jaxdml.losses.rows import Rows, alike, read, refuse_soft
from jaxdml.options import at_least, one_of, part

# form → (φ(t), φ'(t)), of the violation t = D_ap − D_an + margin
FORMS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "hinge": (lambda t: jnp.maximum(t, 0), lambda t: (t > 0).astype(t.dtype)),
    "softplus": (jax.nn.softplus, jax.nn.sigmoid),
    "abs": (jnp.abs, jnp.sign),
}
MINING = ("all", "semihard", "hard")
REDUCTIONS = ("mean_nonzero", "mean", "sum")
BLOCK = 2**21  # triplets at a time: all of 128 rows, 8 anchors of 512 (8 MiB in float32)


def _check(
    *, margin: ArrayLike, mining: str, form: str, distance: str, reduction: str, **_: Any
) -> None:
    at_least("margin", margin, 0)
    one_of("mining", mining, MINING)
    one_of("form", form, FORMS)
    one_of("distance", distance, DISTANCES)
    one_of("reduction", reduction, REDUCTIONS)


@checked
def triplet(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    weights: Float[Array, " batch"] | None = None,
    normalizer: str = "weights",
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
      labels: i32[B], or soft, f32[B, C], unless the mining is `hard`. With s_ij = Σ_c p_ic p_jc a
        triplet weighs s_ap (1 − s_an).
      labelled: bool[B]; rows without take part in no triplet. `None` means all.
      weights: f32[B] ≥ 0; a triplet weighs w_a w_p w_n. `None` means 1. Rows of weight 0 are no
        one's hardest.
      normalizer: what the mean divides by: the triplets' `weights`, or their number if all labelled
        rows had the weight 1, `rows`. A `sum` divides by nothing, so it grows with the weights.
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
      ValueError: for an option that is not one of the above, soft labels of hard triplets, or
        shapes that do not agree.

    >>> z = jnp.array([[0.0], [1.0], [1.5]])
    >>> float(triplet(z, jnp.array([0, 0, 1]), margin=1.0))  # (1−1.5+1 + 1−0.5+1) / 2
    1.0
    """
    _check(margin=margin, mining=mining, form=form, distance=distance, reduction=reduction)
    if mining == "hard":
        refuse_soft("triplet (mining hard)", labels)
    rows = read(embeddings, labels, labelled, weights, normalizer, relative=reduction != "sum")
    pairs, counted = _pairs(rows)
    between = functools.partial(
        DISTANCES[distance], unit(rows.embeddings) if normalize else rows.embeddings
    )
    margin = jnp.asarray(margin, jnp.result_type(jax.eval_shape(between), float))
    if mining == "hard":
        return _hardest(form, reduction, between, margin, pairs, counted)
    return _every(form, mining, reduction, between(), margin, pairs, counted)


make = part(triplet, check=_check)


# Which pairs (anchor, positive) and (anchor, negative) make triplets: bool[B, B] each, or f32[B, B]
# where triplets have weights. The product of its two pairs' weights is a triplet's weight.
Pairs = tuple[Array, Array]


def _pairs(rows: Rows) -> tuple[Pairs, Pairs | None]:
    """The pairs by the weights of rows, and by their counts; `None` where both are the same."""
    if rows.weights is None or rows.counts is None:
        return masks.pairs(rows.labels, rows.labelled), None
    genuine, impostor = alike(rows.labels, rows.weights.dtype)

    def weighted(weights: Array) -> Pairs:
        positive = genuine * (weights[:, None] * weights[None, :])  # the anchor's weight is here
        return positive, impostor * weights[None, :]

    same = rows.counts is rows.weights
    return weighted(rows.weights), None if same else weighted(rows.counts)


def _times(values: Array, mined: Array) -> Array:
    """The triplets' values times their weights; 0 for one that is not mined, even of NaN."""
    if mined.dtype == bool:
        return jnp.where(mined, values, 0)
    return jnp.where(mined == 0, 0, values * mined)


def _scale(reduction: str, nonzero: Array, mined: Array, dtype: Any, weighted: bool) -> Array:
    """What each triplet's value is multiplied by before they are summed."""
    count = {"mean_nonzero": nonzero, "mean": mined, "sum": jnp.ones_like(mined)}[reduction]
    least = 1e-30 if weighted else 1  # 1 / least is finite in float32
    return 1 / jnp.maximum(count, least).astype(dtype)


def _hardest(
    form: str,
    reduction: str,
    between: Callable[..., Array],
    margin: Array,
    pairs: Pairs,
    counted: Pairs | None,
) -> Array:
    """Batch-hard: one triplet for each anchor that has a positive and a negative.

    `between()` gives all distances, and `between(columns)` one of each row. Only the latter have a
    gradient: that of all of them would be mostly zeros.
    """
    values, mined = _hard(form, between, margin, *pairs)
    counted_values, counts = values, mined
    if counted is not None:
        counted_values, counts = _hard(form, between, margin, *counted)
    weighted = mined.dtype != bool
    nonzero = jnp.sum(jnp.where(counted_values > 0, counts, 0) if weighted else counted_values > 0)
    values = _times(values, mined) if weighted else values
    return jnp.sum(values * _scale(reduction, nonzero, jnp.sum(counts), values.dtype, weighted))


def _hard(
    form: str, between: Callable[..., Array], margin: Array, positive: Array, negative: Array
) -> tuple[Array, Array]:
    """Each anchor's value, f32[B], and whether it has a triplet, or its weight."""
    is_positive, is_negative = (x if x.dtype == bool else x != 0 for x in (positive, negative))
    anchors = is_positive.any(axis=1) & is_negative.any(axis=1)
    distances = jax.lax.stop_gradient(between())
    farthest = _largest(jnp.where(is_positive, distances, -1))
    nearest = _largest(jnp.where(is_negative, -distances, -jnp.inf))
    violation = jnp.where(anchors, between(farthest) - between(nearest) + margin, 0)
    values = jnp.where(anchors, FORMS[form][0](violation), 0)
    if positive.dtype == bool:
        return values, anchors
    return values, jnp.where(anchors, _at(positive, farthest) * _at(negative, nearest), 0)


def _largest(matrix: Array) -> Array:
    """`argmax` of each row, by two quick passes; its own takes three times as long on a CPU."""
    count = matrix.shape[1]
    largest = (matrix == matrix.max(axis=1, keepdims=True)) | jnp.isnan(matrix)
    return jnp.where(largest, jnp.arange(count), count - 1).min(axis=1)


def _at(matrix: Array, columns: Array) -> Array:
    return jnp.take_along_axis(matrix, columns[:, None], axis=1)[:, 0]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _every(
    form: str,
    mining: str,
    reduction: str,
    distances: Array,
    margin: Array,
    pairs: Pairs,
    counted: Pairs | None,
) -> Array:
    return _every_forward(form, mining, reduction, distances, margin, pairs, counted)[0]


def _every_forward(
    form: str,
    mining: str,
    reduction: str,
    distances: Array,
    margin: Array,
    pairs: Pairs,
    counted: Pairs | None,
) -> tuple[Array, tuple[Array, Array]]:
    """The value, and with it its derivatives by each distance and by the margin."""
    phi, derivative = FORMS[form]
    count = distances.shape[0] ** 2
    weighted = pairs[0].dtype != bool

    def violations(row: Any) -> tuple[Array, Array]:
        """T, and whether the triplet is mined, or its weight; both [positive, negative]."""
        d, positive, negative = row
        gap = d[None, :] - d[:, None]  # D_an − D_ap
        mined = _product(positive, negative)
        if mining == "semihard":
            outside = (gap <= 0) | (gap > margin)  # NaN is mined, not passed over
            mined = jnp.where(outside, 0, mined) if weighted else mined & ~outside
        return margin - gap, mined

    def anchor(row: Any) -> tuple[Array, ...]:
        row, counts = row[:3], row[3:]
        t, mined = violations(row)
        values = _times(phi(t), mined)
        # a mean over all pairs: a sum of distances of 1e15 could overflow
        mean = jnp.sum(values / count)
        if weighted:
            _, counts = violations((row[0], *counts)) if counts else (t, mined)
            nonzero = jnp.where(phi(t) > 0, counts, 0).sum()
        else:
            nonzero, counts = (values > 0).astype(t.dtype).sum(), None
        # behind a barrier each sum is fused with what it adds up, and nothing [B, B] is written out
        t, mined = violations(jax.lax.optimization_barrier(row))
        by_positive = _times(derivative(t), mined).sum(axis=1)
        t, mined = violations(jax.lax.optimization_barrier(row))
        by_negative = _times(derivative(t), mined).sum(axis=0)
        if counts is None:
            counts = mined.astype(t.dtype)
        return mean, nonzero, counts.sum(), by_positive, by_negative

    block = max(1, BLOCK // count)
    means, nonzero, mined, by_positive, by_negative = jax.lax.map(
        anchor, (distances, *pairs, *(counted or ())), batch_size=block
    )
    scale = _scale(reduction, nonzero.sum(), mined.sum(), distances.dtype, weighted)
    value = jnp.sum(means * (count * scale))
    return value, ((by_positive - by_negative) * scale, by_positive.sum() * scale)


def _product(positive: Array, negative: Array) -> Array:
    if positive.dtype == bool:
        return positive[:, None] & negative[None, :]
    itself = jnp.eye(len(positive), dtype=bool)  # soft labels make a row both, to a part
    return jnp.where(itself, 0, positive[:, None] * negative[None, :])


def _every_backward(
    form: str, mining: str, reduction: str, derivatives: tuple[Array, Array], cotangent: Array
) -> tuple[Array, Array, None, None]:
    by_distance, by_margin = derivatives
    return cotangent * by_distance, cotangent * by_margin, None, None


_every.defvjp(_every_forward, _every_backward)
