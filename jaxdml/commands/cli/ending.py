"""How a command ends where something is wrong: one sentence, an exit code, and streams that last.

0    done
2    something that the user can mend: a flag, a field, a file
3    the system failed: its disk, its memory; what was finished is kept
128+ a signal came; 141 is nobody reading on, as behind `| head`
"""

import errno
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any, NoReturn

import jax

from jaxdml.runs.progress import printable

USER, SYSTEM = 2, 3
NOBODY_READS = 141  # 128 + SIGPIPE, which Windows has none of
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
OF_SYSTEM = FULL | {errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
KEPT = "what is finished is kept, and the same command goes on"
OUT_OF_MEMORY = "RESOURCE_EXHAUSTED"  # as JAX begins to say it


class Lasting:
    """A stream that falls silent where nobody reads it any more or its disk is full.

    A grid goes on then, and the end of the command says so by its exit code.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.stream, self.error = stream, None

    error: OSError | None

    def write(self, text: str) -> int:
        """Writes, unless it has fallen silent."""
        self._try(lambda: self.stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flushes, unless it has fallen silent."""
        self._try(self.stream.flush)

    def _try(self, act: Any) -> None:
        if self.error is None:
            try:
                act()
            except OSError as error:
                self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Printed(Lasting):
    """Such a stream for results, in which what moves the cursor of a terminal is shown instead."""

    def write(self, text: str) -> int:
        """Writes, with control characters as escapes."""
        super().write(printable(text))
        return len(text)


def lasting_streams() -> None:
    """Makes stdout and stderr last, and take any letter. What was closed is opened to nowhere."""
    for number, name, kind in ((0, "stdin", None), (1, "stdout", Printed), (2, "stderr", Lasting)):
        try:
            os.fstat(number)
        except OSError:  # else the next file that is opened would be it, and get what is printed
            os.open(os.devnull, os.O_RDWR)
        stream = getattr(sys, name)
        if kind is None or stream is None or isinstance(stream, Lasting):
            continue
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, kind(stream))
    sys.excepthook = _of_main_thread(sys.__excepthook__)
    sys.unraisablehook = _of_main_thread(sys.__unraisablehook__)


def _of_main_thread(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Says nothing of threads of TensorStore, whose event loop is closed once a file has failed."""

    def of_main_thread(*error: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            hook(*error)

    return of_main_thread


def end(code: int = 0) -> NoReturn:
    """Ends the process: with another code where stdout fell silent after nothing else failed."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    error = getattr(sys.stdout, "error", None)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        if getattr(stream, "error", None) is not None:  # the interpreter flushes it once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    if code == 0 and error is not None:
        if error.errno == errno.EPIPE:
            code = NOBODY_READS
        else:
            complain(f"what was to be printed is lost: {error.strerror}")
            code = SYSTEM
    sys.exit(code)


def code_of(error: BaseException) -> int:
    """The exit code of an error: of the system, or of the user."""
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, OSError):
        return SYSTEM if isinstance(error, OSError) or cause.errno in OF_SYSTEM else USER
    return SYSTEM if isinstance(error, (MemoryError, RuntimeError)) else USER


def sentence(error: BaseException) -> str | None:
    """What to say of an error of the system; `None` if it is none.

    >>> sentence(OSError(errno.ENOSPC, "No space left on device", "runs/one/plan.json"))
    'runs/one/plan.json: no space left on device; make room: what is finished is kept, and the same command goes on'
    """  # noqa: E501  one line of output
    if isinstance(error, MemoryError) or "can't start new thread" in str(error):
        return f"the memory of this machine is full; {KEPT} where there is more"
    if isinstance(error, jax.errors.JaxRuntimeError):
        if OUT_OF_MEMORY not in str(error):
            return None
        return (
            f"the memory of the device is full ({str(error).splitlines()[0]}): lower "
            f"train.memory_share, train.width or train.batch_size; {KEPT}"
        )
    if not isinstance(error, OSError):
        return None
    where = f"{error.filename}: " if error.filename else ""
    what = error.strerror or str(error)
    mend = "make room: " if error.errno in FULL else "once that is mended, "
    return f"{where}{what[:1].lower()}{what[1:]}; {mend}{KEPT}"


def complain(text: str) -> None:
    """Says what is wrong, in one line."""
    print(f"error: {printable(' '.join(text.split()))}", file=sys.stderr)


def stop(text: str, code: int) -> NoReturn:
    """Ends the process with a sentence; with `--debug` it also says where the error arose."""
    if "--debug" in sys.argv:  # flags may be what is wrong
        traceback.print_exc(file=sys.stderr)
    start, trace, rest = text.partition("Traceback (most recent call last):")
    if trace:  # of a configuration file: what it raised is the last line but absl's hint
        raised = [line for line in rest.splitlines() if "Error: " in line]
        text = f"{start.strip()} {raised[-1].partition('Error: ')[2] if raised else ''}"
    complain(text.replace("FATAL Flags parsing error:", ""))
    end(code)
