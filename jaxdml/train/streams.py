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


class Sizes(NamedTuple):
    """What shapes an epoch (static)."""

    batch_size: int
    images: int  # N
    labelled: int | None  # only where an epoch is a pass over the labelled images
    balanced: tuple[int, int] | None = None  # classes in a labelled batch, and how many there are


class Draw(NamedTuple):
    """Rows of the training set for each step of an epoch."""

    rows: Array  # i32[steps, B]
    valid: Array  # bool[steps, B]


def steps(phase: Phase, sizes: Sizes) -> int:
    """How many steps an epoch of this phase has: one pass over the stream that `length` names."""
    if phase.length == "all":
        return math.ceil(sizes.images / sizes.batch_size)
    assert sizes.labelled is not None, "a pass over the labelled images needs their number"
    return math.ceil(sizes.labelled / sizes.batch_size)


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


def labelled(key: Array, point: Point, y: Array, passes: bool, steps: int, sizes: Sizes) -> Draw:
    """The labelled stream: balanced if `sizes` says so; else a padded pass, or with replacement.

    Args:
      key: for the draw.
      point: whose labelled images are drawn.
      y: i32[N], the labels of the training set.
      passes: whether the epoch is a pass over the labelled images.
      steps: how many batches.
      sizes: static sizes.
    """
    if sizes.balanced is not None:
        return balanced(key, point, y, steps, sizes.batch_size, *sizes.balanced)
    if passes:
        assert sizes.labelled is not None
        draw = one_pass(key, sizes.labelled, steps, sizes.batch_size)
        return Draw(point.labelled_indices[draw.rows], draw.valid)
    shape = (steps, sizes.batch_size)
    rows = jax.random.randint(key, shape, 0, point.labelled_count)
    return Draw(point.labelled_indices[rows], jnp.ones(shape, bool))


def balanced(
    key: Array, point: Point, y: Array, steps: int, batch_size: int, per_batch: int, classes: int
) -> Draw:
    """Batches of P classes × K images, K = batch_size // P, without an image twice.

    Where fewer classes are labelled, or a class has fewer images, the batch holds as many as there
    are, and padding. The images of a class stand in a new random order each epoch; a batch takes K
    that follow each other, from a random one on.

    Args:
      key, point, y, steps, batch_size: as for `labelled`.
      per_batch: P, at most `classes`.
      classes: how many there are.

    Returns:
      A draw of P · K rows a step.
    """
    order_key, class_key, start_key = jax.random.split(key, 3)
    each = batch_size // per_batch  # K
    capacity = len(point.labelled_indices)
    known = jnp.arange(capacity) < point.labelled_count
    label = jnp.where(known, y[point.labelled_indices], classes)
    # by class, in random order within: drawn for each place, so that room for more changes nothing
    chance = jax.vmap(lambda i: jax.random.uniform(jax.random.fold_in(order_key, i)))
    order = jnp.lexsort((chance(jnp.arange(capacity)), label))
    count = jnp.bincount(label, length=classes + 1)[:classes]
    begin = jnp.cumsum(count) - count
    drawn = jnp.where(count > 0, jax.random.uniform(class_key, (steps, classes)), -1.0)
    chosen = jax.lax.top_k(drawn, per_batch)[1]  # [steps, P]
    there = count[chosen]
    start = jax.random.randint(start_key, there.shape, 0, jnp.maximum(there, 1))
    place = start[:, :, None] + jnp.arange(each)[None, None, :]  # [steps, P, K]
    place = begin[chosen][:, :, None] + place % jnp.maximum(there, 1)[:, :, None]
    valid = jnp.arange(each)[None, None, :] < there[:, :, None]
    rows = point.labelled_indices[order[jnp.minimum(place, capacity - 1)]]
    return Draw(rows.reshape(steps, -1), valid.reshape(steps, -1))


def pixels(x: Array) -> Array:
    """Images as floats in [0, 1], from bytes or from such floats."""
    return x.astype(jnp.result_type(float)) / 255 if x.dtype == jnp.uint8 else x


def gather(images: Images, index: Array, valid: Array, stream: str) -> Batch:
    """The images at `index`, as `batch` gives them."""
    return batch(images.x[index], images.y, index, valid, stream)


def batch(x: Array, y: Array, index: Array, valid: Array, stream: str) -> Batch:
    """Images as a batch, as floats in [0, 1]; only the labelled stream has labels.

    Args:
      x: u8[B, H, W, C], or f32 in [0, 1].
      y: i32[N], the labels of the training set.
      index: i32[B], which rows of the training set these are.
      valid: bool[B], False for padding.
      stream: `labelled` or `all`.
    """
    if stream == "labelled":
        return Batch(pixels(x), y[index], valid, valid, index)
    labels = jnp.full(index.shape, -1, jnp.int32)
    return Batch(pixels(x), labels, jnp.zeros_like(valid), valid, index)
