"""Locks on files, which keep other processes out while one works."""

import errno
import importlib
import importlib.util
import warnings
from typing import IO, Any

# Windows has none.
fcntl: Any = importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None
HELD = (errno.EAGAIN, errno.EACCES)  # another process has the lock


def acquired(file: IO[Any], wait: bool) -> bool:
    """Locks an open file until it is closed.

    Where the file system or the operating system has no such locks, a warning says so, and work
    goes on: nobody can know then whether another process is at it.

    Args:
      file: open for writing.
      wait: whether to wait until it is free.

    Returns:
      False if another process holds it.
    """
    if fcntl is None:
        _warn(file, "this operating system has none")
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno in HELD:
            return False
        _warn(file, str(error))
    return True


def _warn(file: IO[Any], why: str) -> None:
    warnings.warn(
        f"{file.name} cannot be locked ({why}): do not let two commands work in one run folder",
        stacklevel=3,
    )
