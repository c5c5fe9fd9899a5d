"""This library's training program, as a grid would run it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.benchmark.cases import BATCH, Case, images
from jaxdml.runs.execution import sizing
from jaxdml.runs.execution.chunk_trainer import ChunkTrainer
from jaxdml.runs.planning import grid, plan
from jaxdml.runs.storage import folder
from jaxdml.train import population, programs
from jaxdml.types import Dataset, Split

Turn = Callable[[int], None]  # so many steps


def training(case: Case) -> tuple[Turn, dict[str, float]]:
    """The epoch of a case, and what its compiled program does in a step of one point.

    On a CPU its points follow each other, on an accelerator they lie side by side: as the library
    does it without being asked.

    Returns:
      A function that trains so many steps, and `flops` and `bytes` as the compiler counts them.
    """
    options = {"system": case.system, "model.encoder": case.encoder, "train.steps": 100_000}
    options |= {"data.labelled_count": case.labelled, "train.precision": case.precision}
    if case.system != "few":
        options |= {"loss.mining": "hard", "train.batch_size": BATCH}
    x, y = images()
    split = Split(x, y)
    kept = ("shift", "scale", "rotate", "erase")  # as of MNIST
    dataset = Dataset(
        "random", split, split, split, tuple("0123456789"), "made here", invariances=kept
    )

    def load(_: Mapping[str, Any]) -> Dataset:
        return dataset

    points = grid.expand(options, ({"seed": tuple(range(case.points))},))
    [members] = plan.plan(points, load).cohorts
    setup = ChunkTrainer(folder.Folder(Path("nowhere")), load).setup(members)
    width, rounds = (case.points, 1) if population.accelerated() else (1, case.points)
    layout = population.layout(width, rounds)
    made = programs.programs(setup.assemble, setup.sizes._replace(epoch=case.steps), layout)
    placed = population.place_images(dataset, layout)
    point_batch = sizing.full_chunk(setup, members.points, layout)
    states = made.init(point_batch, placed)
    program = made.epoch((0,), case.steps)
    compiled = program.lower(states, point_batch, placed, np.int32(1)).compile()
    cost = compiled.cost_analysis()  # a loop's body is counted once
    number = 0

    def turn(steps: int) -> None:
        nonlocal states, number
        assert steps == case.steps
        number += 1
        states, metrics = compiled(states, point_batch, placed, np.int32(number))
        jax.block_until_ready((states, metrics))

    return turn, {"flops": cost["flops"] / width, "bytes": cost["bytes accessed"] / width}
