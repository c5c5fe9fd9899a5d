"""One cohort at work: its programs, and the training of its points, chunk by chunk."""

import functools
import hashlib
import json
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

from jaxdml import config
from jaxdml.evaluate import embed
from jaxdml.options import ConfigError
from jaxdml.runs import folder, interrupt, methods, refreshing
from jaxdml.train import checkpoint, epoch, population, programs, step, streams
from jaxdml.types import (
    Cohort,
    Dataset,
    Method,
    Model,
    Params,
    Point,
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
    assemble: programs.Assemble  # from a point's numbers
    method: Method  # of the first point: names, lengths and pattern of phases are the same for all
    sizes: streams.Sizes
    encode: embed.Encode
    at_a_point: Callable[..., Array] | None  # see `_at_a_point`
    capacity: int  # labelled rows that a point has room for

    @property
    def epochs(self) -> int:
        """How many a training has."""
        return config.epochs(dict(self.static.options))

    @property
    def model(self) -> Model:
        """Of the first point, as all points have it."""
        return self.method.model

    @property
    def routine(self) -> Routine:
        """The same."""
        return self.method.routine

    @property
    def lengths(self) -> list[int]:
        """How many steps each epoch has."""
        return epoch.lengths(self.routine, self.sizes, self.epochs)

    @property
    def bytes_of_a_point(self) -> int:
        """What its state takes."""
        leaves = jax.tree.leaves(_template(self, 1))
        return int(sum(leaf.size * leaf.dtype.itemsize for leaf in leaves))

    def embeddings(self, latents: np.ndarray) -> np.ndarray:
        """What losses and classifiers read of latents, f32[N, D] each."""
        return np.asarray(self.model.embedding(jnp.asarray(latents)))

    def patterns(self) -> dict[tuple[tuple[int, ...], int], int]:
        """Pattern of phases and number of steps → how many epochs have both: a program each."""
        counts: dict[tuple[tuple[int, ...], int], int] = {}
        for number, length in enumerate(self.lengths, 1):
            kind = self.routine.pattern(number), length
            counts[kind] = counts.get(kind, 0) + 1
        return counts


class Placed(NamedTuple):
    """A cohort on the devices."""

    where: population.Layout
    programs: programs.Programs
    images: Any  # the training set's


def workshop(members: Cohort, dataset: Dataset) -> Workshop:
    """The workshop of a cohort, from any of its points."""
    static = members.static
    options = dict(static.options)
    assemble = methods.assembler(options, dataset)
    method = assemble(config.numbers(members.points[0].config))
    return Workshop(
        static=static,
        dataset=dataset,
        assemble=assemble,
        method=method,
        sizes=methods.sizes_of(options, dataset, static.labelled_count, method.routine),
        encode=embed.encoder(method.model),
        at_a_point=_at_a_point(assemble, method),
        capacity=members.capacity,
    )


def _at_a_point(assemble: programs.Assemble, method: Method) -> Callable[..., Array] | None:
    """The metric loss of embeddings, and what it would be were all of them at their mean.

    Returns:
      `(numbers, z f32[B, D], y i32[B], valid bool[B]) → f32[2]`, or `None` where there is no such
      loss, or where it learns class weights, which cannot be had here.
    """
    names = [name for name, one in step.terms(method.routine).items() if one.of_embeddings]
    if not names:
        return None

    @jax.jit
    def both(numbers: Mapping[str, Any], z: Array, y: Array, valid: Array) -> Array:
        term = step.terms(assemble(numbers).routine)[names[0]]

        def loss(z: Array) -> Array:
            assert term.of_embeddings is not None
            return term.of_embeddings(z, y, valid)

        mean = jnp.mean(z, axis=0, keepdims=True, where=valid[:, None])
        return jnp.stack([loss(z), loss(jnp.broadcast_to(mean, z.shape))])

    return both


class Network(NamedTuple):
    """What is scored and kept of a trained network; a leading axis P where there are several."""

    params: Params  # {"model": …, "terms": …}: the last ones, or the average of all steps
    kept: Any  # {term: …}; `None` where it was not written


@dataclass(frozen=True)
class Trained:
    """A chunk after its last epoch, in host memory; leading axis P."""

    network: Network
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
    done, diverged = 0, []
    history: list[dict[str, Any]] = []
    if (saved / "progress.json").exists():
        progress = folder.read_json(saved / "progress.json")
        done, diverged = (progress[k] for k in ("epoch", "diverged"))
        history = progress.get("history") or _read_history(saved)[:done]
        on_epoch(done, float("nan"))  # these are behind us
    average = chunk[0].config["eval.parameters"] == "average"
    if done == shop.epochs:
        try:
            network = networks(shop, saved / "final", len(chunk), average)
        except (OSError, ValueError) as error:
            raise ConfigError(_damaged(saved / "final")) from error
        return Trained(network, np.array(diverged), history, 0.0)

    y = np.asarray(shop.dataset.train.y, np.int32)
    seeds = [point.config["seed"] for point in chunk]
    numbers = [config.numbers(point.config) for point in chunk]
    company = population.stack(seeds, numbers, labelled, y, shop.capacity, where)
    refresh = refreshing.refresher(shop, placed, company, seeds, numbers, labelled)
    if done:
        try:
            kept = checkpoint.restore(saved / f"epoch_{done}", _template(shop, len(chunk)))
        except (OSError, ValueError) as error:
            raise ConfigError(_damaged(saved / f"epoch_{done}")) from error
        states = population.place_states(kept, where)
    else:
        states = refresh(programs.init(company, images), 0)
    with _Saver(saved, shop.epochs, chunk, history) as saver:
        for number in range(done + 1, shop.epochs + 1):
            pattern, length = shop.routine.pattern(number), shop.lengths[number - 1]
            program = programs.epoch(pattern, length)
            states, metrics = devices(
                functools.partial(program, states, company, images, np.int32(number))
            )
            states = refresh(states, number)
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
    network = Network(kept.average if average else kept.params, kept.kept)
    return Trained(network, kept.diverged, history, time.monotonic() - began)


def clean(saved: Path) -> None:
    """Drops what only resuming needed; the parameters stay."""
    for file in ("progress.json", "history.jsonl"):
        (saved / file).unlink(missing_ok=True)
    for old in saved.glob("epoch_*"):
        shutil.rmtree(old)


def networks(shop: Workshop, path: Path, rows: int, average: bool) -> Network:
    """What `train` kept of the `rows` points that were trained together; leading axis P.

    Args:
      shop: their cohort's.
      path: the folder `final` of their checkpoints.
      rows: how many they are.
      average: whether the average of the weights is wanted, in the place of the last ones.

    Raises:
      OSError, ValueError: if it is missing or damaged.
    """
    template = _template(shop, rows)
    beside = path.with_name("final_kept")
    kept = {"average": template.average, "kept": template.kept}
    if jax.tree.leaves(kept) and (beside.exists() or average):
        kept = checkpoint.restore(beside, kept)
    elif jax.tree.leaves(kept):
        kept["kept"] = None  # of a run that was made before it was written
    params = kept["average"] if average else checkpoint.restore(path, template.params)
    return Network(params, kept["kept"])


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
    zero = jnp.zeros((), jnp.int32)
    any_point = Point(zero, {}, zero[None], zero[None], zero)
    one = jax.eval_shape(
        lambda images: step.init(shop.method, any_point, images),
        population.described(shop.dataset, population.layout(1)),
    )
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((rows, *leaf.shape), leaf.dtype), one)


