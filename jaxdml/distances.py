"""Distances between all rows of a batch, with a gradient that is finite everywhere.

Differences are taken directly, not through the Gram matrix: equal rows are at distance exactly 0,
and the compiler fuses the difference into the sum, so that memory stays O(B²).
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


def safe_sqrt(x: Array) -> Array:
    """√x, with the derivative 0 at 0 (where the true one is infinite).

    >>> import jax
    >>> float(jax.grad(safe_sqrt)(0.0))
    0.0
    """
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0)


def unit(x: Float[Array, "batch dim"]) -> Float[Array, "batch dim"]:
    """Rows scaled to length 1; a row of zeros stays, with the gradient 0.

    >>> unit(jnp.array([[3.0, 4.0], [0.0, 0.0]])).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    norm = safe_sqrt(jnp.sum(x * x, axis=1, keepdims=True))
    return x / jnp.where(norm > 0, norm, 1)


def squared_euclidean(x: Float[Array, "batch dim"]) -> Float[Array, "batch batch"]:
    """‖xᵢ − xⱼ‖², f32[B, B].

    >>> squared_euclidean(jnp.array([[0.0, 0.0], [3.0, 4.0]])).tolist()
    [[0.0, 25.0], [25.0, 0.0]]
    """
    difference = x[:, None, :] - x[None, :, :]
    return jnp.sum(difference * difference, axis=2)


def euclidean(x: Float[Array, "batch dim"]) -> Float[Array, "batch batch"]:
    """‖xᵢ − xⱼ‖, f32[B, B], with the gradient 0 where rows are equal.

    >>> euclidean(jnp.array([[0.0, 0.0], [3.0, 4.0]])).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    return safe_sqrt(squared_euclidean(x))


def cosine(x: Float[Array, "batch dim"]) -> Float[Array, "batch batch"]:
    """1 − cos(xᵢ, xⱼ), f32[B, B], in [0, 2]; a zero row has distance 1 to every row.

    >>> cosine(jnp.array([[1.0, 0.0], [0.0, 2.0]])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    directions = unit(x)
    return 1 - matmul(directions, directions.T)


def matmul(a: Array, b: Array) -> Array:
    """`a @ b` in full float32: accelerators round the factors to fewer bits unless they are asked.

    Eleven on a GPU (TF32): a cosine may be off by 10⁻³, and what divides it by a temperature, or
    takes its arc cosine, by more.

    >>> matmul(jnp.array([[1.0, 2.0]]), jnp.array([[3.0], [4.0]])).tolist()
    [[11.0]]
    """
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)


DISTANCES: dict[str, Callable[[Array], Array]] = {
    "euclidean": euclidean,
    "squared_euclidean": squared_euclidean,
    "cosine": cosine,
}
