"""Files from the network: checked, and there as a whole or not at all."""

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxdml.options import ConfigError


def cache() -> Path:
    """Returns the folder of the user's cache in which this library keeps its downloads.

    >>> "jaxdml" in str(cache())
    True
    """
    import pooch

    return Path(pooch.os_cache("jaxdml"))


def fetch(url: str, md5: str, name: str, folders: Sequence[Path], note: str) -> Path:
    """Downloads a file into the first folder that can be written.

    Args:
      url: where it is published.
      md5: its published checksum.
      name: of the file in the folder.
      folders: at least one; they are made where they are not there.
      note: what is said about it, beside where it comes from and goes to.

    Raises:
      ConfigError: if it cannot be had, is not complete, or has another checksum; nothing is kept.
    """
    import pooch

    new = {path for folder in folders for path in (folder, *folder.parents) if not path.exists()}
    folder = next(filter(_writable, folders), folders[0])
    pooch.get_logger().setLevel("WARNING")  # it would say the same in words of its own
    print(f"note: downloading {url} to {folder / name}: {note}", file=sys.stderr)
    try:
        getter = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 20)
        path = Path(pooch.retrieve(url, f"md5:{md5}", name, folder, downloader=getter))
        path.chmod(0o644)  # pooch leaves it to its owner alone, but a data folder may be shared
    except (OSError, ValueError) as error:  # OSError: requests's too; ValueError: the checksum
        with contextlib.suppress(OSError):  # what else is in them stays
            for path in sorted(new, reverse=True):
                path.rmdir()
        raise ConfigError(
            f"{url} could not be downloaded ({cause(error)}): put it in {folders[0]} as {name}, or "
            f"name the folder that holds {folders[0].name}/ by --data_dir or JAXDML_DATA"
        ) from error
    return path


def cause(error: BaseException) -> str:
    r"""Returns the first line of the error that caused all others.

    >>> cause(ValueError("wrong checksum:\nabc"))
    'wrong checksum'
    """
    while error.__context__:
        error = error.__context__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(":.")


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