def _damaged(path: Path) -> str:
    return f"{path} is missing or damaged: remove {path.parent} to train its points anew"


def _read_history(saved: Path) -> list[dict[str, Any]]:
    lines = (saved / "history.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


class _Saver:
    """Writes checkpoints, one at a time, while training goes on. Use it as a context manager."""

    def __init__(
        self,
        saved: Path,
        total: int,
        chunk: Sequence[PointConfig],
        history: Sequence[Mapping[str, Any]],
    ) -> None:
        self.saved, self.total, self.points = saved, total, [point.id for point in chunk]
        self.written = 0  # records of the history
        if history:  # what was cut off may have written more than it counted
            self._write(history, "w")
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
        self.writing = self.thread.submit(self._save, number, states, list(history))

    def _save(self, number: int, states: TrainState, history: list[dict[str, Any]]) -> None:
        self._write(history, "a" if self.written else "w")
        _save(self.saved, number, self.total, states, self.points)

    def _write(self, history: Sequence[Mapping[str, Any]], mode: str) -> None:
        """Adds what is new: a thousand epochs are not written a thousand times."""
        self.saved.mkdir(parents=True, exist_ok=True)
        with (self.saved / "history.jsonl").open(mode) as file:
            file.writelines(f"{json.dumps(record)}\n" for record in history[self.written :])
        self.written = len(history)

    def wait(self) -> None:
        """Until it is written.

        Raises:
          OSError: if it could not be.
        """
        if self.writing is not None:
            self.writing.result()


def _save(saved: Path, number: int, total: int, states: TrainState, points: list[str]) -> None:
    """A checkpoint counts once progress.json names its epoch; after the last, less is kept."""
    if number == total:
        checkpoint.save(saved / "final", states.params)
        beside = {"average": states.average, "kept": states.kept}
        if jax.tree.leaves(beside):
            checkpoint.save(saved / "final_kept", beside)
    else:
        checkpoint.save(saved / f"epoch_{number}", states)
    progress = {"epoch": number, "points": points, "diverged": states.diverged.tolist()}
    folder.write_json(saved / "progress.json", progress)
    for old in saved.glob("epoch_*"):
        if old.name != f"epoch_{number}":
            shutil.rmtree(old)


def _listed(values: np.ndarray) -> list[float | None]:
    """Values as JSON has them: `None` for what is not finite."""
    return [float(v) if np.isfinite(v) else None for v in values]
