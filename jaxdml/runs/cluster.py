"""Carrying out a plan on a Dask cluster: each worker trains chunks of points on its own devices.

All machines see the run folder and the data under the same paths. A worker writes its checkpoints
and results there, so that a chunk whose worker died goes on elsewhere.
"""

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import Any

import jax

from jaxdml.options import ConfigError
from jaxdml.runs import folder, interrupt, scoring, work
from jaxdml.runs import plan as planning
from jaxdml.types import Cohort

SECONDS_TO_CONNECT = 5
_one_at_a_time = threading.Lock()


@contextlib.contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """A client of a scheduler.

    Args:
      scheduler: its address, like `tcp://host:8786`, or `local:N` for N worker processes here.

    Raises:
      ConfigError: if there is no such scheduler, or Dask is not installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise ConfigError("--scheduler needs Dask: pip install 'jaxdml[distributed]'") from error
    logging.getLogger("distributed").setLevel(logging.ERROR)  # a lost worker is replaced
    with contextlib.ExitStack() as stack:
        if scheduler.startswith("local:"):
            count = scheduler.removeprefix("local:")
            if not count.isdigit() or not int(count):
                raise ConfigError(f"--scheduler={scheduler}: say how many workers, as in local:2")
            here = distributed.LocalCluster(
                n_workers=int(count),
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=logging.ERROR,
                env={"DASK_LOGGING__DISTRIBUTED": "error"},
            )
            scheduler = stack.enter_context(here).scheduler_address
        try:
            client = distributed.Client(scheduler, timeout=SECONDS_TO_CONNECT)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"--scheduler={scheduler} cannot be reached: name the address of a Dask "
                "scheduler, like tcp://host:8786, or local:2"
            ) from error
        yield stack.enter_context(client)


class Tasks:
    """Work for a cluster, and what is done with its results.

    Args:
      client: from `connected`.
      place: the run folder.
      data_dir: the folder that holds the data sets.
      stop: see `interrupt.heeded`.
    """

    def __init__(
        self, client: Any, place: folder.Folder, data_dir: Path, stop: Callable[[], int]
    ) -> None:
        compiled = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
        self.client, self.stop = client, stop
        self.here = str(place.path.resolve()), str(data_dir.resolve()), compiled
        self.waiting: dict[Any, tuple[Callable[[Any, Any], None], Any]] = {}

    @property
    def workers(self) -> int:
        """How many there are now, at least 1."""
        return max(1, len(self.client.nthreads()))

    def submit(
        self,
        then: Callable[[Any, Any], None],
        about: Any,
        function: Callable[..., Any],
        *arguments: Any,
    ) -> None:
        """Has `function(here, *arguments)` called by a worker, and then `then(result, about)`."""
        future = self.client.submit(function, self.here, *arguments, pure=False)
        self.waiting[future] = then, about

    def finish(self) -> None:
        """Waits for everything, also for what is submitted meanwhile.

        Raises:
          Stopped: where `stop()` is not 0. What workers have saved goes on another time.
        """
        import distributed

        while self.waiting:
            if self.stop():
                self.client.cancel(list(self.waiting), force=True)
                raise interrupt.Stopped(self.stop())
            with contextlib.suppress(TimeoutError):
                distributed.wait(list(self.waiting), timeout=1, return_when="FIRST_COMPLETED")
            for future in [future for future in self.waiting if future.done()]:
                then, about = self.waiting.pop(future)
                then(future.result(), about)


Here = tuple[str, str, str | None]  # run folder, data, compilation cache


@functools.cache
def _worker(here: Here) -> work.Worker:
    """This process's, kept from task to task."""
    workdir, data_dir, compiled = here
    if compiled:
        jax.config.update("jax_compilation_cache_dir", compiled)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    return work.Worker(folder.Folder(Path(workdir)), planning.loader(Path(data_dir)))


def size(here: Here, members: Cohort, before: work.Size | None) -> work.Size:
    """A task: how a cohort travels on the devices of a worker."""
    with _one_at_a_time:
        return _worker(here).size(members, before)


def carry_out(here: Here, chunk: work.Chunk, finished: Set[str]) -> float:
    """A task: trains a chunk, and writes its results; the last epoch's mean loss."""
    losses = [float("nan")]
    with _one_at_a_time, scoring.Scorer(0) as scorer:
        _worker(here).carry_out(
            chunk, finished, scorer, lambda _, loss: losses.append(loss), lambda: 0, lambda: None
        )
    return losses[-1]
