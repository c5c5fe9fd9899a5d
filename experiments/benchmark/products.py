"""What the machine can do: the bare matrix products of a case, and a copy of memory."""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

from experiments.benchmark.cases import Case

COPIED = 2**28  # bytes, more than any cache holds
COPIES = 8
SIDE = 2048  # of a square product


def training(case: Case) -> tuple[Callable[[int], None], dict[str, float]]:
    """Only the matrix products of a step: forwards, and both ways backwards where needed.

    The points of a case follow each other on a CPU, and lie side by side on an accelerator.
    """
    inputs = [[jnp.ones((each.images * r, m)) for r, m, _ in each.layers] for each in case.passes]
    side_by_side = jax.default_backend() != "cpu"
    axis = (case.points,) if side_by_side else ()
    weights = [[jnp.full((*axis, m, n), 0.01) for _, m, n in each.layers] for each in case.passes]

    def step(weights: list[list[jax.Array]]) -> list[list[jax.Array]]:
        moved = []
        for own, given, each in zip(weights, inputs, case.passes, strict=True):
            slopes = []
            for i, (weight, x) in enumerate(zip(own, given, strict=True)):
                out = x @ weight
                if not each.backward:
                    slopes.append(out.sum(axis=0, keepdims=True))  # keeps the product alive
                    continue
                slope = x.T @ out
                if i:
                    slope += (out @ weight.T).sum()
                slopes.append(slope)
            moved.append([w - 1e-9 * s for w, s in zip(own, slopes, strict=True)])
        return moved

    every = jax.vmap(step) if side_by_side else step
    count = case.steps * (1 if side_by_side else case.points)
    program = jax.jit(lambda weights: jax.lax.fori_loop(0, count, lambda _, w: every(w), weights))
    return lambda _: jax.block_until_ready(program(weights)), {}


def roofline() -> tuple[float, float]:
    """Operations a second of a large square product, and bytes a second of a copy."""
    square = jnp.ones((SIDE, SIDE))
    product = _best(jax.jit(lambda a: a @ a), square)
    long = jnp.ones(COPIED // 4)
    # within a loop, whose memory is there already: a fresh page costs more than to write it
    copies = jax.jit(lambda a: jax.lax.fori_loop(0, COPIES, lambda i, a: a + i, a))
    return 2 * SIDE**3 / product, 2 * COPIED * COPIES / _best(copies, long)


def _best(function: Callable[[jax.Array], jax.Array], x: jax.Array, times: int = 5) -> float:
    jax.block_until_ready(function(x))
    found = []
    for _ in range(times):
        start = time.perf_counter()
        jax.block_until_ready(function(x))
        found.append(time.perf_counter() - start)
    return min(found)
