"""The compiled functions that train the points of a cohort."""

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxdml.train import epoch as epochs
from jaxdml.train import feed, step, streams
from jaxdml.train.population import Layout, PointBatch, over_points
from jaxdml.types import Method, Point, TrainState

Assemble = Callable[[Any], Method]  # from a point's numbers (traced)
EMBEDDED = 1000  # images that are embedded at once, between epochs
MOST_VALUES = 2**24  # of pixels among these


class Programs(NamedTuple):
    """The compiled functions of one cohort, for any chunk of its points."""

    init: Any  # (point_batch, the training images) → states P
    epoch: Callable[[tuple[int, ...], int], Any]  # pattern of phases, steps → one epoch
    embed: Callable[..., np.ndarray]  # (states, point_batch, the training images) → f32[P, N, D]


class Placed(NamedTuple):
    """A cohort on the devices."""

    layout: Layout
    programs: Programs
    images: Any  # the training set's


def programs(assemble: Assemble, sizes: streams.Sizes, layout: Layout) -> Programs:
    """Makes the compiled functions that train a cohort.

    Args:
      assemble: from a point's numbers (traced) to its method.
      sizes: what shapes an epoch.
      layout: how the points lie on the devices.

    Returns:
      Functions of arrays with a leading axis of `layout.chunk` points. `epoch` is given which phase
      each step is, and how many steps there are, and gives one program for each such pair:
      `(states, point_batch, images, number) → states, metrics`. It uses up the states that it
      takes; epochs count from 1.
    """
    init_and_epoch = (
        _fed(assemble, sizes, layout) if layout.fed else _resident(assemble, sizes, layout)
    )
    return Programs(*init_and_epoch, _embedder(assemble, layout))


def _resident(assemble: Assemble, sizes: streams.Sizes, layout: Layout) -> tuple[Any, Any]:
    """The functions `init` and `epoch` of `Programs`, where images lie on the devices."""

    @jax.jit
    def init(point_batch: PointBatch, images: Array) -> TrainState:
        def one_init(point: Point, images: Array) -> TrainState:
            return step.init(assemble(point.numbers), point, images)

        return over_points(layout, one_init, point_batch, (), (images,))

    @functools.cache
    def epoch(pattern: tuple[int, ...], steps: int) -> Callable[..., Any]:
        kind = epochs.Kind(pattern, steps, sizes)

        def one_epoch(point: Point, state: TrainState, images: Array, number: Array) -> Any:
            method = assemble(point.numbers)
            return epochs.epoch(method, kind, state, point, images, number)

        def run(states: TrainState, point_batch: PointBatch, images: Array, number: Array) -> Any:
            return over_points(layout, one_epoch, point_batch, (states,), (images, number))

        return jax.jit(run, donate_argnums=0)

    return init, epoch


def _fed(assemble: Assemble, sizes: streams.Sizes, layout: Layout) -> tuple[Any, Any]:
    """The functions `init` and `epoch` of `Programs`, where the host feeds images, see `feed`.

    The initial state is made twice: once to hear which rows it asks for, once with their images.
    """

    def draw_examples(point_batch: PointBatch, x: jax.ShapeDtypeStruct) -> tuple[Array, ...]:
        def one_draw(point: Point) -> tuple[Array, ...]:
            requested_rows = []

            def take(rows: Array) -> Array:
                requested_rows.append(rows)
                return jnp.zeros((*rows.shape, *x.shape[1:]), x.dtype)

            step.init(assemble(point.numbers), point, x, take)
            return tuple(requested_rows)

        return over_points(layout, one_draw, point_batch, (), ())

    def init_with(
        point_batch: PointBatch, x: jax.ShapeDtypeStruct, taken: tuple[Array, ...]
    ) -> TrainState:
        def one_init(point: Point, taken: tuple[Array, ...]) -> TrainState:
            left = iter(taken)
            return step.init(assemble(point.numbers), point, x, lambda _: next(left))

        return over_points(layout, one_init, point_batch, (taken,), ())

    @functools.cache
    def epoch(pattern: tuple[int, ...], steps: int) -> feed.Epoch:
        kind = epochs.Kind(pattern, steps, sizes)

        def one_draw(point: Point, number: Array) -> Any:
            routine = assemble(point.numbers).routine
            drawn = epochs.draw(routine, kind, point, number)
            return {stream: d.rows for stream, d in drawn.items()}

        def one_block(point: Point, state: TrainState, rows: Any, x: Any, *when: Array) -> Any:
            method = assemble(point.numbers)
            return epochs.block(method, kind, state, point, rows, x, *when)

        def draw(point_batch: PointBatch, number: Array) -> Any:
            return over_points(layout, one_draw, point_batch, (), (number,))

        def block(
            states: TrainState, point_batch: PointBatch, rows: Any, x: Any, *when: Array
        ) -> Any:
            return over_points(layout, one_block, point_batch, (states, rows, x), when)

        return feed.Epoch(jax.jit(draw), jax.jit(block, donate_argnums=0), layout)

    static = functools.partial(jax.jit, static_argnums=1)
    return feed.Init(static(draw_examples), static(init_with), layout), epoch


def _embedder(assemble: Assemble, layout: Layout) -> Callable[..., np.ndarray]:
    """Embeddings of all training images, by the teacher where there is one."""

    @jax.jit
    def embed_rows(states: TrainState, point_batch: PointBatch, x: Array) -> Array:
        def one_embed(point: Point, state: TrainState, x: Array) -> Array:
            method = assemble(point.numbers)
            context = step.context_of(method, state.params, state)
            return context.embed(streams.pixels(x), of="teacher")

        return over_points(layout, one_embed, point_batch, (states,), (x,))

    def embed(states: TrainState, point_batch: PointBatch, images: Any) -> np.ndarray:
        count = len(images)
        size = max(1, min(EMBEDDED, count, MOST_VALUES // math.prod(images.shape[1:])))
        parts = []
        for first in range(0, count, size):
            x = images[first : first + size]
            short = [(0, size - len(x))] + [(0, 0)] * (x.ndim - 1)
            x = jax.device_put((np if layout.fed else jnp).pad(x, short), layout.everywhere)
            parts.append(jax.device_get(embed_rows(states, point_batch, x))[:, : count - first])
        return np.concatenate(parts, axis=1)

    return embed


def compile_all(
    programs: Programs,
    patterns: Iterable[tuple[tuple[int, ...], int]],
    point_batch: PointBatch,
    images: Any,
    layout: Layout,
) -> int:
    """Compiles a cohort's programs, so that later calls need not.

    Args:
      programs: from `programs`.
      patterns: of phases, and how many steps, of all epochs.
      point_batch: a chunk.
      images: the training set, or its shapes: see `described`.
      layout: as for `programs`.

    Returns:
      Bytes that the largest of them needs on each device, all that it is given included.
    """
    init = programs.init.lower(point_batch, images)
    init.compile()
    states = layout.described(init.out_info)
    sizes = []
    for pattern in patterns:
        program = programs.epoch(*pattern)
        needed = program.lower(states, point_batch, images, np.int32(1)).compile().memory_analysis()
        sizes.append(
            needed.argument_size_in_bytes
            + needed.output_size_in_bytes
            + needed.temp_size_in_bytes
            - needed.alias_size_in_bytes
            + (program.ahead(point_batch, images) if layout.fed else 0)
        )
    return int(max(sizes))
