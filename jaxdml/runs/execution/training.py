"""Training the points of a chunk, from their first or last saved epoch to the last one."""

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdml.runs import interrupt
from jaxdml.runs.execution import checkpoints, finished, refreshing
from jaxdml.runs.planning.cohort_setup import CohortSetup, Network
from jaxdml.runs.planning.points import GridPoint
from jaxdml.train import population
from jaxdml.train.programs import Placed

SECONDS_BETWEEN_CHECKPOINTS = 60.0


@dataclass(frozen=True)
class Trained:
    """A chunk after its last epoch, in host memory; leading axis P."""

    network: Network
    diverged: np.ndarray  # i32[P, 3]
    history: list[dict[str, Any]]  # an epoch each: its number, its phase, and lists of P values
    seconds: float  # of training in this process, compile time included


class Watch(NamedTuple):
    """Who is told of a training, and may stop it."""

    # is told, after each epoch, how many have been done since the last call, and the mean loss
    on_epoch: Callable[[int, float], None]
    stop: Callable[[], int] = lambda: 0  # asked after each epoch; see `interrupt.heeded`
    # has the devices do some work, and waits for it
    devices: Callable[[Callable[[], Any]], Any] = lambda compute: jax.block_until_ready(compute())


def train(
    setup: CohortSetup,
    placed: Placed,
    chunk: Sequence[GridPoint],
    labelled: Sequence[np.ndarray],
    saved: Path,
    watch: Watch,
    every: int | None = None,
) -> Trained:
    """All epochs of some points, from their last checkpoint if there is one.

    What `train` leaves in `saved` is kept until `clean` is called: a run that is cut off before the
    results are written does not train again. Checkpoints are written while the next epoch is
    trained.

    Args:
      setup: their cohort's.
      placed: the same.
      chunk: at most `placed.layout.chunk` points.
      labelled: rows of the training set for each of them.
      saved: the folder of this chunk's checkpoints.
      watch: is told of each epoch.
      every: epochs between checkpoints; `None`: a minute.

    Raises:
      Stopped: where `watch.stop()` was not 0, after a checkpoint.
    """
    began = last_saved = time.monotonic()
    layout, programs, images = placed
    before = checkpoints.read(saved) or checkpoints.Saved(0, [], [])
    done, history = before.epoch, before.history
    if done:
        watch.on_epoch(done, float("nan"))  # these are behind us
    average = chunk[0].setting["eval.parameters"] == "average"
    if done == setup.epochs:
        network = checkpoints.final(setup, saved, len(chunk), average)
        return Trained(network, np.array(before.diverged), history, 0.0)

    y = np.asarray(setup.dataset.train.y, np.int32)
    seeds = [point.setting["seed"] for point in chunk]
    numbers = [point.setting.numbers for point in chunk]
    point_batch = population.stack(seeds, numbers, labelled, y, setup.capacity, layout)
    refresh = refreshing.refresher(setup, placed, point_batch, seeds, numbers, labelled)
    if done:
        restored = checkpoints.restore(saved, done, setup.template(len(chunk)))
        states = population.place_states(restored, layout)
    else:
        states = finished.begun(programs.init(point_batch, images), chunk, setup, layout)
        states = refresh(states, 0)
    with checkpoints.Saver(saved, setup.epochs, chunk, history) as saver:
        for number in range(done + 1, setup.epochs + 1):
            pattern, length = setup.routine.pattern(number), setup.lengths[number - 1]
            program = programs.epoch(pattern, length)
            states, metrics = watch.devices(
                functools.partial(program, states, point_batch, images, np.int32(number))
            )
            states = refresh(states, number)
            phase = "+".join(dict.fromkeys(setup.routine.phases[i].name for i in pattern))
            values = population.unstack(dict(sorted(metrics.items())), len(chunk), layout)
            record = {name: _listed(value) for name, value in values.items()}
            history.append({"epoch": number, "phase": phase} | record)
            finite = values["loss"][np.isfinite(values["loss"])]
            watch.on_epoch(1, float(finite.mean()) if finite.size else float("nan"))
            since = time.monotonic() - last_saved
            due = since > SECONDS_BETWEEN_CHECKPOINTS if every is None else number % every == 0
            stopping = watch.stop()
            if due or stopping or number == setup.epochs:
                kept = population.unstack(states, len(chunk), layout)
                saver.save(number, kept, history)
                last_saved = time.monotonic()
            if stopping:
                saver.wait()
                raise interrupt.Stopped(stopping)
    network = Network(kept.average if average else kept.params, kept.kept)
    return Trained(network, kept.diverged, history, time.monotonic() - began)


def _listed(values: np.ndarray) -> list[float | None]:
    """Values as JSON has them: `None` for what is not finite."""
    return [float(v) if np.isfinite(v) else None for v in values]
