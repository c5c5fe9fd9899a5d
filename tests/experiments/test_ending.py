"""How commands end where the system or the terminal fails."""

import errno
import io
import os
import subprocess
import sys

import jax
import pytest

from jaxdml.commands.cli import ending
from jaxdml.options import ConfigError
from tests.conftest import REPOSITORY


class Broken(io.StringIO):
    """A stream on a disk that is full."""

    def write(self, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_stream_that_cannot_be_written_falls_silent():
    stream = ending.Lasting(Broken())
    assert stream.write("one") == 3
    assert stream.error.errno == errno.ENOSPC
    stream.write("two")
    stream.flush()


def test_what_moves_the_cursor_is_shown():
    inner = io.StringIO()
    ending.Printed(inner).write("a\x1b[2Jb\r\u202ec\td\n")
    assert inner.getvalue() == "a\\x1b[2Jb\\r\\u202ec\td\n"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "w/x"), 3, "w/x: no space left on"),
        (PermissionError(errno.EACCES, "Permission denied", "w"), 3, "w: permission denied"),
        (MemoryError(), 3, "the memory of this machine is full"),
        (RuntimeError("can't start new thread"), 3, "the memory of this machine is full"),
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 9 GiB"), 3, "the memory of the device"),
        (jax.errors.JaxRuntimeError("INTERNAL: a defect"), 3, None),
        (ConfigError("seed must be at least 0"), 2, None),
    ],
)
def test_an_error_of_the_system_is_one_sentence_with_a_code_of_its_own(error, code, said):
    sentence = ending.sentence(error)
    assert ending.code_of(error) == code
    assert sentence is None if said is None else sentence.startswith(said)
    assert said is None or "is kept" in sentence


@pytest.mark.parametrize("falls", ["fall()", "Falling()"], ids=["raised", "unraisable"])
def test_threads_of_others_say_nothing(falls):
    """What is raised in a thread, and where nothing can be raised, as an object goes."""
    program = f"""
import sys, threading
from jaxdml.commands.cli import ending

def fall(*_):
    raise RuntimeError("Event loop is closed")

class Falling:
    __del__ = fall

def work():
    {falls}

ending.lasting_streams()
threading.excepthook = lambda found: sys.excepthook(*found[:3])  # as C++ does it
thread = threading.Thread(target=work)
thread.start()
thread.join()
print("then", file=sys.stderr)
work()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    before, _, after = done.stderr.partition("then\n")
    assert before == ""
    assert "RuntimeError: Event loop is closed" in after


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, 3), (errno.EACCES, 2)])
def test_a_full_disk_is_the_systems_whoever_explains_it(number, code):
    error = ConfigError("the report cannot be written")
    error.__cause__ = OSError(number, os.strerror(number))
    assert ending.code_of(error) == code


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "code"),
    [
        ("{data} | head -n 1 >/dev/null; exit ${{PIPESTATUS[0]}}", 141),
        ("{data} >/dev/full", 3),
        ("{data} >&- 2>&-", 0),
        ("PYTHONIOENCODING=ascii {data}", 0),
        ("LC_ALL=C {data}", 0),
    ],
)
def test_a_terminal_may_be_anything(shell, code, tmp_path):
    data = f"{sys.executable} -m experiments.data digits --output={tmp_path}/x"
    words = ["bash", "-c", shell.format(data=data)]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_debug_shows_where_an_error_arose(command):
    code, _, said = command("report", "--workdir=nowhere", "--debug")
    assert code == 2
    assert said.startswith("Traceback")
    assert said.strip().splitlines()[-1].startswith("error: nowhere holds no finished points")
