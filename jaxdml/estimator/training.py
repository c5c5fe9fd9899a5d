"""One point, trained in memory: no run folder is left."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from jaxdml.runs.execution import sizing, training
from jaxdml.runs.planning import plan
from jaxdml.runs.planning.cohort_setup import Network, setup_of
from jaxdml.runs.planning.points import Cohort, GridPoint
from jaxdml.settings.setting import Setting
from jaxdml.train import population
from jaxdml.types import Dataset


def trained(
    setting: Setting, dataset: Dataset, on_epoch: Callable[[int, float], None]
) -> tuple[Network, bool]:
    """The network of a setting, and whether its training stayed finite.

    Args:
      setting: what is trained.
      dataset: its training images, all of whose labels are used.
      on_epoch: is told, after each epoch, how many were done, and the mean loss.
    """
    rows = np.flatnonzero(np.asarray(dataset.train.y) >= 0)
    point = GridPoint("fit", setting)
    static = plan.static(point, dataset, len(rows))
    members = Cohort(static, (point,), max(1, len(rows)))
    setup = setup_of(members, dataset)
    placed = sizing.place_cohort(
        setup,
        members.points,
        population.layout(1),
        lambda layout: population.place_images(dataset, layout),
        setting["train.memory_share"],
        setting["train.feed"],
    )
    with tempfile.TemporaryDirectory(prefix="jaxdml") as folder:
        watch = training.Watch(on_epoch)
        found = training.train(setup, placed, members.points, [rows], Path(folder), watch)
    first: Network = jax.tree.map(lambda leaf: leaf[0], found.network)
    return first, bool(found.diverged[0, 0] < 0)
