"""Rows of a batch as a metric loss reads them: who takes part, and with which weight.

A row's weight is the confidence of its label. A loss is the sum of weighted values over N. The
normaliser says what N is: the sum of the `weights`, or the number of `rows` as if every weight
were 1. FixMatch (Sohn et al. 2020) takes the second: rows below its threshold have the weight 0,
and count in N.

    weights      1    0    0.5
    values       4    9    2        Σ w v = 5;  "weights": 5 / 1.5;  "rows": 5 / 3

A soft label is a distribution over classes (Wu et al. 2020 train on such labels). Two rows are then
of one class with the probability Σ_c p_ic p_jc. Weights and labels are constants to every gradient.
A weight below 0 counts as 0.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxdml import masks
from jaxdml.arguments import checked, shape_of
from jaxdml.distances import matmul
from jaxdml.options import one_of

NORMALIZERS = ("weights", "rows")


class Rows(NamedTuple):
    """What a loss reads of its batch; at least one row. What stands in absent rows is harmless."""

    embeddings: Array  # f32[B, D]
    labels: Array  # i32[B], or f32[B, C] where they are soft
    labelled: Array  # bool[B], the rows that take part
    weights: Array | None  # f32[B], 0 in rows that do not; `None` where all weights are 1
    counts: Array | None  # f32[B], what each row adds to N


@checked
def read(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    labelled: Bool[Array, " batch"] | None = None,
    weights: Float[Array, " batch"] | None = None,
    normalizer: str = "weights",
    *,
    relative: bool = True,
) -> Rows:
    """The rows of a batch, with their weights if they have some, or soft labels.

    With the normaliser `weights` a row of weight 0 is an unlabelled row, and the largest weight is
    scaled to 1, so that products of weights stay in range. With `rows` the weights stay as they
    are. A labelled row of weight 0 then counts, so its embedding stays too where it is finite.

    Args:
      embeddings: f32[B, D].
      labels: i32[B], or f32[B, C] with rows that sum to 1.
      labelled: bool[B]; `None` means all.
      weights: f32[B], ≥ 0; `None` means 1.
      normalizer: `weights` or `rows`.
      relative: whether weights may be scaled so: a sum that N does not divide needs them as given.

    Raises:
      ValueError: for another normaliser, or shapes that do not agree.

    >>> rows = read(jnp.ones((2, 1)), jnp.array([0, 1]), weights=jnp.array([0.5, 0.0]))
    >>> rows.labelled.tolist(), rows.weights.tolist()
    ([True, False], [1.0, 0.0])
    """
    one_of("normalizer", normalizer, NORMALIZERS)
    soft = is_soft(labels)
    if weights is None and not soft:
        return Rows(*masks.one_row_at_least(embeddings, labels, labelled), None, None)
    batch = embeddings.shape[0]
    labelled = jnp.ones(batch, bool) if labelled is None else jnp.asarray(labelled)
    weights = jnp.ones(batch) if weights is None else jnp.asarray(weights)
    if batch == 0:  # as `masks.one_row_at_least` does
        embeddings, labels, labelled, weights = (
            jnp.pad(x, ((0, 1),) + ((0, 0),) * (x.ndim - 1))
            for x in (embeddings, jnp.asarray(labels), labelled, weights)
        )
    weights = jax.lax.stop_gradient(weights.astype(embeddings.dtype))
    present = labelled & ~(weights <= 0)  # NaN is no weight of 0: it must be seen
    weights = jnp.where(present, weights, 0)
    if normalizer == "weights":
        labelled = present
        weights = counts = scaled(weights) if relative else weights
    else:
        counts = labelled.astype(weights.dtype)
    embeddings = _harmless(embeddings, present, labelled)
    if soft:
        labels = jax.lax.stop_gradient(jnp.asarray(labels).astype(embeddings.dtype))
        labels = _harmless(labels, present, labelled)
    return Rows(embeddings, labels, present, weights, counts)


def scaled(weights: Array) -> Array:
    """The weights, of which the largest becomes 1, if one is above 0.

    >>> scaled(jnp.array([2.0, 1.0])).tolist()
    [1.0, 0.5]
    """
    largest = weights.max()
    return weights / jnp.where(largest == 0, 1, largest)


def _harmless(x: Array, present: Array, counted: Array) -> Array:
    """x, with 0 in absent rows; of an absent row that is counted, finite values stay."""
    return jnp.where(present[:, None] | (counted[:, None] & jnp.isfinite(x)), x, 0)


def is_soft(labels: Array) -> bool:
    """Whether the labels are distributions over classes, f32[B, C], and not numbers of classes.

    >>> is_soft(jnp.array([0, 1])), is_soft(jnp.eye(2))
    (False, True)
    """
    return len(shape_of(labels)) == 2


def refuse_soft(loss: str, labels: Array) -> None:
    """Refuses soft labels in the name of a loss that needs one class for each row.

    Raises:
      ValueError: naming the losses that take them.

    >>> refuse_soft("npair", jnp.eye(2))
    Traceback (most recent call last):
        ...
    ValueError: npair needs one class a row (i32[B]), but the labels are soft: contrastive, supcon,
    center and triplet (mining all or semihard) take those
    """
    if is_soft(labels):
        raise ValueError(
            f"{loss} needs one class a row (i32[B]), but the labels are soft: contrastive, supcon, "
            "center and triplet (mining all or semihard) take those"
        )


@checked
def alike(
    labels: Int[Array, " batch"] | Float[Array, "batch classes"], dtype: Any = jnp.float32
) -> tuple[Float[Array, "batch batch"], Float[Array, "batch batch"]]:
    """The probability that two rows are of one class, and that they are not; 0 on both diagonals.

    Args:
      labels: i32[B], or soft ones, f32[B, C]: Σ_c p_ic p_jc.
      dtype: of the result.

    >>> genuine, impostor = alike(jnp.array([[1.0, 0.0], [0.25, 0.75]]))
    >>> genuine.tolist(), impostor.tolist()
    ([[0.0, 0.25], [0.25, 0.0]], [[0.0, 0.75], [0.75, 0.0]])
    """
    if is_soft(labels):
        same = jnp.minimum(matmul(labels, labels.T), 1).astype(dtype)
    else:
        same = (labels[:, None] == labels[None, :]).astype(dtype)
    other = ~jnp.eye(same.shape[0], dtype=bool)
    return jnp.where(other, same, 0), jnp.where(other, 1 - same, 0)


def log_weights(weights: Array) -> Array:
    """The logarithms of the weights; 0 for a weight of 0, which a mask leaves out.

    >>> log_weights(jnp.array([1.0, 0.0])).tolist()
    [0.0, 0.0]
    """
    return jnp.log(jnp.where(weights == 0, 1, weights))
