"""How a grid's time grows with its points, and what a step does for many points at once.

    python -m experiments.scaling [--points=1,10,100,1000] [--data_dir=DATA]

First grids of so many `dml_ae` points of two epochs on digits, each a process of its own: seconds
from start to report, where they went, and peak memory. Then, on MNIST (on digits where DATA has
none), a step's time, compiled operations and floating-point operations against the number of points
that go through it at once.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import flags

from configs import digits
from jaxdml.commands import cli
from jaxdml.commands.cli import reporting
from jaxdml.runs.execution import execute, sizing
from jaxdml.runs.execution.chunk_trainer import ChunkTrainer
from jaxdml.runs.planning import grid, loading, plan
from jaxdml.runs.planning.points import Cohort
from jaxdml.runs.storage import folder
from jaxdml.settings.fields import flatten
from jaxdml.train import population, programs

POINTS = flags.DEFINE_list("points", ["1", "10", "100", "1000"], "Sizes of the grids.")
ONLY = flags.DEFINE_integer("only", None, "Train a grid of so many points in --workdir.")
WIDTHS = (1, 4, 16, 64)
ACTIVITIES = ("compiling", "training", "scoring", "writing")
OPERATION = re.compile(r" = \S+ (fusion|dot|custom-call|sort|scatter|gather|reduce|call|copy)\(")


def main() -> None:
    """Prints the tables."""
    if ONLY.value:
        base = flatten(digits.get_config().to_dict()) | {"train.epochs": 2}
        over = ({("seed", "data.labels_seed"): tuple((i, i) for i in range(ONLY.value))},)
        reporting.write_and_print(execute.run(base, over, cli.workdir(), cli.data_dir()))
        return
    head = ("seconds", *ACTIVITIES, "the rest", "GiB")
    print(f"{'points':>10}" + "".join(f"{name:>11}" for name in head))
    with tempfile.TemporaryDirectory() as scratch:
        for count in map(int, POINTS.value):
            row = measured(count, Path(scratch) / str(count))
            print(f"{count:>10}" + "".join(f"{value:11.2f}" for value in row), flush=True)
    name = "mnist" if (cli.data_dir() / "mnist").is_dir() else "digits"
    for system, labelled in (("dml", 60), ("dml_ae", 600)):
        print(f"\n{system} on {name}, {labelled} labels, hard triplets")
        print(f"{'at once':>10}{'ms a step and point':>22}{'operations':>12}{'MFLOP a step':>14}")
        for width, milliseconds, operations, flops in widths(system, name, labelled):
            print(
                f"{width:>10}{milliseconds:>22.3f}{operations:>12}{flops / 1e6:>14.0f}", flush=True
            )


def measured(points: int, workdir: Path) -> list[float]:
    """Seconds in all, by activity, and the rest; peak memory in GiB."""
    words = [sys.executable, "-m", "experiments.scaling", f"--only={points}"]
    began = time.monotonic()
    process = subprocess.Popen(
        [*words, f"--workdir={workdir}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, _, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    spent = [float(s) for s in re.findall(rf"(?:{'|'.join(ACTIVITIES)}) ([\d.]+) s", said)]
    assert len(spent) == len(ACTIVITIES), said
    return [seconds, *spent, seconds - sum(spent), usage.ru_maxrss / 2**20]


def widths(system: str, name: str, labelled: int) -> list[tuple[int, float, int, float]]:
    """For each width: milliseconds a step and point, operations and flops of a step."""
    options = {"system": system, "data.name": name, "data.labelled_count": labelled}
    options |= {"loss.mining": "hard", "train.epochs": 1}
    load = loading.loader(cli.data_dir())
    points = grid.expand(options, ({"seed": tuple(range(max(WIDTHS)))},))
    [members] = plan.plan(points, load).cohorts
    trainer = ChunkTrainer(folder.Folder(Path("nowhere")), load)
    setup = trainer.setup(members)
    steps = sum(setup.lengths)
    found = []
    for width in WIDTHS:
        trial = trainer.trial(members, width)
        operations, flops = compiled(trainer, members, width)
        found.append((width, 1e3 * trial.seconds / steps, operations, flops))
    return found


def compiled(trainer: ChunkTrainer, members: Cohort, width: int) -> tuple[int, float]:
    """Operations and flops of an epoch's program, whose loop over steps counts once."""
    setup, layout = trainer.setup(members), population.layout(width)
    made = programs.programs(setup.assemble, setup.sizes, layout)
    images = population.place_images(setup.dataset, layout)
    point_batch = sizing.full_chunk(setup, members.points, layout)
    states = made.init(point_batch, images)
    [pattern] = setup.patterns()
    program = made.epoch(*pattern).lower(states, point_batch, images, np.int32(1)).compile()
    blocks = re.split(r"\n\n", program.as_text())
    own = [block for block in blocks if not re.match(r"%?(fused|parallel_fused|region)", block)]
    count = sum(len(OPERATION.findall(block)) for block in own)
    return count, float(program.cost_analysis()["flops"])


if __name__ == "__main__":
    cli.main(main)
