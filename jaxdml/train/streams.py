"""The two streams of data: labelled images, and all of them (without labels).

An epoch's batches are drawn as index arrays before it starts; images are gathered, and uint8
becomes float, inside the step.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxdml.types import Batch, Images, Phase, Point


class Draw(NamedTuple):
    """Rows of the training set for each step of an epoch."""

    rows: Array  # i32[steps, B]
    valid: Array  # bool[steps, B]


def steps(phase: Phase, images: int, labelled: int | None, batch_size: int) -> int:
    """How many steps an epoch of this phase has: one pass over the stream that `length` names."""
    if phase.length == "all":
        return math.ceil(images / batch_size)
    assert labelled is not None, "a pass over the labelled images needs their number"
    return math.ceil(labelled / batch_size)


def one_pass(key: Array, size: int, steps: int, batch_size: int) -> Draw:
    """Every row once, in random order, then padding; begun anew where steps are left."""
    passes = math.ceil(steps * batch_size / size) if steps * batch_size > size + batch_size else 1
    keys = jax.random.split(key, passes)
    order = jax.vmap(lambda k: jax.random.permutation(k, size))(keys).reshape(-1)
    wanted = steps * batch_size
    padding = max(0, wanted - order.size)
    index = jnp.pad(order[:wanted], (0, padding)).astype(jnp.int32)
    valid = jnp.arange(wanted) < order.size
    return Draw(index.reshape(steps, batch_size), valid.reshape(steps, batch_size))


def labelled(
    key: Array, point: Point, size: int | None, phase: Phase, steps: int, batch_size: int
) -> Draw:
    """The labelled stream: one padded pass if that is the epoch's length, else with replacement."""
    if phase.length == "labelled":
        assert size is not None
        draw = one_pass(key, size, steps, batch_size)
        return Draw(point.labelled_indices[draw.rows], draw.valid)
    shape = (steps, batch_size)
    rows = jax.random.randint(key, shape, 0, point.labelled_count)
    return Draw(point.labelled_indices[rows], jnp.ones(shape, bool))


def gather(images: Images, index: Array, valid: Array, stream: str) -> Batch:
    """The images at `index`, as floats in [0, 1]; only the labelled stream has labels."""
    x = images.x[index]
    if x.dtype == jnp.uint8:
        x = x.astype(jnp.result_type(float)) / 255
    if stream == "labelled":
        return Batch(x, images.y[index], valid, valid, index)
    return Batch(x, jnp.full(index.shape, -1, jnp.int32), jnp.zeros_like(valid), valid, index)
