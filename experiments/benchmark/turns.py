"""Contestants in processes of their own, which take turns: one works, the others wait.

So no contestant's threads spin while another one is timed, and each has its own memory.
"""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

Turn = Callable[[int], None]
Make = Callable[..., tuple[Turn, dict[str, float]]]


class Contestant:
    """A process that makes a training, takes one uncounted turn, and waits to be asked for more."""

    def __init__(self, name: str, make: Make, *args: Any) -> None:
        """Starts the process; the first of the arguments is the case."""
        self.name = name
        context = multiprocessing.get_context("spawn")  # JAX and forks do not go together
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, make, args), daemon=True)
        self._process.start()

    def ready(self) -> dict[str, float] | str:
        """Waits until it can be timed.

        Returns:
          What `make` says of the training, or one sentence of why it cannot take part.
        """
        answer = self._here.recv()
        assert isinstance(answer, dict | str)
        return answer

    def turn(self, steps: int) -> float:
        """Seconds a step."""
        self._here.send(steps)
        return float(self._here.recv()) / steps

    def close(self) -> None:
        """Ends the process."""
        if self._process.is_alive():
            self._here.send(0)
        self._process.join(10)
        self._process.kill()


def _serve(here: Connection, make: Make, args: tuple[Any, ...]) -> None:
    try:
        turn, facts = make(*args)
        turn(args[0].steps)
    except Exception as error:  # what a compiler cannot do is no reason to stop the others
        here.send(f"{type(error).__name__}: {str(error).strip().splitlines()[0][:120]}")
        return
    here.send(facts)
    while steps := here.recv():
        start = time.perf_counter()
        turn(steps)
        here.send(time.perf_counter() - start)
