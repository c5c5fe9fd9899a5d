"""Points side by side: a leading axis over points, split over the devices at hand.

Each device gets its own points and works on `width` of them at once; nothing is exchanged between
devices. Only this file and `checkpoint` name devices.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxdml.train import step, streams
from jaxdml.types import Dataset, Images, Metrics, Model, Point, Routine, TrainState

AXIS = "points"
Assemble = Callable[[Any], tuple[Model, Routine]]


class Layout(NamedTuple):
    """How points lie on the devices."""

    mesh: Mesh
    width: int  # points that one device works on at once

    @property
    def chunk(self) -> int:
        """Points that are trained together, from their first epoch to their last."""
        return int(self.mesh.size) * self.width

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


def layout(width: int) -> Layout:
    """All local devices, each with `width` points at once."""
    return Layout(Mesh(np.array(jax.local_devices()), (AXIS,)), width)


class Programs(NamedTuple):
    """The compiled functions of one cohort, for any chunk of its points."""

    init: Callable[[Point, Images], TrainState]  # points P, the training set → states P
    epoch: Callable[[tuple[int, ...]], Callable[..., tuple[TrainState, Metrics]]]


def programs(assemble: Assemble, sizes: streams.Sizes, where: Layout) -> Programs:
    """What trains a cohort.

    Args:
      assemble: from a point's numbers (traced) to its model and routine.
      sizes: what shapes an epoch.
      where: how the points lie on the devices.

    Returns:
      Functions of arrays with a leading axis of `where.chunk` points. `epoch` is given which phase
      each step is, and gives one program for each such pattern: `(states, points, images, number)
      → states, metrics`. It uses up the states that it takes; epochs count from 1.
    """
    points, shared = PartitionSpec(AXIS), PartitionSpec()

    def over_points(function: Callable[..., Any], *arguments: Any) -> Any:
        if where.width == 1:  # no batching rule has a say: exactly one point's program
            return jax.lax.map(lambda a: function(*a), arguments)
        return jax.lax.map(lambda a: function(*a), arguments, batch_size=where.width)

    def init(batch: Point, images: Images) -> TrainState:
        def one(point: Point) -> TrainState:
            return step.init(*assemble(point.numbers), point.seed, images)

        return over_points(one, batch)

    @functools.cache
    def epoch(pattern: tuple[int, ...]) -> Callable[..., Any]:
        def all_points(states: TrainState, batch: Point, images: Images, number: Array) -> Any:
            def one(state: TrainState, point: Point) -> Any:
                model, routine = assemble(point.numbers)
                return step.epoch(model, routine, pattern, sizes, state, point, images, number)

            return over_points(one, states, batch)

        mapped = jax.shard_map(
            all_points,
            mesh=where.mesh,
            in_specs=(points, points, shared, shared),
            out_specs=points,
            check_vma=False,
        )
        return jax.jit(mapped, donate_argnums=0)

    return Programs(
        init=jax.jit(
            jax.shard_map(init, mesh=where.mesh, in_specs=(points, shared), out_specs=points)
        ),
        epoch=epoch,
    )


def place_images(dataset: Dataset, where: Layout) -> Images:
    """The training set on every device, as it is: uint8 stays uint8."""
    arrays = np.asarray(dataset.train.x), np.asarray(dataset.train.y, np.int32)
    return Images(*jax.device_put(arrays, where.everywhere))


def place_states(states: TrainState, where: Layout) -> TrainState:
    """States of the points of a chunk from host memory, filled up as `stack` does."""
    count = len(states.step)
    rows = [min(i, count - 1) for i in range(where.chunk)]
    filled = jax.tree.map(lambda leaf: leaf[np.array(rows)], states)
    return jax.device_put(filled, where.sharded)


def stack(
    seeds: Sequence[int],
    numbers: Sequence[dict[str, float]],
    labelled: Sequence[np.ndarray],
    capacity: int,
    where: Layout,
) -> Point:
    """Points as one record with a leading axis of `where.chunk`, on their devices.

    Fewer points than a chunk holds are filled up with copies of the last one.

    Args:
      seeds, numbers, labelled: of each point; `labelled` holds rows of the training set.
      capacity: room for so many labelled rows, the same for all chunks of a cohort.
      where: how the points lie on the devices.
    """
    rows = [min(i, len(seeds) - 1) for i in range(where.chunk)]
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
    return Point(*jax.device_put(arrays, where.sharded))
