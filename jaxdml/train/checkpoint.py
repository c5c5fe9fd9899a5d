"""Arrays on disk, by Orbax: written whole or not at all, in host memory on both ends.

What is saved belongs to points, not to devices: it comes back onto any number of them.
"""

import errno
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

LOGGERS = ("absl", "asyncio", "concurrent.futures")
OF_SYSTEM = re.compile(r"os_error_code='(\d+)'")
PATTERN = set("[]*?")  # letters of a path that mean something in a pattern


def save(folder: Path, tree: Any) -> None:
    """Writes a tree of arrays, replacing what is there, and reads it back once.

    Raises:
      OSError: if it cannot be written, or what is read back is something else.
    """
    try:
        with _silent(), _plain(folder) as path, ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(path, tree, force=True)
        read_back = restore(folder, tree)
    except (OSError, ValueError) as error:  # TensorStore says in its own words that a disk is full
        number = OF_SYSTEM.search(str(error))
        code = int(number[1]) if number else getattr(error, "errno", None) or errno.EIO
        raise OSError(code, os.strerror(code), str(folder)) from error
    if not all(map(_same, jax.tree.leaves(tree), jax.tree.leaves(read_back))):
        raise OSError(errno.EIO, "What was read back is not what was written", str(folder))


def _same(one: Any, other: np.ndarray) -> bool:
    return np.asarray(one).astype(other.dtype).tobytes() == other.tobytes()


def restore(folder: Path, template: Any) -> Any:
    """Reads a tree of numpy arrays that has the template's structure, shapes and dtypes.

    Raises:
      ValueError: if what is there has another structure or other shapes.
    """
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    placed = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), template
    )
    with _plain(folder) as path, ocp.StandardCheckpointer() as checkpointer:
        return jax.tree.map(np.asarray, checkpointer.restore(path, placed))


@contextmanager
def _silent() -> Iterator[None]:
    """Without the logs, in which tracebacks are written of what Orbax raises besides.

    After an error they stay silent: its threads may have more to say of it.
    """
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    yield
    for logger, disabled in zip(loggers, before, strict=True):
        logger.disabled = disabled


@contextmanager
def _plain(folder: Path) -> Iterator[Path]:
    """The path of a folder; by a link, where Orbax would take some of it for a pattern."""
    path = folder.resolve()
    if not PATTERN & set(str(path)):
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        link = Path(place) / "link"
        link.symlink_to(path.parent, target_is_directory=True)
        yield link / path.name
