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
from jaxdml.runs.scoring import early_stopping, validation
from jaxdml.train import population
from jaxdml.train.programs import Placed

SECONDS_BETWEEN_CHECKPOINTS = 60.0


@dataclass(frozen=True)
class Trained:
    """A chunk after its last epoch, in host memory; leading axis P.

    A point that is validated ends where its standing says, with the network that was kept then.
    """

    network: Network
    diverged: np.ndarray  # i32[P, 3]
    history: list[dict[str, Any]]  # an epoch each: its number, its phase, and lists of P values
    seconds: float  # of training in this process, compile time included
    standings: tuple[early_stopping.Standing, ...]  # of each point


class Watch(NamedTuple):
    """Who is told of a training, and may stop it."""

    # is told, after each epoch, how many have been done since the last call, and the mean loss;
    # epochs that an early stop leaves out are counted as done
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
    """All epochs of some points, from their last checkpoint if there is one; see `early_stopping`.

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
    before = checkpoints.read(saved) or checkpoints.Saved(0, [], [], {})
    done, history, setting = before.epoch, before.history, chunk[0].setting
    average = setting["eval.parameters"] == "average"
    points = early_stopping.so_far(history, len(chunk), setting["train.patience"])
    ended = done == setup.epochs or all(standing.stopped for standing in points)
    if done:  # these are behind us
        watch.on_epoch(setup.epochs if ended else done, float("nan"))
    if ended:
        network = checkpoints.final(setup, saved, len(chunk), average)
        return Trained(network, np.array(before.diverged), history, 0.0, points)

    y = np.asarray(setup.dataset.train.y, np.int32)
    seeds = [point.setting["seed"] for point in chunk]
    numbers = [point.setting.numbers for point in chunk]
    point_batch = population.stack(seeds, numbers, labelled, y, setup.capacity, layout)
    refresh = refreshing.refresher(setup, placed, point_batch, seeds, numbers, labelled)
    validated = setting["train.validate_every"] is not None
    template, kept = setup.template(len(chunk)), None
    if done and validated:
        both = template, template._replace(opt={})
        restored, kept = checkpoints.restore(saved, done, both)
        states = population.place_states(restored, layout)
    elif done:
        states = population.place_states(checkpoints.restore(saved, done, template), layout)
    else:
        states = finished.begun(programs.init(point_batch, images), chunk, setup, layout)
        states = refresh(states, 0)
        if validated:
            kept = population.unstack(states._replace(opt={}), len(chunk), layout)
    standings = early_stopping.Standings(points, kept)
    point_batch = population.only(point_batch, standings.running, layout)
    with checkpoints.Saver(saved, setup.epochs, chunk, history) as saver:
        for number in range(done + 1, setup.epochs + 1):
            running = standings.running
            pattern, length = setup.routine.pattern(number), setup.lengths[number - 1]
            program = programs.epoch(pattern, length)
            states, metrics = watch.devices(
                functools.partial(program, states, point_batch, images, np.int32(number))
            )
            states = refresh(states, number)
            phase = "+".join(dict.fromkeys(setup.routine.phases[i].name for i in pattern))
            values = population.unstack(dict(sorted(metrics.items())), len(chunk), layout)
            record = {"epoch": number, "phase": phase}
            record |= {name: _listed(value, running) for name, value in values.items()}
            history.append(record)
            if early_stopping.due(setting, number, setup.epochs):
                now = population.unstack(states._replace(opt={}), len(chunk), layout)
                networks = Network(now.average if average else now.params, now.kept)
                record["validation"] = watch.devices(
                    functools.partial(_validated, setup, chunk, networks, labelled, running)
                )
                standings = standings.after(now, record, setting)
                point_batch = population.only(point_batch, standings.running, layout)
            last = number == setup.epochs or not standings.running.any()
            finite = values["loss"][running & np.isfinite(values["loss"])]
            loss = float(finite.mean()) if finite.size else float("nan")
            watch.on_epoch(setup.epochs - number + 1 if last else 1, loss)
            since = time.monotonic() - last_saved
            due = since > SECONDS_BETWEEN_CHECKPOINTS if every is None else number % every == 0
            stopping = watch.stop()
            if due or stopping or last:
                kept = standings.kept if last else None
                trained = kept or population.unstack(states, len(chunk), layout)
                saver.save(number, trained, history, standings.kept, last)
                last_saved = time.monotonic()
            if stopping:
                saver.wait()
                raise interrupt.Stopped(stopping)
            if last:
                break
    network = Network(trained.average if average else trained.params, trained.kept)
    seconds = time.monotonic() - began
    diverged = np.asarray(trained.diverged)
    return Trained(network, diverged, history, seconds, standings.points)


def _validated(
    setup: CohortSetup,
    chunk: Sequence[GridPoint],
    networks: Network,
    labelled: Sequence[np.ndarray],
    running: np.ndarray,
) -> list[float | None]:
    """The validation accuracy of each point; `None` of those that have stopped."""

    def accuracy(row: int) -> float | None:
        network = jax.tree.map(lambda leaf: leaf[row], networks)
        return validation.accuracy(setup, chunk[row].setting, network, labelled[row])

    return [accuracy(row) if running[row] else None for row in range(len(chunk))]


def _listed(values: np.ndarray, running: np.ndarray) -> list[float | None]:
    """Values as JSON has them: `None` for what is not finite, and for points that have stopped."""
    return [
        float(v) if np.isfinite(v) and r else None for v, r in zip(values, running, strict=True)
    ]
