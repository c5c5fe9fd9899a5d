"""Points side by side: a leading axis over points, split over the devices at hand.

Each device gets its own points, works on `width` of them at once, and on one such group after the
other; nothing is exchanged between devices. Only this file and `checkpoint` name devices.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxdml.types import Dataset, Point, TrainState

AXIS = "points"


class Layout(NamedTuple):
    """How points lie on the devices."""

    mesh: Mesh
    width: int  # points that one device works on at once
    rounds: int = 1  # such groups that it works on one after the other
    fed: bool = False  # batches come from the host: the training images do not lie on the devices

    @property
    def chunk(self) -> int:
        """How many points there is room for, trained together from first to last epoch."""
        return int(self.mesh.size) * self.width * self.rounds

    @property
    def devices(self) -> str:
        """The number and the kind of the devices, as text for a report."""
        return f"{self.mesh.size} × {self.mesh.devices.flat[0].device_kind}"

    @property
    def sharded(self) -> NamedSharding:
        """The sharding of arrays with a leading axis of points."""
        return NamedSharding(self.mesh, PartitionSpec(AXIS))

    @property
    def everywhere(self) -> NamedSharding:
        """The sharding of arrays that all points share."""
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
        """The position of each of `count` points in the chunk; points go to devices in turn."""
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


def memory(layout: Layout) -> int:
    """Bytes that each device of a layout has; on a CPU, its share of the machine or container."""
    stats = layout.mesh.devices.flat[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"])
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    container = Path("/sys/fs/cgroup/memory.max")
    limit = container.read_text("ascii").strip() if container.is_file() else "max"
    return min(installed, int(limit) if limit.isdigit() else installed) // int(layout.mesh.size)


class PointBatch(NamedTuple):
    """A chunk's points; where there are fewer than it has room for, copies of the last one."""

    points: Point  # leading axis P
    there: Array  # bool[P], False for copies, and for points that have stopped


def over_points(
    layout: Layout,
    function: Callable[..., Any],
    point_batch: PointBatch,
    per_point: tuple[Any, ...],
    shared: tuple[Any, ...],
) -> Any:
    """Calls `function(point, *per_point, *shared)` for each point, on the point's device.

    Args:
      layout: how the points lie on the devices.
      function: of one point.
      point_batch: the points.
      per_point: arrays with a leading axis of points, as the result has one.
      shared: arrays that all points share.
    """
    points = PartitionSpec(AXIS)

    def on_a_device(there: Array, per_point: Any, shared: Any) -> Any:
        @jax.jit  # traced once, for its shapes and for its value
        def several(per_point: Any) -> Any:
            if layout.width > 1:
                return jax.vmap(lambda per_point: function(*per_point, *shared))(per_point)
            # no batching rule has a say: exactly one point's program
            result = function(*jax.tree.map(lambda leaf: leaf[0], per_point), *shared)
            return jax.tree.map(lambda leaf: leaf[None], result)

        def none(per_point: Any) -> Any:
            shapes = jax.eval_shape(several, per_point)
            return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

        def group(there: Array, per_point: Any) -> Any:
            """One in which no point is there costs nothing."""
            return jax.lax.cond(there.any(), several, none, per_point)

        grouped = jax.tree.map(
            lambda leaf: leaf.reshape(-1, layout.width, *leaf.shape[1:]), (there, per_point)
        )
        result = jax.lax.map(lambda a: group(*a), grouped)
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), result)

    return jax.shard_map(
        on_a_device,
        mesh=layout.mesh,
        in_specs=(points, points, PartitionSpec()),
        out_specs=points,
        check_vma=False,
    )(point_batch.there, (point_batch.points, *per_point), shared)


def described(dataset: Dataset, layout: Layout) -> jax.ShapeDtypeStruct:
    """Shape and dtype of what `place_images` gives, at no cost."""
    x = dataset.train.x
    sharding = None if layout.fed else layout.everywhere
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)


def place_images(dataset: Dataset, layout: Layout) -> Any:
    """The training images on every device, as they are: uint8 stays uint8.

    Where batches are fed from the host, the images stay there, and are not even read.
    """
    return dataset.train.x if layout.fed else jax.device_put(dataset.train.x, layout.everywhere)


def place_states(states: TrainState, layout: Layout) -> TrainState:
    """States of the points of a chunk from host memory, filled up as `stack` does."""
    rows = _rows(len(states.step), layout)
    filled = jax.tree.map(lambda leaf: leaf[rows], states)
    return jax.device_put(filled, layout.sharded)


def stack(
    seeds: Sequence[int],
    numbers: Sequence[dict[str, float]],
    labelled: Sequence[np.ndarray],
    y: np.ndarray,
    capacity: int,
    layout: Layout,
) -> PointBatch:
    """Points as one record with a leading axis of `layout.chunk`, on their devices.

    Args:
      seeds, numbers, labelled: of each point; `labelled` holds rows of the training set.
      y: i32[N], the labels of the training set: those of labelled rows are read, and no others.
      capacity: room for so many labelled rows, the same for all chunks of a cohort.
      layout: how the points lie on the devices.
    """
    rows = _rows(len(seeds), layout)
    room = [(0, capacity - len(indices)) for indices in labelled]
    padded = [np.pad(indices, more) for indices, more in zip(labelled, room, strict=True)]
    padded_labels = [np.pad(y[indices], more) for indices, more in zip(labelled, room, strict=True)]
    arrays = (
        np.array([seeds[i] for i in rows], np.int32),
        {
            path: np.array([numbers[i][path] for i in rows], jnp.result_type(float))
            for path in numbers[0]
        },
        np.array([padded[i] for i in rows], np.int32),
        np.array([padded_labels[i] for i in rows], np.int32),
        np.array([len(labelled[i]) for i in rows], np.int32),
    )
    points = Point(*jax.device_put(arrays, layout.sharded))
    return PointBatch(points, _there(np.ones(len(seeds), bool), layout))


def only(point_batch: PointBatch, mask: np.ndarray, layout: Layout) -> PointBatch:
    """The same chunk, in which groups without a point of a mask, bool[P], cost nothing.

    What is computed for such a group is zero.
    """
    return point_batch._replace(there=_there(mask, layout))


def _there(mask: np.ndarray, layout: Layout) -> Array:
    """The mask of a chunk's points, bool[P], at their places in the chunk."""
    there = np.zeros(layout.chunk, bool)
    there[layout.places(len(mask))] = mask
    return jax.device_put(there, layout.sharded)


def unstack(tree: Any, count: int, layout: Layout) -> Any:
    """A chunk's `count` points in host memory, in the order in which `stack` took them."""
    places = layout.places(count)
    return jax.tree.map(lambda leaf: np.asarray(leaf)[places], tree)


def _rows(count: int, layout: Layout) -> np.ndarray:
    """Which point lies at each place of a chunk; the last one at places that are left."""
    rows = np.full(layout.chunk, count - 1)
    rows[layout.places(count)] = np.arange(count)
    return rows
