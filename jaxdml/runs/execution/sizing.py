"""How many points of a cohort travel together, and whether their images lie on the devices: by the
memory of a device, and by trial.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdml.options import ConfigError
from jaxdml.runs.planning.cohort_setup import CohortSetup
from jaxdml.runs.planning.points import GridPoint
from jaxdml.train import epoch, population, streams
from jaxdml.train import programs as compiled
from jaxdml.train.programs import Placed

STEPS_OF_A_CHUNK = 10_000  # one after the other on a device: seconds to minutes of work
MOST_ROUNDS = 32  # all states of a chunk lie in memory, more than once
STEPS_OF_A_TRIAL = 8
TURNS_OF_A_TRIAL = 3
WIDER = 4  # from one trial's width to the next
WIDE = 64  # points at once on an accelerator: more are hardly faster a point (an H100)
GAIN = 0.95  # of the time a point: what is not faster than that is not taken
# train.feed → whether batches come from the host, in the order in which it is tried
FED = {"auto": (False, True), "device": (False,), "host": (True,)}

PlaceImages = Callable[[population.Layout], Any]  # the training set, as a layout wants it


class Trial(NamedTuple):
    """What a few steps of a cohort took, at some width."""

    width: int
    seconds: float  # that all epochs of one point will take, when the devices are full
    compiling: float  # seconds
    memory: int  # bytes on each device
    images: int = 0  # so many of them are images: all of them, or two blocks that the host feeds
    fed: bool = False  # whether it does


def place_cohort(
    setup: CohortSetup,
    points: Sequence[GridPoint],
    layout: population.Layout,
    images: PlaceImages,
    share: float,
    feed: str,
) -> Placed:
    """Compiles a cohort's programs and places its images, in a layout that fits the devices.

    Args:
      setup: the cohort's.
      points: some of its points.
      layout: as large as is wanted. Where the programs need more memory, points follow in fewer
        rounds; then batches are fed from the host, if that is enough and `feed` lets them; then
        rounds are narrower.
      images: places its training set.
      share: of the memory of each device, at most 1.
      feed: `auto`, `device` or `host`.

    Raises:
      ConfigError: if a single point needs more.
    """
    limit = share * population.memory(layout)
    fed = layout._replace(fed=True)
    if not layout.fed and (feed == "host" or (feed == "auto" and size(setup) > limit)):
        layout = fed
    while True:
        programs = compiled.programs(setup.assemble, setup.sizes, layout)
        point_batch = full_chunk(setup, points, layout)
        described = population.described(setup.dataset, layout)
        needed = compiled.compile_all(programs, setup.patterns(), point_batch, described, layout)
        if needed <= limit:
            return Placed(layout, programs, images(layout))
        if layout.rounds > 1:
            fewer = int(layout.rounds * limit / needed)
            layout = layout._replace(rounds=max(1, min(fewer, layout.rounds - 1)))
        elif feed == "auto" and not layout.fed and not too_wide(setup, layout.width, needed, limit):
            layout = layout._replace(rounds=fed.rounds, fed=True)
        elif layout.width > 1:
            layout = layout._replace(width=layout.width // 2)
        else:
            raise ConfigError(_too_much(needed, size(setup), share, limit, layout.fed))


def _too_much(needed: int, images: int, share: float, limit: float, fed: bool) -> str:
    allowed = f"train.memory_share={share} allows {gib(limit)}"
    if fed:
        return (
            f"a single point needs {gib(needed)} on a device, with batches fed from the host, but "
            f"{allowed}: take a smaller train.batch_size or model.hidden, or a larger share"
        )
    return (
        f"a single point needs {gib(needed)} on a device, {gib(images)} of it training images, but "
        f"{allowed}: set train.feed to auto or host, which leaves the images on the host"
    )


def images_on_a_device(
    setup: CohortSetup,
    sizes: streams.Sizes,
    points: Sequence[GridPoint],
    layout: population.Layout,
    patterns: Iterable[tuple[tuple[int, ...], int]],
) -> int:
    """Bytes of images that lie on each device: all of them, or two blocks if the host feeds them.

    Args:
      setup, points, layout: as for `place_cohort`.
      sizes: of the epochs that are trained.
      patterns: of phases, and how many steps these epochs have.
    """
    if not layout.fed:
        return size(setup)
    programs = compiled.programs(setup.assemble, sizes, layout)
    point_batch = full_chunk(setup, points, layout)
    images = population.described(setup.dataset, layout)
    return 2 * max(programs.epoch(*p).ahead(point_batch, images) for p in patterns)


def too_wide(setup: CohortSetup, width: int, needed: int, limit: float) -> bool:
    """Says whether several points at once need more than `limit` bytes, even without images."""
    return width > 1 and needed - size(setup) > limit


def size(setup: CohortSetup) -> int:
    """Bytes of a cohort's training images."""
    x = setup.dataset.train.x
    return math.prod(x.shape) * int(x.dtype.itemsize)


