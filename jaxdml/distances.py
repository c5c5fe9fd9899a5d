"""Distances between all rows of a batch, with a gradient that is finite everywhere.

Differences are taken directly, not through the Gram matrix: equal rows are at distance exactly 0.
Memory stays O(B²), that of gradients too: a batch with more than `BLOCK` differences is visited in
blocks of rows, and the backward pass computes the differences of each block again. Arrays of other
shapes are refused with a `ValueError`, and narrow floats are computed in float32.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from jaxdml.arguments import checked

BLOCK = 2**21  # differences at a time: all of 128 rows up to 128 dimensions (8 MiB in float32)


@checked
def safe_sqrt(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """√x, with the derivative 0 at 0 (where the true one is infinite). NaN stays NaN.

    >>> import jax
    >>> float(jax.grad(safe_sqrt)(0.0))
    0.0
    """
    positive = ~(x <= 0)  # NaN is not to pass for 0: a training that breaks would look well
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0)


@checked
def unit(x: Float[Array, "batch dim"]) -> Float[Array, "batch dim"]:
    """The rows of `x`, f32[B, D], scaled to length 1; a row of zeros stays, with the gradient 0.

    >>> unit(jnp.array([[3.0, 4.0], [0.0, 0.0]])).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    norm = safe_sqrt(jnp.sum(x * x, axis=1, keepdims=True))
    return x / jnp.where(norm > 0, norm, 1)


@checked
def squared_euclidean(
    x: Float[Array, "batch dim"], columns: Int[Array, " batch"] | None = None
) -> Float[Array, "batch ..."]:
    """‖xᵢ − xⱼ‖², f32[B, B]. Time O(B² D), memory O(B²) for the value and for its gradient.

    Args:
      x: f32[B, D].
      columns: i32[B]; if given, only the entry in this column of each row, f32[B]: O(B D).

    >>> squared_euclidean(jnp.array([[0.0, 0.0], [3.0, 4.0]])).tolist()
    [[0.0, 25.0], [25.0, 0.0]]
    """
    if columns is not None:
        difference = x - x[columns]
        return jnp.sum(difference * difference, axis=1)
    count, dim = x.shape
    if count * count * dim <= BLOCK:
        return _from_each(x, x)
    blocks = -(-count // max(1, BLOCK // (count * dim)))
    rows = -(-count // blocks)  # in a block; the last one is filled up with zeros
    padded = jnp.pad(x, ((0, blocks * rows - count), (0, 0))).reshape(blocks, rows, dim)
    # no difference is kept for the backward pass
    block = jax.checkpoint(lambda x_part: _from_each(x, x_part).T)
    return lax.map(block, padded).reshape(blocks * rows, count)[:count]


def _from_each(x: Array, y: Array) -> Array:
    """‖xᵢ − yⱼ‖². With few `y` the gradient sums over the first axis, which is the quick one."""
    difference = x[:, None, :] - y[None, :, :]
    return jnp.sum(difference * difference, axis=2)


@checked
def euclidean(
    x: Float[Array, "batch dim"], columns: Int[Array, " batch"] | None = None
) -> Float[Array, "batch ..."]:
    """‖xᵢ − xⱼ‖, f32[B, B], with the gradient 0 where rows are equal.

    Args:
      x: f32[B, D].
      columns: i32[B]; if given, only the entry in this column of each row, f32[B].

    >>> x = jnp.array([[0.0, 0.0], [3.0, 4.0]])
    >>> euclidean(x).tolist(), euclidean(x, jnp.array([1, 1])).tolist()
    ([[0.0, 5.0], [5.0, 0.0]], [5.0, 0.0])
    """
    return safe_sqrt(squared_euclidean(x, columns))


@checked
def cosine(
    x: Float[Array, "batch dim"], columns: Int[Array, " batch"] | None = None
) -> Float[Array, "batch ..."]:
    """1 − cos(xᵢ, xⱼ), f32[B, B], in [0, 2]; a zero row has distance 1 to every row.

    It is half the squared distance of the rows scaled to length 1: never below 0, 0 for equal rows,
    and accurate for near ones, where 1 − cos would be lost to rounding. A zero row has the
    gradient 0.

    Args:
      x: f32[B, D].
      columns: i32[B]; if given, only the entry in this column of each row, f32[B].

    >>> cosine(jnp.array([[1.0, 0.0], [0.0, 2.0]])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    zero = jnp.sum(x * x, axis=1) == 0
    half = jnp.minimum(0.5 * squared_euclidean(unit(x), columns), 2)
    either = zero[:, None] | zero[None, :] if columns is None else zero | zero[columns]
    return jnp.where(either, 1, half)


@checked
def matmul(
    a: Float[Array, "rows inner"], b: Float[Array, "inner columns"]
) -> Float[Array, "rows columns"]:
    """`a @ b` in full float32: accelerators round the factors to fewer bits unless they are asked.

    Eleven on a GPU (TF32): a cosine may be off by 10⁻³, and what divides it by a temperature, or
    takes its arc cosine, by more.

    Args:
      a: f32[N, K].
      b: f32[K, M].

    >>> matmul(jnp.array([[1.0, 2.0]]), jnp.array([[3.0], [4.0]])).tolist()
    [[11.0]]
    """
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)


DISTANCES: dict[str, Callable[..., Array]] = {
    "euclidean": euclidean,
    "squared_euclidean": squared_euclidean,
    "cosine": cosine,
}
