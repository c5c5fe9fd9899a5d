"""One cohort at work: its programs, and the training of its points, chunk by chunk."""

import functools
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxdml import config, systems
from jaxdml.evaluate import embed
from jaxdml.options import ConfigError
from jaxdml.runs import folder, interrupt
from jaxdml.train import checkpoint, population, step, streams
from jaxdml.types import (
    Batch,
    Cohort,
    Dataset,
    Images,
    Model,
    Outputs,
    Params,
    PointConfig,
    Routine,
    Static,
    TrainState,
)

SECONDS_BETWEEN_CHECKPOINTS = 60.0


@dataclass(frozen=True)
class Workshop:
    """What all chunks of a cohort share. Nothing is compiled before it is first used."""

    static: Static
    dataset: Dataset
    assemble: population.Assemble  # from a point's numbers
    model: Model
    routine: (
        Routine  # of the first point: names, lengths and pattern of phases are the same for all
    )
    sizes: streams.Sizes
    encode: embed.Encode
    at_a_point: Callable[..., Array] | None  # see `_at_a_point`
    capacity: int  # labelled rows that a point has room for

    @property
    def epochs(self) -> int:
        """How many a training has."""
        return int(self.static["train.epochs"])

    @property
    def bytes_of_a_point(self) -> int:
        """What its state takes."""
        leaves = jax.tree.leaves(_template(self, 1))
        return int(sum(leaf.size * leaf.dtype.itemsize for leaf in leaves))

    def patterns(self) -> dict[tuple[int, ...], int]:
        """The different patterns of phases, and how many epochs each has: a program each."""
        counts: dict[tuple[int, ...], int] = {}
        for number in range(1, self.epochs + 1):
            pattern = self.routine.pattern(number)
            counts[pattern] = counts.get(pattern, 0) + 1
        return counts


class Placed(NamedTuple):
    """A cohort on the devices."""

    where: population.Layout
    programs: population.Programs
    images: Images


def workshop(members: Cohort, dataset: Dataset) -> Workshop:
    """The workshop of a cohort, from any of its points."""
    static = members.static
    shape, classes = dataset.train.x.shape[1:], len(dataset.classes)
    options = dict(static.options)

    def assemble(numbers: Mapping[str, Any]) -> tuple[Model, Routine]:
        return systems.assemble(options | dict(numbers), shape, classes)[:2]

    model, routine = assemble(config.numbers(members.points[0].config))
    sizes = streams.Sizes(
        static["train.batch_size"],
        len(dataset.train.y),
        static.labelled_count,
        config.balanced(options, classes),
    )
    return Workshop(
        static=static,
        dataset=dataset,
        assemble=assemble,
        model=model,
        routine=routine,
        sizes=sizes,
        encode=embed.encoder(model),
        at_a_point=_at_a_point(assemble, model, routine),
        capacity=members.capacity,
    )


def _at_a_point(
    assemble: Callable[[Mapping[str, Any]], tuple[Model, Routine]], model: Model, routine: Routine
) -> Callable[..., Array] | None:
    """The metric loss of embeddings, and what it would be were all of them at their mean.

    Returns:
      `(numbers, z f32[B, D], y i32[B], valid bool[B]) → f32[2]`, or `None` where there is no such
      loss, or where it learns class weights, which cannot be had here.
    """
    term = step.terms(routine).get("metric")
    if term is None or jax.tree.leaves(jax.eval_shape(lambda: term.init(jax.random.key(0), None))):
        return None

    @jax.jit
    def both(numbers: Mapping[str, Any], z: Array, y: Array, valid: Array) -> Array:
        term = step.terms(assemble(numbers)[1])["metric"]
        key = jax.random.key(0)
        params, extra = term.init(key, None)
        batch = Batch(z, y, valid, valid, y)

        def loss(z: Array) -> Array:
            own = {"model": {}, "terms": {"metric": params}}
            return term.value(own, extra, model, Outputs(z, z, None, None), batch, key)[0]

        mean = jnp.mean(z, axis=0, keepdims=True, where=valid[:, None])
        return jnp.stack([loss(z), loss(jnp.broadcast_to(mean, z.shape))])

    return both


