"""Carrying out a plan on a Dask cluster: each worker trains chunks of points on its own devices.

All machines see the run folder and the data under the same paths. A worker writes its checkpoints
and results there, so that a chunk whose worker died goes on elsewhere.
"""

import asyncio
import concurrent.futures
import contextlib
import functools
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import Any

import jax

from jaxdml.options import ConfigError, allow
from jaxdml.runs import interrupt
from jaxdml.runs.execution import checkpoints
from jaxdml.runs.execution.chunk_trainer import Chunk, ChunkTrainer, Size
from jaxdml.runs.planning import loading
from jaxdml.runs.planning.points import Cohort
from jaxdml.runs.scoring.scorer import Scorer
from jaxdml.runs.storage import folder

SECONDS_TO_CONNECT = 5
HALT = ".halt"  # a file in the run folder that asks workers to stop
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
        import dask
        import distributed
    except ImportError as error:
        raise ConfigError("--scheduler needs Dask: pip install 'jaxdml[distributed]'") from error
    logging.getLogger("distributed").setLevel(logging.ERROR)  # a lost worker is replaced
    with contextlib.ExitStack() as stack:
        if scheduler.startswith("local:"):
            count = scheduler.removeprefix("local:")
            if not count.isdigit() or not int(count):
                raise ConfigError(f"--scheduler={scheduler}: say how many workers, as in local:2")
            quiet = {"distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "error"}
            stack.enter_context(dask.config.set(quiet))
            local_cluster = distributed.LocalCluster(
                n_workers=int(count),
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=logging.ERROR,
            )
            scheduler = stack.enter_context(local_cluster).scheduler_address
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
      run_folder: the run folder.
      data_dir: the folder that holds the data sets.
      stop: see `interrupt.heeded`.
      note: says a sentence to the user.
    """

    def __init__(
        self,
        client: Any,
        run_folder: folder.Folder,
        data_dir: Path,
        stop: Callable[[], int],
        note: Callable[[str], None],
    ) -> None:
        # JAX makes this option an attribute as it runs: there is no typed way to read it
        compiled = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
        self.client, self.stop, self.note = client, stop, note
        self.paths = str(run_folder.path.resolve()), str(data_dir.resolve()), compiled
        self.halt = run_folder.path / HALT
        self.halt.unlink(missing_ok=True)
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
        """Has `function(paths, *arguments)` called by a worker, and then `then(result, about)`."""
        future = self.client.submit(function, self.paths, *arguments, pure=False)
        self.waiting[future] = then, about

    def finish(self) -> None:
        """Waits for everything, also for what is submitted meanwhile.

        Raises:
          ConfigError: if workers die again and again, or the scheduler does.
          Stopped: where `stop()` is not 0, once all workers have saved what they have.
        """
        import distributed

        if not self.client.nthreads():
            self.note("the scheduler has no workers yet: waiting for them")
        try:
            self._wait()
        except BaseException as error:
            self.halt.touch()  # whoever is still at work should not be
            if isinstance(error, distributed.KilledWorker):
                raise ConfigError(
                    f"workers died again and again ({error}): give them more memory, or look into "
                    "their logs; the same command goes on where it was"
                ) from error
            gone = concurrent.futures.CancelledError, asyncio.CancelledError
            if isinstance(error, (*gone, distributed.comm.CommClosedError)):
                raise ConfigError(
                    "the scheduler is gone: start it again; the same command goes on where it was"
                ) from error
            raise
        self.halt.unlink(missing_ok=True)
        if self.stop():
            raise interrupt.Stopped(self.stop())

    def _wait(self) -> None:
        import distributed

        while self.waiting:
            if self.stop():
                self.halt.touch()
            with contextlib.suppress(TimeoutError):
                distributed.wait(list(self.waiting), timeout=1, return_when="FIRST_COMPLETED")
            for future in [future for future in self.waiting if future.done()]:
                then, about = self.waiting.pop(future)
                result = future.result()
                if not self.stop():
                    then(result, about)


WorkerPaths = tuple[str, str, str | None]  # run folder, data, compilation cache


@functools.cache
def _trainer(paths: WorkerPaths) -> ChunkTrainer:
    """Returns the chunk trainer of this process, which is kept from task to task."""
    workdir, data_dir, compiled = paths
    if compiled:
        jax.config.update("jax_compilation_cache_dir", compiled)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    run_folder = folder.Folder(Path(workdir))
    return ChunkTrainer(
        run_folder,
        loading.loader(Path(data_dir), run_folder.plan()),
    )


def size(paths: WorkerPaths, members: Cohort, before: Size | None) -> Size:
    """A task: chooses the size of a cohort's chunks on the devices of a worker."""
    allow(*(point.setting for point in members.points))
    with _one_at_a_time:
        return _trainer(paths).size(members, before)


def carry_out(paths: WorkerPaths, chunk: Chunk, finished: Set[str]) -> float:
    """A task: trains a chunk, writes its results, and returns the last epoch's mean loss.

    Another worker that is still at it, as after a lost connection, is waited for, and what it has
    finished is not done again.
    """
    allow(*(point.setting for point in chunk.members.points))
    losses = [float("nan")]
    trainer = _trainer(paths)
    run_folder = trainer.run_folder

    def stop() -> int:
        return signal.SIGTERM if (run_folder.path / HALT).exists() else 0

    points = chunk.members.points
    with (
        _one_at_a_time,
        run_folder.chunk_locked(checkpoints.chunk_name(points)),
        Scorer(0) as scorer,
        contextlib.suppress(interrupt.Stopped),
    ):
        done = {point.id for point in points if run_folder.result(point.id) is not None}
        if not done.issuperset(point.id for point in points) and not stop():
            trainer.carry_out(
                chunk,
                finished | done,
                scorer,
                lambda _, loss: losses.append(loss),
                stop,
                lambda: None,
            )
    return losses[-1]
