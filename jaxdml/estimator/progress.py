"""How far a training is, as lines that a notebook shows too."""

import time
from collections.abc import Callable

SECONDS = 10.0  # between two lines


def printer(total: int, verbose: bool, trainings: int = 1) -> Callable[[int, float], None]:
    """What is told of each epoch, and prints a line now and then.

    Args:
      total: epochs of all trainings.
      verbose: whether it prints at all.
      trainings: how many there are.

    >>> told = printer(2, verbose=True)
    >>> told(1, 0.5)
    >>> told(1, 0.25)
    epoch 2/2 · loss 0.25 · 0 s left
    """
    done, began, last = 0, time.monotonic(), time.monotonic()
    of_them = f" of {trainings} trainings" if trainings > 1 else ""

    def told(epochs: int, loss: float) -> None:
        nonlocal done, last
        done, now = done + epochs, time.monotonic()
        if verbose and (now - last > SECONDS or done == total):
            left = (now - began) / max(done, 1) * (total - done)
            print(
                f"epoch {done}/{total}{of_them} · loss {loss:.4g} · {left:.0f} s left", flush=True
            )
            last = now

    return told