@dataclass(frozen=True)
class Trained:
    """A chunk after its last epoch, in host memory; leading axis P."""

    params: Params  # {"model": …, "terms": …}, arrays [P, …]
    diverged: np.ndarray  # i32[P, 3]
    history: list[dict[str, Any]]  # an epoch each: its number, its phase, and lists of P values
    seconds: float  # of training in this process, compile time included


def train(
    shop: Workshop,
    placed: Placed,
    chunk: Sequence[PointConfig],
    labelled: Sequence[np.ndarray],
    saved: Path,
    on_epoch: Callable[[int, float], None],
    stop: Callable[[], int] = lambda: 0,
    every: int | None = None,
    devices: Callable[[Callable[[], Any]], Any] = lambda work: jax.block_until_ready(work()),
) -> Trained:
    """All epochs of some points, from their last checkpoint if there is one.

    What `train` leaves in `saved` is kept until `clean` is called: a run that is cut off before the
    results are written does not train again. Checkpoints are written while the next epoch is
    trained.

    Args:
      shop: their cohort's.
      placed: the same.
      chunk: at most `placed.where.chunk` points.
      labelled: rows of the training set for each of them.
      saved: the folder of this chunk's checkpoints.
      on_epoch: is told, after each epoch, how many epochs have been done since the last call, and
        the mean loss.
      stop: asked after each epoch; see `interrupt.heeded`.
      every: epochs between checkpoints; `None`: a minute.
      devices: has them do some work, and waits for it.

    Raises:
      Stopped: where `stop()` was not 0, after a checkpoint.
    """
    began = last_saved = time.monotonic()
    where, programs, images = placed
    done, history, diverged = 0, [], []
    if (saved / "progress.json").exists():
        progress = folder.read_json(saved / "progress.json")
        done, history, diverged = (progress[k] for k in ("epoch", "history", "diverged"))
        on_epoch(done, float("nan"))  # these are behind us
    if done == shop.epochs:
        params = _restored(saved / "final", _template(shop, len(chunk)).params)
        return Trained(params, np.array(diverged), history, 0.0)

    seeds = [point.config["seed"] for point in chunk]
    numbers = [config.numbers(point.config) for point in chunk]
    company = population.stack(seeds, numbers, labelled, shop.capacity, where)
    if done:
        kept = _restored(saved / f"epoch_{done}", _template(shop, len(chunk)))
        states = population.place_states(kept, where)
    else:
        states = programs.init(company, images)
    with _Saver(saved, shop.epochs, chunk) as saver:
        for number in range(done + 1, shop.epochs + 1):
            pattern = shop.routine.pattern(number)
            program = programs.epoch(pattern)
            states, metrics = devices(
                functools.partial(program, states, company, images, np.int32(number))
            )
            phase = "+".join(dict.fromkeys(shop.routine.phases[i].name for i in pattern))
            values = population.unstack(dict(sorted(metrics.items())), len(chunk), where)
            record = {name: _listed(value) for name, value in values.items()}
            history.append({"epoch": number, "phase": phase} | record)
            finite = values["loss"][np.isfinite(values["loss"])]
            on_epoch(1, float(finite.mean()) if finite.size else float("nan"))
            since = time.monotonic() - last_saved
            due = since > SECONDS_BETWEEN_CHECKPOINTS if every is None else number % every == 0
            stopping = stop()
            if due or stopping or number == shop.epochs:
                kept = population.unstack(states, len(chunk), where)
                saver.save(number, kept, history)
                last_saved = time.monotonic()
            if stopping:
                saver.wait()
                raise interrupt.Stopped(stopping)
    return Trained(kept.params, kept.diverged, history, time.monotonic() - began)


