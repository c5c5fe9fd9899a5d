"""Batches fed from the host, where the training images do not lie on the devices.

An epoch is cut into blocks of steps. The devices draw the rows of all its batches; the host gathers
the images of one block while they work on the block before, so that there are two on a device.
What is computed is what `epoch.epoch` computes: the same rows, through the same steps.

Nothing here calls back from a compiled program: a device never waits for Python in the middle of
one, and JAX keeps such programs on disk as it keeps others.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdml.train.epoch import finite_mean
from jaxdml.train.population import Layout, PointBatch

BLOCK = 2**24  # bytes of images in a block on each device, unless a single step has more


class Init(NamedTuple):
    """The states before the first step, `(point_batch, images) → states P`."""

    # jitted: (point_batch, x) → rows of the examples that terms begin with, i32[P, K] each
    draw_examples: Any
    init: Any  # jitted: (point_batch, x, examples u8[P, K, H, W, C] each) → states P
    layout: Layout

    def __call__(self, point_batch: PointBatch, images: Any) -> Any:
        """Returns the first states; the host gathers the images that they begin with."""
        x = _described(images)
        rows, there = jax.device_get((self.draw_examples(point_batch, x), point_batch.there))
        examples = [gather(images, r[:, None], there, 1)[:, 0] for r in rows]
        return self.init(point_batch, x, self.layout.put(tuple(examples)))

    def lower(self, point_batch: PointBatch, images: Any) -> Any:
        """Lowers `init`, as the method of a jitted function; compiles what comes before it."""
        x = _described(images)
        draw_examples = self.draw_examples.lower(point_batch, x)
        draw_examples.compile()
        examples = tuple(_images(images, rows.shape) for rows in draw_examples.out_info)
        return self.init.lower(point_batch, x, self.layout.described(examples))


class Epoch(NamedTuple):
    """An epoch in blocks, `(states, point_batch, images, number) → states, metrics`."""

    draw: Any  # jitted: (point_batch, number) → rows by stream, i32[P, steps, B]
    block: Any  # jitted: (states, point_batch, rows, x, number, first) → states, values f[P, S]
    layout: Layout

    def __call__(
        self, states: Any, point_batch: PointBatch, images: Any, number: np.int32
    ) -> tuple[Any, Any]:
        """Trains one epoch; returns the states and the mean metrics when the devices are done."""
        drawn = self.draw(point_batch, number)
        rows, there = jax.device_get((drawn, point_batch.there))
        steps, room = self._steps(rows, images)

        def fed(first: int) -> Any:
            block_rows = {stream: all_[:, first : first + room] for stream, all_ in rows.items()}
            return self.layout.put(
                {s: gather(images, r, there, room) for s, r in block_rows.items()}
            )

        values, block_images = [], fed(0)
        for first in range(0, steps, room):
            states, block_values = self.block(
                states, point_batch, drawn, block_images, number, np.int32(first)
            )
            if first + room < steps:
                block_images = fed(first + room)  # while the devices work
            values.append(jax.device_get(block_values))  # no third block before they are done
        joined = jax.tree.map(lambda *blocks: np.concatenate(blocks, axis=1)[:, :steps], *values)
        return states, _means(joined)

    def lower(self, states: Any, point_batch: PointBatch, images: Any, number: np.int32) -> Any:
        """Lowers the program of a block, as the method of a jitted function; compiles `draw`."""
        draw = self.draw.lower(point_batch, number)
        draw.compile()
        rows = self.layout.described(draw.out_info)
        x = self.layout.described(self._block(rows, images))
        return self.block.lower(states, point_batch, rows, x, number, np.int32(0))

    def ahead(self, point_batch: PointBatch, images: Any) -> int:
        """Bytes on a device of the block that waits while another is worked on."""
        rows = jax.eval_shape(self.draw, point_batch, np.int32(1))
        leaves = self._block(rows, images).values()
        size = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)
        return size // int(self.layout.mesh.size)

    def _block(self, rows: Mapping[str, Any], images: Any) -> dict[str, jax.ShapeDtypeStruct]:
        """The shapes and dtypes of a block's images, by stream."""
        room = self._steps(rows, images)[1]
        shapes = {stream: (r.shape[0], room, r.shape[2]) for stream, r in rows.items()}
        return {stream: _images(images, shape) for stream, shape in shapes.items()}

    def _steps(self, rows: Mapping[str, Any], images: Any) -> tuple[int, int]:
        """How many steps an epoch has, and a block."""
        places, steps, _ = next(iter(rows.values())).shape
        image = math.prod(images.shape[1:]) * images.dtype.itemsize
        each = places // int(self.layout.mesh.size) * sum(r.shape[2] for r in rows.values()) * image
        blocks = math.ceil(steps / max(1, BLOCK // each))
        return steps, math.ceil(steps / blocks)  # all blocks about equally long


def gather(x: Any, rows: np.ndarray, there: np.ndarray, room: int) -> np.ndarray:
    """The images of a block, u8[P, room, B, H, W, C].

    Zeros stand past its steps, and for places without a point: nobody reads them.

    Args:
      x: u8[N, H, W, C], anything that gives rows by an array of their numbers, as `numpy.memmap`.
      rows: i32[P, steps, B], steps ≤ `room`.
      there: bool[P], see `population.PointBatch`.
      room: steps that the block has room for.

    >>> x = np.arange(6, dtype=np.uint8).reshape(3, 1, 2, 1)
    >>> gather(x, np.array([[[2, 0]]]), np.array([True]), 2)[0, :, :, 0, :, 0].tolist()
    [[[4, 5], [0, 1]], [[0, 0], [0, 0]]]
    """
    steps, batch = rows.shape[1:]
    block = np.zeros((len(rows), room, batch, *x.shape[1:]), x.dtype)
    for position in np.flatnonzero(there):
        target, indices = block[position, :steps].reshape(-1, *x.shape[1:]), rows[position].ravel()
        if isinstance(x, np.ndarray):  # in place: three times as fast for small images
            np.take(x, indices, axis=0, out=target, mode="clip")
        else:
            target[:] = x[indices]
    return block


def _described(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def _images(images: Any, shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    """The shape and dtype of an array of images with the leading axes `shape`."""
    return jax.ShapeDtypeStruct((*shape, *images.shape[1:]), images.dtype)


@jax.jit
def _means(values: Any) -> Any:
    return jax.tree.map(jax.vmap(finite_mean), values)
