"""Progress of long work: points done, loss and time left; a bar in a terminal, lines elsewhere."""

import re
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

SECONDS_BETWEEN_LINES = 10.0
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Reporter:
    """Says how far the work is. Use it as a context manager.

    Args:
      points: how many points there are.
      finished: how many of them an earlier run has finished.
      epochs: how many epochs the others have together; 0: points are counted instead.
      unit: what is counted, if not points.
      brief: says nothing of work that takes less than the time between two lines.
    """

    def __init__(
        self, points: int, finished: int, epochs: int, unit: str = "points", brief: bool = False
    ) -> None:
        self.console = Console(stderr=True)
        self.unit, self.brief, self.lines = unit, brief, 0
        self.points, self.points_done, self.epochs = points, finished, epochs
        self.epochs_done, self.total = 0, epochs or points
        self.loss = float("nan")
        self.cohort = ""  # which one is trained, where there are several
        self.noted: set[str] = set()
        self.started: float | None = None  # when the first part was done: compiling is behind
        self.done_at_start = 0
        self.last_line_at = time.monotonic()
        self.bar = Progress(
            SpinnerColumn(),
            BarColumn(),
            TextColumn("{task.description}", markup=False),
            console=self.console,
            transient=True,
            disable=not self.console.is_interactive,
        )
        self.task = self.bar.add_task("compiling" if epochs else self.line(), total=self.total)

    def __enter__(self) -> Self:
        self.bar.start()
        if self.points_done:
            self.note(f"{self.points_done} of {self.points} points are finished already")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def note(self, sentence: str) -> None:
        """A sentence that stays on the screen, said once."""
        if sentence in self.noted:
            return
        self.noted.add(sentence)
        self._print(f"note: {sentence}")

    def begins(self, cohort: int, cohorts: int) -> None:
        """The training of cohort number `cohort`, from 1, begins."""
        self.cohort = f"cohort {cohort}/{cohorts}" if cohorts > 1 else ""

    def epoch(self, points: int, loss: float, epochs: int = 1) -> None:
        """`points` points have gone through `epochs` more epochs; the last one's mean loss."""
        self.epochs_done += points * epochs
        self.loss = loss
        self._show()

    def finished(self) -> None:
        """Another point is trained, scored and written."""
        self.points_done += 1
        self._show(last=self.points_done == self.points and not (self.brief and not self.lines))

    def spent(self, seconds: Mapping[str, float], programs: int) -> None:
        """Says where the time went."""
        times = ", ".join(f"{activity} {spent:.1f} s" for activity, spent in seconds.items())
        self.note(f"{programs} compiled programs; {times}")

    def time_left(self) -> float | None:
        """Seconds, from the speed so far; `None` while there is nothing to go by."""
        done = self._done - self.done_at_start
        if self.started is None or not done:
            return None
        return (time.monotonic() - self.started) / done * (self.total - self._done)

    def line(self) -> str:
        """Says where the work stands, in one line.

        >>> Reporter(points=4, finished=1, epochs=0).line()
        '1/4 points'
        """
        parts, left = [f"{self.points_done}/{self.points} {self.unit}"], self.time_left()
        if self.cohort:
            parts.append(self.cohort)
        if self.epochs:
            parts += [f"epoch {self.epochs_done}/{self.epochs}", f"loss {self.loss:.4g}"]
        if left is not None:
            parts.append(f"{clock(left)} left")
        return " · ".join(parts)

    @property
    def _done(self) -> int:
        return self.epochs_done if self.epochs else self.points_done

    def _show(self, last: bool = False) -> None:
        if self.started is None:
            self.started, self.done_at_start = time.monotonic(), self._done
        self.bar.update(self.task, completed=self._done, description=self.line())
        due = time.monotonic() - self.last_line_at >= SECONDS_BETWEEN_LINES
        if not self.console.is_interactive and (due or last):
            self.last_line_at, self.lines = time.monotonic(), self.lines + 1
            self._print(self.line())

    def _print(self, line: str) -> None:
        """Prints a line as it is: it may be long, and brackets in it are no markup."""
        self.console.print(printable(line), highlight=False, soft_wrap=True, markup=False)


def printable(text: str) -> str:
    r"""A text in which what would move a terminal's cursor, or turn its letters round, is escaped.

    >>> print(printable("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def clock(seconds: float) -> str:
    """Seconds as people say them.

    >>> clock(5), clock(125), clock(7300)
    ('5 s', '2 min 5 s', '2 h 1 min')
    """
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes == 0:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
