"""Points side by side: a leading axis over points, split over the devices at hand.

Each device gets its own points, works on `width` of them at once, and on one such group after the
other; nothing is exchanged between devices. Only this file and `checkpoint` name devices.
"""

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxdml.train import feed, step, streams
from jaxdml.types import Dataset, Images, Model, Point, Routine, TrainState

AXIS = "points"
Assemble = Callable[[Any], tuple[Model, Routine]]


class Layout(NamedTuple):
    """How points lie on the devices."""

    mesh: Mesh
    width: int  # points that one device works on at once
    rounds: int = 1  # such groups that it works on one after the other
    fed: bool = False  # batches come from the host: the training images do not lie on the devices

    @property
    def chunk(self) -> int:
        """Room for so many points, trained together from their first epoch to their last."""
        return int(self.mesh.size) * self.width * self.rounds

    @property
    def devices(self) -> str:
        """How many devices of which kind."""
        return f"{self.mesh.size} × {self.mesh.devices.flat[0].device_kind}"

    @property
    def sharded(self) -> NamedSharding:
        """Of arrays with a leading axis of points."""
        return NamedSharding(self.mesh, PartitionSpec(AXIS))

    @property
    def everywhere(self) -> NamedSharding:
        """Of arrays that all points share."""
        return NamedSharding(self.mesh, PartitionSpec())

    def described(self, tree: Any) -> Any:
        """Shapes and dtypes of arrays with a leading axis of points, on their devices."""
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=self.sharded), tree
        )

    def put(self, tree: Any) -> Any:
        """Arrays with a leading axis of points, from the host to their devices."""
        return jax.device_put(tree, self.sharded)

    def places(self, count: int) -> np.ndarray:
        """Where each of `count` points lies in the chunk: dealt out to the devices like cards."""
        assert count <= self.chunk, f"{count} points in a chunk for {self.chunk}"
        return np.array([self._place(i) for i in range(count)], np.int64)

    def _place(self, i: int) -> int:
        devices = int(self.mesh.size)
        return i % devices * self.width * self.rounds + i // devices


def layout(width: int, rounds: int = 1) -> Layout:
    """All local devices, each with `width` points at once."""
    return Layout(Mesh(np.array(jax.local_devices()), (AXIS,)), width, rounds)


def accelerated() -> bool:
    """Whether the devices are accelerators."""
    return jax.default_backend() != "cpu"


