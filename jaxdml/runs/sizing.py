"""How many points of a cohort travel together: by the memory of a device, and by trial."""

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxdml import config
from jaxdml.options import ConfigError
from jaxdml.runs.cohort import Placed, Workshop
from jaxdml.train import population, step, streams
from jaxdml.types import Images, PointConfig

STEPS_OF_A_CHUNK = 10_000  # one after the other on a device: seconds to minutes of work
MOST_ROUNDS = 32  # all states of a chunk lie in memory, more than once
STEPS_OF_A_TRIAL = 8
TURNS_OF_A_TRIAL = 3
WIDER = 4  # from one trial's width to the next
GAIN = 0.95  # of the time a point: what is not faster than that is not taken


class Trial(NamedTuple):
    """What a few steps of a cohort took, at some width."""

    width: int
    seconds: float  # that all epochs of one point will take, when the devices are full
    compiling: float  # seconds
    memory: int  # bytes on each device


def place(
    shop: Workshop,
    points: Sequence[PointConfig],
    where: population.Layout,
    images: Images,
    share: float,
) -> Placed:
    """A cohort on the devices, in a layout that fits; its programs are compiled.

    Args:
      shop: the cohort's.
      points: some of its points.
      where: as large as is wanted. Where the programs need more memory, points follow in fewer
        rounds, or in narrower ones.
      images: its training set, on the devices.
      share: of the memory of each device, at most 1.

    Raises:
      ConfigError: if a single point needs more.
    """
    limit = share * population.memory(where)
    while True:
        programs = population.programs(shop.assemble, shop.sizes, where)
        company = full_chunk(shop, points, where)
        needed = population.compile_all(programs, shop.patterns(), company, images, where)
        if needed <= limit:
            return Placed(where, programs, images)
        if where.rounds > 1:
            fewer = int(where.rounds * limit / needed)
            where = where._replace(rounds=max(1, min(fewer, where.rounds - 1)))
        elif where.width > 1:
            where = where._replace(width=where.width // 2)
        else:
            raise ConfigError(
                f"a single point needs {gib(needed)} on a device, but "
                f"train.memory_share={share} allows {gib(limit)}: take a smaller "
                "train.batch_size or model.hidden, or a larger share"
            )


def rounds(shop: Workshop, points: int, width: int, devices: int) -> int:
    """How many groups of points a device trains before their results are written.

    Long trainings are written one by one, short ones many at a time.

    Args:
      shop: the cohort's.
      points: of the whole cohort.
      width, devices: a group has so many points on each device.
    """
    steps = sum(step.count_steps(shop.routine, shop.sizes, shop.epochs).values())
    most = math.ceil(points / (width * devices))
    wanted = max(1, min(most, MOST_ROUNDS, STEPS_OF_A_CHUNK // steps))
    return 1 << (wanted - 1).bit_length()  # few different programs; rounds without points are free


def fastest(measure: Callable[[int], Trial], most: int) -> Trial:
    """The last of growing widths that was faster a point than the one before it.

    Args:
      measure: a trial at some width.
      most: the largest width of use.

    >>> def measure(width):
    ...     return Trial(width, seconds=1 / width + width / 100, compiling=0, memory=width)
    >>> fastest(measure, 1000).width, fastest(measure, 3).width
    (16, 3)
    """
    best = measure(1)
    while best.width < most:
        wider = measure(min(most, WIDER * best.width))
        if wider.seconds > GAIN * best.seconds:
            break
        best = wider
    return best


def trial(
    shop: Workshop,
    points: Sequence[PointConfig],
    images: Images,
    where: population.Layout,
    limit: float,
) -> Trial:
    """A few steps of each pattern of phases on all devices; the fastest of some turns counts.

    What needs more than `limit` bytes on a device is not run: it would take for ever.
    """
    size = shop.sizes.batch_size * STEPS_OF_A_TRIAL
    few = shop.sizes._replace(
        images=min(shop.sizes.images, size),
        labelled=None if shop.sizes.labelled is None else min(shop.sizes.labelled, size),
    )
    programs = population.programs(shop.assemble, few, where)
    company = full_chunk(shop, points, where)
    began = time.monotonic()
    memory = population.compile_all(programs, shop.patterns(), company, images, where)
    compiling = time.monotonic() - began
    if memory > limit:
        return Trial(where.width, math.inf, compiling, memory)
    seconds = 0.0
    for pattern, epochs in shop.patterns().items():
        states = programs.init(company, images)
        turns = []
        for _ in range(1 + TURNS_OF_A_TRIAL):
            began = time.monotonic()
            states, _ = programs.epoch(pattern)(states, company, images, np.int32(1))
            jax.block_until_ready(states)
            turns.append(time.monotonic() - began)
        times_as_many = _steps(shop, pattern, shop.sizes) / _steps(shop, pattern, few)
        seconds += epochs * times_as_many * min(turns[1:]) / where.chunk
    return Trial(where.width, seconds, compiling, memory)


def gib(size: float) -> str:
    """Bytes as people say them.

    >>> gib(3 * 2**30), gib(2**20)
    ('3.0 GiB', '1 MiB')
    """
    return f"{size / 2**30:.1f} GiB" if size >= 2**29 else f"{math.ceil(size / 2**20)} MiB"


def _steps(shop: Workshop, pattern: tuple[int, ...], sizes: streams.Sizes) -> int:
    return step.epoch_steps([shop.routine.phases[i] for i in pattern], sizes)


def full_chunk(
    shop: Workshop, points: Sequence[PointConfig], where: population.Layout
) -> population.Company:
    """A full chunk, as far as shapes and times go: any images may be its labelled ones."""
    chosen = [points[i % len(points)] for i in range(where.chunk)]
    return population.stack(
        [point.config["seed"] for point in chosen],
        [config.numbers(point.config) for point in chosen],
        [np.arange(shop.capacity)] * where.chunk,
        shop.capacity,
        where,
    )
