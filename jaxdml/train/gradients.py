"""Gradients, and which arrays have one at all."""

from collections.abc import Callable
from typing import Any

import jax
from jax import Array

from jaxdml.types import Params


def gradients_of(
    function: Callable[[Params], tuple[Array, Any]], params: Params
) -> tuple[Params, Any, list[bool]]:
    """The gradient of a function's value, its second result, and which leaves have a gradient.

    A leaf has none if the value does not depend on it, or only through `jax.lax.stop_gradient`. Its
    gradient is 0 then, which an optimizer with momentum or weight decay must not take for a slope.

    >>> import jax.numpy as jnp
    >>> def f(p):
    ...     return p["a"] * jax.lax.stop_gradient(p["b"]), p["c"]
    >>> gradients_of(f, {"a": 1.0, "b": 2.0, "c": 3.0})[2]
    [True, False, False]
    """
    leaves, tree = jax.tree.flatten(params)
    moved = [False] * len(leaves)

    def watched(number: int, leaf: Array) -> Array:
        """The leaf; JAX asks for its gradient only if there is one."""

        @jax.custom_vjp
        def same(leaf: Array) -> Array:
            return leaf

        def backward(_: None, slope: Array) -> tuple[Array]:
            moved[number] = True
            return (slope,)

        same.defvjp(lambda leaf: (leaf, None), backward)
        return same(leaf)

    def through(leaves: list[Array]) -> tuple[Array, Any]:
        return function(jax.tree.unflatten(tree, [watched(*pair) for pair in enumerate(leaves)]))

    gradients, rest = jax.grad(through, has_aux=True)(leaves)
    return jax.tree.unflatten(tree, gradients), rest, moved