def memory(where: Layout) -> int:
    """Bytes that each device of a layout has; on a CPU, its share of the machine or container."""
    stats = where.mesh.devices.flat[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"])
    here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    container = Path("/sys/fs/cgroup/memory.max")
    limit = container.read_text().strip() if container.is_file() else "max"
    return min(here, int(limit) if limit.isdigit() else here) // int(where.mesh.size)


class Company(NamedTuple):
    """A chunk's points; where there are fewer than it has room for, copies of the last one."""

    points: Point  # leading axis P
    there: Array  # bool[P], False for copies


class Programs(NamedTuple):
    """The compiled functions of one cohort, for any chunk of its points."""

    init: Any  # (company, the training set) → states P
    epoch: Callable[[tuple[int, ...]], Any]  # pattern of phases → one epoch


def programs(assemble: Assemble, sizes: streams.Sizes, where: Layout) -> Programs:
    """What trains a cohort.

    Args:
      assemble: from a point's numbers (traced) to its model and routine.
      sizes: what shapes an epoch.
      where: how the points lie on the devices.

    Returns:
      Functions of arrays with a leading axis of `where.chunk` points. `epoch` is given which phase
      each step is, and gives one program for each such pattern: `(states, company, images, number)
      → states, metrics`. It uses up the states that it takes; epochs count from 1.
    """
    return _fed(assemble, sizes, where) if where.fed else _resident(assemble, sizes, where)


def _resident(assemble: Assemble, sizes: streams.Sizes, where: Layout) -> Programs:
    """A program each, of images on the devices."""

    @jax.jit
    def init(company: Company, images: Images) -> TrainState:
        def one(point: Point, images: Images) -> TrainState:
            return step.init(*assemble(point.numbers), point.seed, images)

        return _over_points(where, one, company, (), (images,))

    @functools.cache
    def epoch(pattern: tuple[int, ...]) -> Callable[..., Any]:
        def one(point: Point, state: TrainState, images: Images, number: Array) -> Any:
            model, routine = assemble(point.numbers)
            return step.epoch(model, routine, pattern, sizes, state, point, images, number)

        def run(states: TrainState, company: Company, images: Images, number: Array) -> Any:
            return _over_points(where, one, company, (states,), (images, number))

        return jax.jit(run, donate_argnums=0)

    return Programs(init, epoch)


def _fed(assemble: Assemble, sizes: streams.Sizes, where: Layout) -> Programs:
    """Programs that are handed images by the host, see `feed`.

    The initial state is made twice: once to hear which rows it asks for, once with their images.
    """

    def asked(company: Company, x: jax.ShapeDtypeStruct) -> tuple[Array, ...]:
        def one(point: Point) -> tuple[Array, ...]:
            wanted = []

            def take(rows: Array) -> Array:
                wanted.append(rows)
                return jnp.zeros((*rows.shape, *x.shape[1:]), x.dtype)

            step.init(*assemble(point.numbers), point.seed, Images(x, None), take)
            return tuple(wanted)

        return _over_points(where, one, company, (), ())

    def given(company: Company, x: jax.ShapeDtypeStruct, taken: tuple[Array, ...]) -> TrainState:
        def one(point: Point, taken: tuple[Array, ...]) -> TrainState:
            left = iter(taken)
            model, routine = assemble(point.numbers)
            return step.init(model, routine, point.seed, Images(x, None), lambda _: next(left))

        return _over_points(where, one, company, (taken,), ())

    @functools.cache
    def epoch(pattern: tuple[int, ...]) -> feed.Epoch:
        def one_draw(point: Point, y: Array, number: Array) -> Any:
            routine = assemble(point.numbers)[1]
            drawn = step.draw(routine, pattern, sizes, point, y, number)
            return {stream: d.rows for stream, d in drawn.items()}

        def one_block(
            point: Point, state: TrainState, rows: Any, x: Any, y: Array, *when: Array
        ) -> Any:
            return step.block(
                *assemble(point.numbers), pattern, sizes, state, point, y, rows, x, *when
            )

        def draw(company: Company, y: Array, number: Array) -> Any:
            return _over_points(where, one_draw, company, (), (y, number))

        def block(
            states: TrainState, company: Company, y: Array, rows: Any, x: Any, *when: Array
        ) -> Any:
            return _over_points(where, one_block, company, (states, rows, x), (y, *when))

        return feed.Epoch(jax.jit(draw), jax.jit(block, donate_argnums=0), where)

    static = functools.partial(jax.jit, static_argnums=1)
    return Programs(feed.Init(static(asked), static(given), where), epoch)


def _over_points(
    where: Layout,
    function: Callable[..., Any],
    company: Company,
    own: tuple[Any, ...],
    shared: tuple[Any, ...],
) -> Any:
    """`function(point, *own, *shared)` of each point, group after group, on its device.

    Args:
      where: how the points lie on the devices.
      function: of one point.
      company: the points.
      own: arrays with a leading axis of points, as the result has one.
      shared: arrays that all points share.
    """
    points = PartitionSpec(AXIS)

    def on_a_device(there: Array, own: Any, shared: Any) -> Any:
        @jax.jit  # traced once, for its shapes and for its value
        def several(own: Any) -> Any:
            if where.width > 1:
                return jax.vmap(lambda own: function(*own, *shared))(own)
            # no batching rule has a say: exactly one point's program
            result = function(*jax.tree.map(lambda leaf: leaf[0], own), *shared)
            return jax.tree.map(lambda leaf: leaf[None], result)

        def none(own: Any) -> Any:
            shapes = jax.eval_shape(several, own)
            return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

        def group(there: Array, own: Any) -> Any:
            """One in which no point is there costs nothing."""
            return jax.lax.cond(there.any(), several, none, own)

        grouped = jax.tree.map(
            lambda leaf: leaf.reshape(-1, where.width, *leaf.shape[1:]), (there, own)
        )
        result = jax.lax.map(lambda a: group(*a), grouped)
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), result)

    return jax.shard_map(
        on_a_device,
        mesh=where.mesh,
        in_specs=(points, points, PartitionSpec()),
        out_specs=points,
        check_vma=False,
    )(company.there, (company.points, *own), shared)


