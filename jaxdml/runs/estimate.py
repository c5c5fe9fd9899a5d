"""What a plan needs on this machine: memory and time, measured by a few steps of each cohort."""

import math
from collections.abc import Iterator

from jaxdml.runs import sizing
from jaxdml.runs.plan import Plan, title
from jaxdml.runs.progress import clock
from jaxdml.runs.work import Worker


def lines(plan: Plan, worker: Worker) -> Iterator[str]:
    """A line for each cohort as soon as it is measured, and one for all of them.

    Args:
      plan: what is to be trained.
      worker: measures.
    """
    total, most = 0.0, 0
    for members in plan.cohorts:
        size = worker.rounds(members, worker.width(members))
        trial = worker.trial(members, size.width)
        states = (size.rounds - 1) * size.width * worker.shop(members).bytes_of_a_point
        memory = trial.memory + 2 * states  # before and after an epoch
        if math.isinf(trial.seconds):
            yield f"{title(members)}: a point needs {sizing.gib(memory)}, which is too much"
            continue
        seconds = trial.compiling + len(members.points) * trial.seconds
        total, most = total + seconds, max(most, memory)
        yield (
            f"{title(members)}: about {clock(seconds)} to train, {clock(trial.compiling)} of it to "
            f"compile; {sizing.gib(memory)} on a device for {size.width} at once"
        )
    if plan.cohorts:
        yield f"all: about {clock(total)}, and {sizing.gib(most)} on a device; scoring comes on top"
