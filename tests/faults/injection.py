"""A fault within a running command: of its process, its disk, its folder, or its streams.

`arm` is called in a process that is about to run a command. At a call of a function that only one
part of the work makes, the fault happens: at once, or a moment later in the midst of it.
"""

import contextlib
import ctypes
import errno
import fcntl
import importlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# a part of the work → a function that it calls, and how often it does so in the grid of `matrix`
MOMENTS = {
    "planning": ("jaxdml.runs.planning.plan:plan", 1),
    "compiling": ("jaxdml.runs.execution.chunk_trainer:ChunkTrainer._place", 4),
    "training": ("jaxdml.train.population:unstack", 8),
    "checkpointing": ("jaxdml.train.checkpoint:save", 8),
    "refreshing": ("jaxdml.runs.execution.refreshing:of_a_point", 12),
    "scoring": ("jaxdml.runs.execution.chunk_trainer:embed_point", 4),
    "writing": ("jaxdml.runs.storage.folder:Folder.write_result", 4),
    "reporting": ("jaxdml.report.write:report", 1),
}
CONTROL = Path("/sys/fs/cgroup")
FEW = 1 << 20  # bytes
LONGEST = 0.05  # seconds from the call to the fault


def arm(fault: str, moment: str, workdir: str, seed: int) -> None:
    """Has a fault happen once, at a call that the seed draws."""
    draw, folder = random.Random(seed), Path(workdir)
    path, calls = MOMENTS[moment]
    at, delay = draw.randrange(calls), draw.choice((0.0, draw.uniform(0, LONGEST)))
    act = FAULTS[fault]
    if fault == "a file system without locks":
        act(folder)
        return
    if fault == "a read-only folder":
        _obey_permissions()
    if fault not in SOONER or not delay:
        _at_call(path, at, lambda: act(folder))
    else:
        _at_call(path, at, lambda: _later(delay, act, folder))


def _later(delay: float, act: Callable[[Path], None], folder: Path) -> None:
    timer = threading.Timer(delay, act, [folder])
    timer.daemon = True
    timer.start()


def _at_call(path: str, number: int, act: Callable[[], None]) -> None:
    """Calls `act` when a function is called for the time `number`, counted from 0."""
    module, _, names = path.partition(":")
    *outer, name = names.split(".")
    owner: Any = importlib.import_module(module)
    for part in outer:
        owner = getattr(owner, part)
    original, count = getattr(owner, name), iter(range(10**9))

    def called(*arguments: Any, **options: Any) -> Any:
        if next(count) == number:
            act()
        return original(*arguments, **options)

    setattr(owner, name, called)


def _send(number: int) -> Callable[[Path], None]:
    return lambda folder: os.kill(os.getpid(), number)


def _fill(folder: Path) -> None:
    """Fills the disk that the folder lies on, but for a few bytes."""
    with (folder.parent / "filler").open("wb") as file:
        for size in (1 << 20, 1 << 12, 64):
            try:
                while True:
                    file.write(b"x" * size)
                    file.flush()
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def _obey_permissions() -> None:
    """Takes from root, who may write anywhere, the right to do so (CAP_DAC_OVERRIDE)."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # the third version of the call, of this process
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; the same of later rights
    library = ctypes.CDLL(None, use_errno=True)
    if library.capget(header, sets) == 0:
        sets[0] &= ~(1 << 1)
        library.capset(header, sets)


def _read_only(folder: Path) -> None:
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        path.chmod(0o555)


def _vanish(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def _no_locks(folder: Path) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    fcntl.flock = refuse


def _set_clock_back(folder: Path) -> None:
    now = time.time
    time.time = lambda: now() - 86_400


def _refuse_memory(folder: Path) -> None:
    raise MemoryError


def _run_out_of_memory(folder: Path) -> None:
    """Has the kernel kill this process, in a group that may have few bytes; or a signal instead."""
    for root, limit in ((CONTROL / "memory", "memory.limit_in_bytes"), (CONTROL, "memory.max")):
        group = root / f"jaxdml_faults_{os.getpid()}"
        with contextlib.suppress(OSError):
            group.mkdir()
            (group / "cgroup.procs").write_text(str(os.getpid()))
            (group / limit).write_text(str(FEW))
            bytearray(FEW * 100)
    os.kill(os.getpid(), signal.SIGKILL)


def _close_streams(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for number in (1, 2):
        os.dup2(writing, number)


FAULTS: dict[str, Callable[[Path], None]] = {
    "SIGKILL": _send(signal.SIGKILL),
    "SIGTERM": _send(signal.SIGTERM),
    "Ctrl-C": _send(signal.SIGINT),
    "a full disk": _fill,
    "a read-only folder": _read_only,
    "a folder that vanishes": _vanish,
    "a file system without locks": _no_locks,
    "a clock set back": _set_clock_back,
    "memory refused": _refuse_memory,
    "an out-of-memory kill": _run_out_of_memory,
    "output closed": _close_streams,
}
SOONER = ("SIGKILL", "SIGTERM", "Ctrl-C")  # that may come in the midst of a call
