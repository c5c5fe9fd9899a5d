"""Scores of embeddings: here, or in worker processes while the next points are trained."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future, wait
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple, Self

import loky

from jaxdml.evaluate import classifiers, neighbours
from jaxdml.evaluate.protocols import Embedded, find_protocol
from jaxdml.evaluate.score import Score, evaluate
from jaxdml.options import allow
from jaxdml.runs.scoring.embedding import EmbeddedPoint
from jaxdml.train import population

SECONDS_TO_START = 5.0  # of worker processes, all in all
SECONDS_OF_IDLENESS = 10  # after which a worker ends, also when this process was killed
MOST_WAITING = 64  # points whose embeddings are kept in memory
ON_DEVICE: classifiers.Table = {"knn": lambda options: neighbours.KNeighbors(options.neighbours)}


Scores = list[dict[str, Any]]


class Order(NamedTuple):
    """What is to be scored, and who is told."""

    embedded: Mapping[str, Embedded]
    protocols: Sequence[str]
    classifiers: Sequence[str]
    options: classifiers.Options
    done: Callable[[Scores], None]

    @property
    def is_work(self) -> bool:
        """Whether workers have work: a classifier to fit, or a protocol that fits none."""
        fitted = (find_protocol(name).task is not None for name in self.protocols)
        return bool(self.classifiers) or not all(fitted)


class Scorer:
    """Scores embeddings by protocols and classifiers. Use it as a context manager.

    The first point is scored at once, in this process. If what is left would take longer than
    worker processes take to start, it goes to them, and is done while others are trained.
    On accelerators nearest neighbours are found there, at once.

    Args:
      count: how many points will be scored.
      workers: processes; `None`: one for each core.
    """

    def __init__(self, count: int, workers: int | None = None) -> None:
        self.left, self.workers = count, workers or loky.cpu_count()
        self.pool: loky.ProcessPoolExecutor | None = None
        self.waiting: dict[Future[list[Score]], Order] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=kind is None, kill_workers=kind is not None)

    @property
    def busy(self) -> bool:
        """Whether something is still to be scored."""
        return bool(self.waiting)

    def submit(
        self,
        point: EmbeddedPoint,
        done: Callable[[Scores], None],
        only: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """Has a point scored as its configuration says, now or later.

        Args:
          point: with its embeddings; without any, there are no scores.
          done: is called with the scores, in this thread.
          only: the protocols, classifiers and embeddings to score now (`eval.protocols` and so on),
            where these are not all that its configuration names.
        """
        while len(self.waiting) >= MOST_WAITING:
            self.collect(1.0)
        self.left -= 1
        if not point.embedded:
            done([])
            return
        c = point.result["config"] | only
        options = classifiers.Options(*(c[f"eval.{o}"] for o in classifiers.Options._fields))
        kinds = only.get("eval.embeddings", ())
        embedded = {kind: point.embedded[kind] for kind in kinds if kind in point.embedded}
        order = Order(
            embedded or point.embedded, c["eval.protocols"], c["eval.classifiers"], options, done
        )
        if population.accelerated():
            order = _on_device(order)
        if self.pool is not None and order.is_work:
            try:
                self.waiting[self.pool.submit(_evaluated, *order[:-1])] = order
            except BrokenExecutor:
                self.pool = None
            else:
                return
        began = time.monotonic()
        _score_here(order)
        if (time.monotonic() - began) * self.left > SECONDS_TO_START:
            self.pool = loky.ProcessPoolExecutor(self.workers, timeout=SECONDS_OF_IDLENESS)

    def collect(self, seconds: float = 0.0) -> None:
        """Hands over the scores that are ready, or become so in the given time."""
        if self.waiting:
            wait(self.waiting, seconds, return_when="FIRST_COMPLETED")
        for future in [future for future in self.waiting if future.done()]:
            order = self.waiting.pop(future)
            try:
                order.done([score.record() for score in future.result()])
            except BrokenExecutor:  # a worker was killed, perhaps for want of memory
                self.pool = None
                _score_here(order)


def _evaluated(*order: Any) -> list[Score]:
    """In a worker process, whose names of parts this process has let pass already."""
    allow(*order[1:3])
    return evaluate(*order)


def _score_here(order: Order) -> None:
    scores = evaluate(*order[:-1])
    order.done([score.record() for score in scores])


def _on_device(order: Order) -> Order:
    """Scores by the classifiers of `ON_DEVICE`, and returns an order for the rest."""
    device_classifiers = [name for name in order.classifiers if name in ON_DEVICE]
    fitted = [name for name in order.protocols if find_protocol(name).task is not None]
    scores = evaluate(order.embedded, fitted, device_classifiers, order.options, ON_DEVICE)
    kinds = list(order.embedded)

    def rank(score: dict[str, Any]) -> tuple[int, ...]:
        """As `evaluate` orders them; a protocol that fits nothing has one word for classifiers."""
        name = score["classifier"]
        return (
            kinds.index(score["embedding"]),
            order.protocols.index(score["protocol"]),
            order.classifiers.index(name) if name in order.classifiers else 0,
        )

    def done(others: Scores) -> None:
        order.done(sorted([score.record() for score in scores] + others, key=rank))

    left = [name for name in order.classifiers if name not in ON_DEVICE]
    return order._replace(classifiers=left, done=done)
