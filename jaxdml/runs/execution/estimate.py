"""What a plan needs on this machine: memory and time, measured by a few steps of each cohort."""

import math
from collections.abc import Iterator

from jaxdml.runs.execution import sizing
from jaxdml.runs.execution.chunk_trainer import ChunkTrainer
from jaxdml.runs.planning.description import title
from jaxdml.runs.planning.plan import Plan
from jaxdml.runs.progress import clock
from jaxdml.train import population


def lines(plan: Plan, trainer: ChunkTrainer) -> Iterator[str]:
    """A line for each cohort as soon as it is measured, and one for all of them.

    Args:
      plan: what is to be trained.
      trainer: measures.
    """
    total, most = 0.0, 0
    for members in plan.cohorts:
        setup, size = trainer.setup(members), trainer.rounds(members, trainer.width(members))
        trial = trainer.trial(members, size.width)
        while math.isinf(trial.seconds) and size.width > 1:
            size = size._replace(width=size.width // 2, rounds=1)
            trial = trainer.trial(members, size.width)
        layout = population.layout(size.width, size.rounds)._replace(fed=trial.fed)
        images = sizing.images_on_a_device(
            setup, setup.sizes, members.points, layout, setup.patterns()
        )
        states = (size.rounds - 1) * size.width * setup.bytes_of_a_point
        # states before and after an epoch
        memory = trial.memory - trial.images + images + 2 * states
        limit = members.points[0].setting["train.memory_share"] * population.memory(layout)
        memory = max(memory - 2 * states, min(memory, int(limit)))  # in fewer rounds
        all_ = sizing.gib(sizing.size(setup))
        way = f"that the host feeds, of {all_} in all" if trial.fed else "that stay there"
        of_images = f"{sizing.gib(images)} of it images {way}"
        if math.isinf(trial.seconds):
            needed = sizing.gib(memory)
            yield f"{title(members)}: a point needs {needed}, {of_images}: which is too much"
            continue
        seconds = trial.compiling + len(members.points) * trial.seconds
        total, most = total + seconds, max(most, memory)
        yield (
            f"{title(members)}: about {clock(seconds)} to train, {clock(trial.compiling)} of it to "
            f"compile; {sizing.gib(memory)} on a device for {size.width} at once, {of_images}"
        )
    if plan.cohorts:
        yield f"all: about {clock(total)}, and {sizing.gib(most)} on a device; scoring comes on top"