def rounds(setup: CohortSetup, points: int, width: int, devices: int) -> int:
    """How many groups of points a device trains before their results are written.

    Long trainings are written one by one, short ones many at a time.

    Args:
      setup: the cohort's.
      points: of the whole cohort.
      width, devices: a group has so many points on each device.
    """
    steps = sum(setup.lengths)
    most = math.ceil(points / (width * devices))
    count = max(1, min(most, MOST_ROUNDS, STEPS_OF_A_CHUNK // steps))
    return 1 << (count - 1).bit_length()  # few different programs; rounds without points are free


def wide(points: int) -> int:
    """How many points a device trains at once: groups of nearly equal size, of at most `WIDE`.

    Args:
      points: that a device has in all.

    >>> wide(10), wide(64), wide(70)
    (10, 64, 35)
    """
    groups = math.ceil(points / WIDE)
    return math.ceil(points / groups)


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
    setup: CohortSetup,
    points: Sequence[GridPoint],
    images: PlaceImages,
    layout: population.Layout,
    limit: float,
) -> Trial:
    """A few steps of each pattern of phases on all devices; the fastest of some turns counts.

    What needs more than `limit` bytes on a device is not run: it would take for ever.
    """
    if not layout.fed and size(setup) > limit:
        return Trial(layout.width, math.inf, 0.0, size(setup), size(setup))
    most = setup.sizes.batch_size * STEPS_OF_A_TRIAL
    trial_sizes = setup.sizes._replace(
        images=min(setup.sizes.images, setup.sizes.all_batch_size * STEPS_OF_A_TRIAL),
        labelled=None if setup.sizes.labelled is None else min(setup.sizes.labelled, most),
        epoch=None if setup.sizes.epoch is None else min(setup.sizes.epoch, STEPS_OF_A_TRIAL),
    )
    patterns = {pattern: _steps(setup, pattern, trial_sizes) for pattern, _ in setup.patterns()}
    programs = compiled.programs(setup.assemble, trial_sizes, layout)
    point_batch = full_chunk(setup, points, layout)
    began = time.monotonic()
    described = population.described(setup.dataset, layout)
    memory = compiled.compile_all(programs, patterns.items(), point_batch, described, layout)
    compiling = time.monotonic() - began
    image_bytes = images_on_a_device(setup, trial_sizes, points, layout, patterns.items())
    if memory > limit:
        return Trial(layout.width, math.inf, compiling, memory, image_bytes, layout.fed)
    placed = images(layout)
    seconds = 0.0
    for (pattern, steps), epochs in setup.patterns().items():
        states = programs.init(point_batch, placed)
        turns = []
        for _ in range(1 + TURNS_OF_A_TRIAL):
            began = time.monotonic()
            program = programs.epoch(pattern, patterns[pattern])
            states, _ = program(states, point_batch, placed, np.int32(1))
            jax.block_until_ready(states)
            turns.append(time.monotonic() - began)
        times_as_many = steps / patterns[pattern]
        seconds += epochs * times_as_many * min(turns[1:]) / layout.chunk
    return Trial(layout.width, seconds, compiling, memory, image_bytes, layout.fed)


def gib(size: float) -> str:
    """Bytes as people say them.

    >>> gib(3 * 2**30), gib(2**20)
    ('3.0 GiB', '1 MiB')
    """
    return f"{size / 2**30:.1f} GiB" if size >= 2**29 else f"{math.ceil(size / 2**20)} MiB"


def _steps(setup: CohortSetup, pattern: tuple[int, ...], sizes: streams.Sizes) -> int:
    return epoch.epoch_steps([setup.routine.phases[i] for i in pattern], sizes)


def full_chunk(
    setup: CohortSetup, points: Sequence[GridPoint], layout: population.Layout
) -> population.PointBatch:
    """Makes the batch of a full chunk to measure with: points repeat, any images are labelled."""
    chosen = [points[i % len(points)] for i in range(layout.chunk)]
    return population.stack(
        [point.setting["seed"] for point in chosen],
        [point.setting.numbers for point in chosen],
        [np.arange(setup.capacity)] * layout.chunk,
        np.asarray(setup.dataset.train.y, np.int32),
        setup.capacity,
        layout,
    )
