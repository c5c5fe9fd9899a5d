"""A run folder is one process's at a time, where the file system can tell."""

import errno
import fcntl
import os
import platform
import subprocess
import sys
import threading
import time

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


@pytest.fixture(params=["errno.ENOSYS", "errno.EOPNOTSUPP", "errno.ENOLCK", "Windows"])
def without_locks(request, monkeypatch):
    """A file system without locks on files, or an operating system."""
    if request.param == "Windows":
        monkeypatch.setattr(locks, "fcntl", None)
        return
    code = getattr(errno, request.param.removeprefix("errno."))

    def flock(file, operation):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)


def test_without_locks_a_file_says_who_is_at_work(tmp_path, without_locks):
    with Folder(tmp_path).locked():
        held = (tmp_path / ".lock.held").read_text()
        assert held == f"{platform.node()} {os.getpid()}"
        with pytest.raises(
            ConfigError,
            match=rf"another process works in .*it is process {os.getpid()} on .*remove",
        ):
            enter(Folder(tmp_path))
    assert not (tmp_path / ".lock.held").exists()
    enter(Folder(tmp_path))


def test_a_process_that_has_died_holds_nothing(tmp_path, without_locks):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / ".lock.held").write_text(f"{platform.node()} {dead.pid}")
    with pytest.warns(UserWarning, match="of a process that has died"):
        enter(Folder(tmp_path))
    (tmp_path / ".lock.held").write_text(f"another machine {dead.pid}")
    with pytest.raises(ConfigError, match=f"process {dead.pid} on another machine"):
        enter(Folder(tmp_path))


def test_a_chunk_is_waited_for(tmp_path, without_locks):
    folder, order = Folder(tmp_path), []

    def second():
        with folder.chunk_locked("one"):
            order.append("second")

    with folder.chunk_locked("one"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_of_two_that_see_a_dead_process_none_removes_the_others_lock(
    tmp_path, without_locks, monkeypatch
):
    """While one asks whether the process lives, another one has taken its place."""
    lock = tmp_path / ".lock.held"
    lock.write_text(f"{platform.node()} 123456789")

    def taken_meanwhile(process):
        if process != 123456789:
            return True
        lock.write_text(f"{platform.node()} {os.getpid()}")
        return False

    monkeypatch.setattr(locks, "_alive", taken_meanwhile)
    with pytest.raises(ConfigError, match=f"it is process {os.getpid()} on"):
        enter(Folder(tmp_path))
    assert lock.exists()
    assert not (tmp_path / ".lock.held.removing").exists()


def test_one_that_died_while_it_removed_a_dead_process_stops_nobody(
    tmp_path, without_locks, monkeypatch
):
    monkeypatch.setattr(locks, "SECONDS", 0.0)
    monkeypatch.setattr(locks, "_alive", lambda process: False)
    (tmp_path / ".lock.held").write_text(f"{platform.node()} 1")
    guard = tmp_path / ".lock.held.removing"
    guard.touch()
    os.utime(guard, (0, 0))
    with pytest.warns(UserWarning, match="of a process that has died"):
        enter(Folder(tmp_path))
    assert not guard.exists()
