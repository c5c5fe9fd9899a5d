"""Being asked to stop, by SIGTERM or Ctrl-C, and doing so at a moment when nothing is lost."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(KeyboardInterrupt):
    """The run has stopped as it was asked to, and everything that was trained is saved."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number  # of the signal that came


@contextmanager
def heeded(note: Callable[[str], None]) -> Iterator[Callable[[], int]]:
    """Makes SIGTERM and Ctrl-C wait for a good moment during the block; a second one stops at once.

    Args:
      note: is told that one came.

    Yields:
      A function that says which signal came; 0 if none did, or outside the main thread, which
      alone hears them.
    """
    last_signal = [0]

    def remember(number: int, frame: FrameType | None) -> None:
        if last_signal[0]:
            raise Stopped(number)
        last_signal[0] = number
        note("stopping after this epoch, with a checkpoint; once more stops at once")

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, remember)
    try:
        yield lambda: last_signal[0]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
