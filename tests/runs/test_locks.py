"""A run folder is one process's at a time, where the file system can tell."""

import errno
import fcntl
import os

import pytest

from jaxdml.options import ConfigError
from jaxdml.runs.storage import locks
from jaxdml.runs.storage.folder import Folder


def enter(folder):
    with folder.locked():
        pass


def test_a_folder_that_another_has_locked_is_refused(tmp_path):
    with Folder(tmp_path).locked(), pytest.raises(ConfigError, match="another process works in"):
        enter(Folder(tmp_path))
    enter(Folder(tmp_path))


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_warned_of_and_used(code, tmp_path, monkeypatch):
    def flock(file, operation):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.warns(UserWarning, match="cannot be locked"), Folder(tmp_path).locked():
        (tmp_path / "file").touch()


def test_so_is_an_operating_system_without_them(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    with pytest.warns(UserWarning, match="this operating system has none"):
        enter(Folder(tmp_path))
    chunk = Folder(tmp_path).chunk_locked("one")
    with pytest.warns(UserWarning, match="this operating system has none"), chunk:
        pass
