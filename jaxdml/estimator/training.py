"""Points, trained in memory: no run folder is left."""

import functools
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxdml.options import ConfigError
from jaxdml.runs.execution import sizing, training
from jaxdml.runs.planning import plan
from jaxdml.runs.planning.cohort_setup import CohortSetup, Network, setup_of
from jaxdml.runs.planning.points import Cohort, GridPoint, Static
from jaxdml.settings.setting import Setting
from jaxdml.train import population
from jaxdml.train.programs import Placed
from jaxdml.types import Dataset


class Member(NamedTuple):
    """One training."""

    setting: Setting
    labelled: np.ndarray  # i64[L], rows of the training set whose labels it sees


OnEpoch = Callable[[int, float], None]  # is told how many epochs were done, and their mean loss


def trained(
    members: Sequence[Member], dataset: Dataset, on_epoch: OnEpoch
) -> Iterator[tuple[int, Network | None]]:
    """The number and the network of each member; `None` where training was not finite.

    Members whose settings differ in numbers and labels only share one compiled program, and come
    together, so not in order.

    Args:
      members: at least one.
      dataset: what all of them are trained on.
      on_epoch: is told of each epoch; one of several trainings counts for each of them.
    """
    groups: dict[Static, list[int]] = {}
    for number, member in enumerate(members):
        static = plan.static(_point(number, member), dataset, len(member.labelled))
        groups.setdefault(static, []).append(number)
    for static, numbers in groups.items():
        points = tuple(_point(number, members[number]) for number in numbers)
        labelled = [members[number].labelled for number in numbers]
        cohort = Cohort(static, points, max(1, *map(len, labelled)))
        setup = setup_of(cohort, dataset)
        placed = _placed(setup, cohort)
        size = placed.layout.chunk
        for start in range(0, len(points), size):
            chunk = slice(start, start + size)
            count = len(points[chunk])

            def told(epochs: int, loss: float, count: int = count) -> None:
                on_epoch(epochs * count, loss)

            with tempfile.TemporaryDirectory(prefix="jaxdml") as folder:
                found = training.train(
                    setup,
                    placed,
                    points[chunk],
                    labelled[chunk],
                    Path(folder),
                    training.Watch(told),
                )
            for row, number in enumerate(numbers[chunk]):
                one: Network = jax.tree.map(lambda leaf, row=row: leaf[row], found.network)
                yield number, one if found.diverged[row, 0] < 0 else None


def steps_within(setting: Setting, dataset: Dataset, seconds: float) -> int:
    """How many steps of a setting fit into a time on this machine, by a few steps of it.

    Compiling takes its part of the time, twice: it is done here, and again in the training.

    Args:
      setting: its own number of steps is the most.
      dataset: what it is trained on.
      seconds: above 0.

    Raises:
      ConfigError: if not even a hundred steps fit.
    """
    began = time.monotonic()
    rows = np.flatnonzero(np.asarray(dataset.train.y) >= 0)
    point = _point(0, Member(setting, rows))
    cohort = Cohort(plan.static(point, dataset, len(rows)), (point,), max(1, len(rows)))
    setup, layout = setup_of(cohort, dataset), population.layout(1)
    images = functools.partial(population.place_images, dataset)
    trial = sizing.trial(setup, cohort.points, images, layout, math.inf)
    left = seconds - (time.monotonic() - began) - trial.compiling
    most = int(setting["train.steps"])
    steps = min(most, int(left / trial.seconds * most))
    if steps < LEAST_STEPS:
        needed = (time.monotonic() - began) + trial.compiling + trial.seconds * LEAST_STEPS / most
        raise ConfigError(
            f"max_seconds={seconds:g} is too short: {LEAST_STEPS} steps, which is little, need "
            f"about {math.ceil(needed)} s here"
        )
    return steps


LEAST_STEPS = 100


def _point(number: int, member: Member) -> GridPoint:
    return GridPoint(f"fit{number}", member.setting)


def _placed(setup: CohortSetup, cohort: Cohort) -> Placed:
    setting, count = setup.first.setting, len(cohort.points)
    devices = int(population.layout(1).mesh.size)
    most = math.ceil(count / devices)
    width = sizing.wide(most) if population.accelerated() else 1
    layout = population.layout(width, sizing.rounds(setup, count, width, devices))
    images = functools.partial(population.place_images, setup.dataset)
    share, feed = setting["train.memory_share"], setting["train.feed"]
    return sizing.place_cohort(setup, cohort.points, layout, images, share, feed)
