"""Locks on files, which keep other processes out while one works.

Where the file system or the operating system has none, a file `NAME.held` says who is at work. It
is left behind by a process that was killed: the next one on the same machine sees that it is dead.
"""

import contextlib
import errno
import importlib
import importlib.util
import os
import platform
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Windows has none.
fcntl: Any = importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None
HELD = (errno.EAGAIN, errno.EACCES)  # another process has the lock
SECONDS = 0.2  # between two looks at whether a lock is free
LONGEST = 10.0  # that it takes to remove a file


@contextlib.contextmanager
def held(path: Path, wait: bool) -> Iterator[str | None]:
    """Locks a file during the block.

    Args:
      path: the file, which is made if need be.
      wait: whether to wait until it is free.

    Yields:
      `None`, or who holds it instead, as words that end a sentence; "" if that is not known.

    Raises:
      OSError: if it cannot be written.
    """
    with path.open("a", encoding="utf-8") as file:
        try:
            if fcntl is None:
                raise OSError(errno.ENOSYS, "this operating system has no locks on files")
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno in HELD:
                yield ""
                return
            beside = path.with_name(f"{path.name}.held")
        else:
            yield None
            return
    with _held_by_file(beside, wait) as holder:
        yield holder


@contextlib.contextmanager
def _held_by_file(path: Path, wait: bool) -> Iterator[str | None]:
    own = f"{platform.node()} {os.getpid()}"
    while not _made(path, own):
        holder = _holder(path)
        if holder is None:
            continue
        if not wait:
            yield f" (it is process {holder}; if that is gone, remove {path})"
            return
        time.sleep(SECONDS)
    try:
        yield None
    finally:
        path.unlink(missing_ok=True)


def _made(path: Path, own: str) -> bool:
    """Whether the file was not there, and is now, with this content."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(own)
    except FileExistsError:
        return False
    return True


def _holder(path: Path) -> str | None:
    """Who holds it; `None` if nobody does any more, and the file is gone."""
    try:
        content = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    machine, _, process = content.rpartition(" ")
    if machine == platform.node() and process.isdigit() and not _alive(int(process)):
        _remove(path, content)
        return None
    return f"{process} on {machine}" if machine else "that is beginning"


def _remove(path: Path, content: str) -> None:
    """Removes the file of a process that has died, if it still has this content.

    Of several that see it one removes it, so that none removes what another has made since.
    """
    guard = path.with_name(f"{path.name}.removing")
    try:
        guard.touch(exist_ok=False)
    except FileExistsError:
        with contextlib.suppress(FileNotFoundError):
            if abs(time.time() - guard.stat().st_mtime) > LONGEST:  # who made it has died, too
                guard.unlink()
        time.sleep(SECONDS)
        return
    try:
        if path.exists() and path.read_text("utf-8") == content:
            warnings.warn(f"{path} is of a process that has died, and is removed", stacklevel=5)
            path.unlink()
    finally:
        guard.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    """Whether a process of this machine lives; Windows cannot be asked so."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # of another user
    return True
