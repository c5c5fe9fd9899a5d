"""What a command leaves behind that was refused: nothing."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jaxdml.options import ConfigError

BEGUN = (".lock", "config.json", "plan.json")  # files of a run folder in which nothing is trained


@contextmanager
def removed(workdir: Path) -> Iterator[None]:
    """Removes a new run folder again if the block is refused before something is trained.

    A folder that was there before stays as it is, and so does one that holds anything else.

    Args:
      workdir: the run folder, which may not be there yet.

    Raises:
      ConfigError: what the block raises.
    """
    new = [path for path in (workdir, *workdir.parents) if not path.exists()]
    try:
        yield
    except ConfigError:
        with suppress(OSError):
            if new and {file.name for file in workdir.iterdir()} <= {*BEGUN}:
                for file in workdir.iterdir():
                    file.unlink()
                for folder in new:
                    folder.rmdir()
        raise