def compile_all(
    programs: Programs,
    patterns: Iterable[tuple[int, ...]],
    company: Company,
    images: Images,
    where: Layout,
) -> int:
    """Compiles a cohort's programs, so that later calls need not.

    Args:
      programs: from `programs`.
      patterns: of phases, of all epochs.
      company: a chunk.
      images: the training set, or its shapes: see `described`.
      where: as for `programs`.

    Returns:
      Bytes that the largest of them needs on each device, all that it is given included.
    """
    init = programs.init.lower(company, images)
    init.compile()
    states = where.described(init.out_info)
    sizes = []
    for pattern in patterns:
        program = programs.epoch(pattern)
        needed = program.lower(states, company, images, np.int32(1)).compile().memory_analysis()
        sizes.append(
            needed.argument_size_in_bytes
            + needed.output_size_in_bytes
            + needed.temp_size_in_bytes
            - needed.alias_size_in_bytes
            + (program.ahead(company, images) if where.fed else 0)
        )
    return int(max(sizes))


def described(dataset: Dataset, where: Layout) -> Images:
    """Shapes and dtypes of what `place_images` gives, at no cost."""
    x, y = dataset.train.x, dataset.train.y
    place = None if where.fed else where.everywhere
    return Images(
        jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place),
        jax.ShapeDtypeStruct((len(y),), np.dtype(np.int32), sharding=where.everywhere),
    )


def place_images(dataset: Dataset, where: Layout) -> Images:
    """The training set on every device, as it is: uint8 stays uint8.

    Where batches are fed from the host, the images stay there, and are not even read.
    """
    x = dataset.train.x if where.fed else jax.device_put(dataset.train.x, where.everywhere)
    return Images(x, jax.device_put(np.asarray(dataset.train.y, np.int32), where.everywhere))


def place_states(states: TrainState, where: Layout) -> TrainState:
    """States of the points of a chunk from host memory, filled up as `stack` does."""
    rows = _rows(len(states.step), where)
    filled = jax.tree.map(lambda leaf: leaf[rows], states)
    return jax.device_put(filled, where.sharded)


def stack(
    seeds: Sequence[int],
    numbers: Sequence[dict[str, float]],
    labelled: Sequence[np.ndarray],
    capacity: int,
    where: Layout,
) -> Company:
    """Points as one record with a leading axis of `where.chunk`, on their devices.

    Args:
      seeds, numbers, labelled: of each point; `labelled` holds rows of the training set.
      capacity: room for so many labelled rows, the same for all chunks of a cohort.
      where: how the points lie on the devices.
    """
    rows = _rows(len(seeds), where)
    there = np.zeros(where.chunk, bool)
    there[where.places(len(seeds))] = True
    padded = [np.pad(indices, (0, capacity - len(indices))) for indices in labelled]
    arrays = (
        np.array([seeds[i] for i in rows], np.int32),
        {
            path: np.array([numbers[i][path] for i in rows], jnp.result_type(float))
            for path in numbers[0]
        },
        np.array([padded[i] for i in rows], np.int32),
        np.array([len(labelled[i]) for i in rows], np.int32),
    )
    return Company(
        Point(*jax.device_put(arrays, where.sharded)), jax.device_put(there, where.sharded)
    )


def unstack(tree: Any, count: int, where: Layout) -> Any:
    """A chunk's `count` points in host memory, in the order in which `stack` took them."""
    places = where.places(count)
    return jax.tree.map(lambda leaf: np.asarray(leaf)[places], tree)


def _rows(count: int, where: Layout) -> np.ndarray:
    """Which point lies at each place of a chunk; the last one at places that are left."""
    rows = np.full(where.chunk, count - 1)
    rows[where.places(count)] = np.arange(count)
    return rows