def clean(saved: Path) -> None:
    """Drops what only resuming needed; the parameters stay."""
    (saved / "progress.json").unlink(missing_ok=True)
    for old in saved.glob("epoch_*"):
        shutil.rmtree(old)


def trained_params(shop: Workshop, place: Path, rows: int) -> Params:
    """The parameters of the `rows` points that `train` kept together; leading axis P."""
    return checkpoint.restore(place, _template(shop, rows).params)


def chunk_name(chunk: Sequence[PointConfig]) -> str:
    """The same points in the same order have the same name."""
    return hashlib.sha256(",".join(point.id for point in chunk).encode()).hexdigest()[:12]


def chunks(
    points: Sequence[PointConfig], finished: Set[str], size: int, checkpoints: Path
) -> Iterator[Sequence[PointConfig]]:
    """Points in groups of at most `size`; before them, groups that were cut off, of any size.

    Args:
      points: all of a cohort.
      finished: ids of those that have a result. They come again only in a group that was cut off
        while its results were written.
      size: the room of a chunk.
      checkpoints: the folder of all checkpoints.
    """
    known = {point.id: point for point in points}
    left = {point.id: point for point in points if point.id not in finished}
    for file in sorted(checkpoints.glob("*/progress.json")):
        group = folder.read_json(file)["points"]
        new = set(group) - finished
        if new and left.keys() >= new and known.keys() >= set(group):
            for identity in group:
                left.pop(identity, None)
            yield [known[identity] for identity in group]
    rest = list(left.values())
    for start in range(0, len(rest), size):
        yield rest[start : start + size]


def _template(shop: Workshop, rows: int) -> TrainState:
    """The shapes and dtypes of the states of so many points."""
    one = jax.eval_shape(
        lambda images: step.init(shop.model, shop.routine, jnp.int32(0), images),
        population.described(shop.dataset, population.layout(1)),
    )
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((rows, *leaf.shape), leaf.dtype), one)


def _restored(path: Path, template: Any) -> Any:
    try:
        return checkpoint.restore(path, template)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} is missing or damaged: remove {path.parent} to train its points anew"
        ) from error


class _Saver:
    """Writes checkpoints, one at a time, while training goes on. Use it as a context manager."""

    def __init__(self, saved: Path, total: int, chunk: Sequence[PointConfig]) -> None:
        self.saved, self.total, self.points = saved, total, [point.id for point in chunk]
        self.thread = ThreadPoolExecutor(1, "checkpoint")
        self.writing: Future[None] | None = None

    def __enter__(self) -> "_Saver":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            self.thread.shutdown()

    def save(self, number: int, states: TrainState, history: list[dict[str, Any]]) -> None:
        """Begins to write the states after epoch `number`, as soon as the last one is written."""
        self.wait()
        self.writing = self.thread.submit(
            _save, self.saved, number, self.total, states, list(history), self.points
        )

    def wait(self) -> None:
        """Until it is written.

        Raises:
          OSError: if it could not be.
        """
        if self.writing is not None:
            self.writing.result()


def _save(
    saved: Path,
    number: int,
    total: int,
    states: TrainState,
    history: list[dict[str, Any]],
    points: list[str],
) -> None:
    """A checkpoint counts once progress.json names its epoch; after the last, only parameters."""
    if number == total:
        checkpoint.save(saved / "final", states.params)
    else:
        checkpoint.save(saved / f"epoch_{number}", states)
    progress = {
        "epoch": number,
        "points": points,
        "diverged": states.diverged.tolist(),
        "history": history,
    }
    folder.write_json(saved / "progress.json", progress)
    for old in saved.glob("epoch_*"):
        if old.name != f"epoch_{number}":
            shutil.rmtree(old)


def _listed(values: np.ndarray) -> list[float | None]:
    """Values as JSON has them: `None` for what is not finite."""
    return [float(v) if np.isfinite(v) else None for v in values]
