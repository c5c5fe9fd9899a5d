"""The two streams of data: labelled images, and all of them (without labels).

An epoch's batches are drawn as index arrays before it starts; images are gathered, and uint8
becomes float, inside the step.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxdml.types import Batch, Phase, Point


class Sizes(NamedTuple):
    """The sizes that shape an epoch (static)."""

    batch_size: int  # of the labelled stream
    images: int  # N
    labelled: int | None  # only where an epoch is a pass over the labelled images
    balanced: tuple[int, int] | None = None  # classes in a labelled batch, and how many there are
    unlabelled_batch_size: int | None = None  # of the stream of all images; `None`: the same
    epoch: int | None = None  # steps of an epoch, where it is no pass
    training: int | None = None  # steps of the whole training, where a schedule asks for them

    @property
    def all_batch_size(self) -> int:
        """The batch size of the stream of all images."""
        return self.unlabelled_batch_size or self.batch_size


class Draw(NamedTuple):
    """Rows of the training set for each step of an epoch."""

    rows: Array  # i32[steps, B]
    places: Array  # i32[steps, B], theirs among the labelled images; -1 in the stream of all
    valid: Array  # bool[steps, B]


def steps(phase: Phase, sizes: Sizes) -> int:
    """How many steps an epoch of this phase has: one pass over the stream that `length` names."""
    if sizes.epoch is not None:
        return sizes.epoch
    if phase.length == "all":
        return math.ceil(sizes.images / sizes.all_batch_size)
    assert sizes.labelled is not None, "a pass over the labelled images needs their number"
    return math.ceil(sizes.labelled / sizes.batch_size)


def one_pass(key: Array, size: int, steps: int, batch_size: int) -> tuple[Array, Array]:
    """Draws every row once, in random order, then padding; begins anew where steps are left.

    Returns:
      Rows, i32[steps, B], and which of them are no padding, bool[steps, B].

    >>> rows, valid = one_pass(jax.random.key(0), size=3, steps=2, batch_size=2)
    >>> sorted(rows[valid].tolist()), valid.tolist()
    ([0, 1, 2], [[True, True], [True, False]])
    """
    passes = math.ceil(steps * batch_size / size) if steps * batch_size > size + batch_size else 1
    keys = jax.random.split(key, passes)
    order = jax.vmap(lambda k: jax.random.permutation(k, size))(keys).reshape(-1)
    row_count = steps * batch_size
    padding = max(0, row_count - order.size)
    index = jnp.pad(order[:row_count], (0, padding)).astype(jnp.int32)
    valid = jnp.arange(row_count) < order.size
    return index.reshape(steps, batch_size), valid.reshape(steps, batch_size)


def unlabelled(key: Array, steps: int, sizes: Sizes) -> Draw:
    """The stream of all images, without labels."""
    rows, valid = one_pass(key, sizes.images, steps, sizes.all_batch_size)
    return Draw(rows, jnp.full(rows.shape, -1, jnp.int32), valid)


def labelled(key: Array, point: Point, passes: bool, steps: int, sizes: Sizes) -> Draw:
    """The labelled stream: balanced if `sizes` says so; else a padded pass, or with replacement.

    Args:
      key: for the draw.
      point: whose labelled images are drawn.
      passes: whether the epoch is a pass over the labelled images.
      steps: how many batches.
      sizes: static sizes.
    """
    if sizes.balanced is not None:
        return balanced(key, point, steps, sizes.batch_size, *sizes.balanced)
    if passes:
        assert sizes.labelled is not None
        places, valid = one_pass(key, sizes.labelled, steps, sizes.batch_size)
        return _drawn(point, places, valid)
    shape = (steps, sizes.batch_size)
    places = jax.random.randint(key, shape, 0, point.labelled_count)
    return _drawn(point, places, jnp.ones(shape, bool))


def _drawn(point: Point, places: Array, valid: Array) -> Draw:
    """The draw of labelled images by their places among all labelled ones."""
    return Draw(point.labelled_indices[places], places, valid)


def labels(point: Point, places: Array, stream: str) -> Array:
    """One step's labels, -1 where the stream gives none.

    They are gathered in the step: a slice of labels gathered before would become part of the loss's
    loops, and be taken anew for each of its B³ triplets.
    """
    return point.labelled_labels[places] if stream == "labelled" else jnp.full_like(places, -1)


def balanced(
    key: Array, point: Point, steps: int, batch_size: int, per_batch: int, classes: int
) -> Draw:
    """Batches of P classes × K images, K = batch_size // P, without an image twice.

    Where fewer classes are labelled, or a class has fewer images, the batch holds as many as there
    are, and padding. The images of a class stand in a new random order each epoch; a batch takes K
    that follow each other, from a random one on.

    Args:
      key, point, steps, batch_size: as for `labelled`.
      per_batch: P, at most `classes`.
      classes: how many there are.

    Returns:
      A draw of P · K rows a step.
    """
    order_key, class_key, start_key = jax.random.split(key, 3)
    each = batch_size // per_batch  # K
    capacity = len(point.labelled_indices)
    mask = jnp.arange(capacity) < point.labelled_count
    label = jnp.where(mask, point.labelled_labels, classes)
    # by class, in random order within: drawn for each place, so that room for more changes nothing
    chance = jax.vmap(lambda i: jax.random.uniform(jax.random.fold_in(order_key, i)))
    order = jnp.lexsort((chance(jnp.arange(capacity)), label))
    count = jnp.bincount(label, length=classes + 1)[:classes]
    begin = jnp.cumsum(count) - count
    drawn = jnp.where(count > 0, jax.random.uniform(class_key, (steps, classes)), -1.0)
    chosen = jax.lax.top_k(drawn, per_batch)[1]  # [steps, P]
    there = count[chosen]
    start = jax.random.randint(start_key, there.shape, 0, jnp.maximum(there, 1))
    position = start[:, :, None] + jnp.arange(each)[None, None, :]  # [steps, P, K]
    position = begin[chosen][:, :, None] + position % jnp.maximum(there, 1)[:, :, None]
    valid = jnp.arange(each)[None, None, :] < there[:, :, None]
    places = order[jnp.minimum(position, capacity - 1)]
    return _drawn(point, places.reshape(steps, -1), valid.reshape(steps, -1))


def pixels(x: Array) -> Array:
    """Images as floats in [0, 1], from bytes or from such floats."""
    return x.astype(jnp.result_type(float)) / 255 if x.dtype == jnp.uint8 else x


def batch(x: Array, rows: Array, labels: Array, valid: Array, stream: str) -> Batch:
    """One step's rows as a batch, with images as floats in [0, 1].

    Args:
      x: u8[B, H, W, C], or f32 in [0, 1].
      rows, valid: of one step of a `Draw`.
      labels: see `labels`.
      stream: `labelled` or `all`.
    """
    labelled = valid if stream == "labelled" else jnp.zeros_like(valid)
    return Batch(pixels(x), labels, labelled, valid, rows)
