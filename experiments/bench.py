"""Speed against PyTorch with pytorch-metric-learning, and against bare matrix products.

    python -m experiments.bench [--rounds=5] [--data_dir=DATA] [--nogrid]

First a step of training: the same networks (784-512-256-10, or the convolutional ones) and losses,
Adam, batch 128, on random images that lie in memory as bytes. The contestants take turns in one
process; PyTorch has a loop over tensors in memory and one over a data loader, and the faster one
counts.

Then the whole of configs/bench_grid.py on MNIST (on digits where DATA has none): from the start of
the command to its results, once with nothing compiled before, and once more. `make bench` installs
what this needs.
"""

import importlib.util
import itertools
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from jaxdml.commands import cli
from jaxdml.options import ConfigError
from jaxdml.settings import assembly
from jaxdml.settings.resolve import resolve
from jaxdml.train import population, programs, streams
from jaxdml.types import Dataset, Split

ROUNDS = flags.DEFINE_integer("rounds", 5, "How often each contestant has its turn.", lower_bound=1)
GRID = flags.DEFINE_bool("grid", True, "Time the whole grid, too: some minutes.")
BATCH, STEPS = 128, 100
Epoch = Callable[[], None]
Layer = tuple[int, int, int]  # rows an image, of so many inputs each, and so many outputs


def dense(*widths: int) -> list[Layer]:
    """The matrix products of dense layers."""
    return [(1, inputs, outputs) for inputs, outputs in itertools.pairwise(widths)]


ENCODER, DECODER = dense(784, 512, 256, 10), dense(10, 256, 512, 784)
CONVOLUTIONS = [(14 * 14, 9, 32), (7 * 7, 9 * 32, 64), *dense(7 * 7 * 64, 256, 10)]
MIRRORED = [(rows, outputs, inputs) for rows, inputs, outputs in reversed(CONVOLUTIONS)]
# name → system, encoder, labelled images, and the layers that each image of a step goes through
CASES: dict[str, tuple[str, str, int, tuple[list[Layer], ...]]] = {
    "ae": ("ae", "mlp", 60, (ENCODER + DECODER,)),
    "dml, 60 labels": ("dml", "mlp", 60, (ENCODER,)),
    "dml, 6,000 labels": ("dml", "mlp", 6000, (ENCODER,)),
    "dml_ae joint, 6,000 labels": ("dml_ae", "mlp", 6000, (ENCODER + DECODER, ENCODER)),
    "conv ae": ("ae", "conv", 60, (CONVOLUTIONS + MIRRORED,)),
}


def main() -> None:
    """Prints the tables."""
    if not importlib.util.find_spec("pytorch_metric_learning"):
        raise ConfigError("bench needs PyTorch: pip install 'jaxdml[bench]'")
    steps()
    if GRID.value:
        whole_grid()


def steps() -> None:
    """Milliseconds a step, medians of the turns."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (BATCH * STEPS, 28, 28, 1), np.uint8)
    y = random.integers(0, 10, len(x)).astype(np.int32)
    head = ("jaxdml", "PyTorch", "data loader", "products", "× PyTorch", "of products")
    print(f"{'ms a step, hard triplets':28}" + "".join(f"{name:>13}" for name in head))
    for name, (system, encoder, labelled, chains) in CASES.items():
        contestants = [
            ours(system, encoder, labelled, x, y),
            theirs(system, encoder, labelled, x, y, "in_memory"),
            theirs(system, encoder, labelled, x, y, "by_loader"),
            matrix_products(chains),
        ]
        times: list[list[float]] = [[] for _ in contestants]
        for turn in range(1 + ROUNDS.value):
            for epoch, taken in zip(contestants, times, strict=True):
                time.sleep(0.3)  # threads of the one before spin for a while
                start = time.perf_counter()
                epoch()
                if turn:  # the first one warms up
                    taken.append((time.perf_counter() - start) / STEPS)
        a, b, c, d = (statistics.median(taken) for taken in times)
        row = "".join(f"{1e3 * value:13.2f}" for value in (a, b, c, d))
        print(f"{name:28}{row}{min(b, c) / a:12.2f}×{d / a:13.2f}")
        flops = (
            2
            * BATCH
            * sum(
                rows * m * n * (3 if i else 2)  # no gradient by the images
                for chain in chains
                for i, (rows, m, n) in enumerate(chain)
            )
        )
        print(f"{'':28}{'':39}{flops / d / 1e9:7.0f} GF/s")


def ours(system: str, encoder: str, labelled: int, x: np.ndarray, y: np.ndarray) -> Epoch:
    """An epoch of this library's training program."""
    resolved = resolve({"system": system, "model.encoder": encoder, "loss.mining": "hard"})
    layout = population.layout(1)

    def assemble(numbers: Any) -> Any:
        return assembly.assemble({**resolved, **numbers}, (28, 28, 1), 10)

    split = Split(x, y)
    dataset = Dataset("random", split, split, split, tuple("0123456789"), "made here")
    compiled = programs.programs(assemble, streams.Sizes(BATCH, len(x), None), layout)
    rows = [np.arange(labelled)]
    point_batch = population.stack([0], [resolved.numbers], rows, y, labelled, layout)
    images = population.place_images(dataset, layout)
    states = compiled.init(point_batch, images)
    program = compiled.epoch((0,), math.ceil(len(x) / BATCH))

    def epoch() -> None:
        nonlocal states
        states, metrics = program(states, point_batch, images, np.int32(1))
        jax.block_until_ready((states, metrics))

    return epoch


def theirs(
    system: str, encoder: str, labelled: int, x: np.ndarray, y: np.ndarray, batches: str
) -> Epoch:
    """The same in PyTorch, with one of the ways to get batches."""
    import torch

    from experiments import bench_pytorch

    arrays = torch.from_numpy(x.reshape(len(x), -1)), torch.from_numpy(y).long()
    images, labels, rows = (a.to(bench_pytorch.DEVICE) for a in (*arrays, torch.arange(labelled)))
    made = getattr(bench_pytorch, batches)(images)
    _, train = bench_pytorch.training(system, images, labels, rows, made, encoder)

    def epoch() -> None:
        train(STEPS)
        if images.is_cuda:
            torch.cuda.synchronize()

    return epoch


def matrix_products(chains: tuple[list[Layer], ...]) -> Epoch:
    """Only the matrix products of a step: forwards, and both ways backwards where needed."""

    def step(weights: list[list[jax.Array]], _: None) -> tuple[list[list[jax.Array]], Any]:
        moved, total = [], jnp.zeros(())
        for own, given in zip(weights, inputs, strict=True):
            slopes = []
            for i, (weight, x) in enumerate(zip(own, given, strict=True)):
                out = x @ weight
                slopes.append(x.T @ out)
                if i:
                    total += (out @ weight.T).sum()
            moved.append([w - 1e-9 * s for w, s in zip(own, slopes, strict=True)])
        return moved, total

    inputs = [[jnp.ones((BATCH * rows, m)) for rows, m, _ in chain] for chain in chains]
    weights = [[jnp.full((m, n), 0.01) for _, m, n in chain] for chain in chains]
    program = jax.jit(lambda weights: jax.lax.scan(step, weights, length=STEPS))
    return lambda: jax.block_until_ready(program(weights))


def whole_grid() -> None:
    """Seconds from start to results, in processes of their own."""
    data = cli.data_dir()
    name = "mnist" if (data / "mnist").is_dir() else "digits"
    with tempfile.TemporaryDirectory() as scratch:
        compiled = os.environ | {"JAX_COMPILATION_CACHE_DIR": f"{scratch}/compiled"}
        module = [sys.executable, "-m"]
        grid = [*module, "experiments.grid", "--config=configs/bench_grid.py"]
        grid += [f"--data_dir={data}", f"--config.data.name={name}"]
        first, said = timed([*grid, f"--workdir={scratch}/first"], compiled)
        compiling = seconds_compiling(said)
        second, said = timed([*grid, f"--workdir={scratch}/second"], compiled)
        other = [*module, "experiments.bench_pytorch", f"--data_dir={data}", f"--data={name}"]
        plain, their_score = timed(other, dict(os.environ))
        print(f"\n40 points of two epochs on {name}, scored by nearest neighbours, in seconds")
        print(f"{'jaxdml, first start':28}{first:13.1f}   compiling {compiling:.1f}")
        print(
            f"{'jaxdml, second start':28}{second:13.1f}   compiling {seconds_compiling(said):.1f}"
        )
        print(f"{'PyTorch, scikit-learn':28}{plain:13.1f}   {plain / first:.2f}× the first start")
        print(f"PyTorch, {their_score.splitlines()[-1]}; jaxdml: {mean(scratch)}")


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Seconds that a command took, and what it said."""
    start = time.perf_counter()
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True, errors="replace"
    )
    return time.perf_counter() - start, done.stderr + done.stdout


def seconds_compiling(said: str) -> float:
    """What a run says that it spent on compiling."""
    found = re.search(r"compiling ([\d.]+) s", said)
    assert found, said
    return float(found[1])


def mean(scratch: str) -> str:
    """Mean accuracies of the first run, to see that both trained the same."""
    from jaxdml.runs.storage import files

    scores: dict[str, list[float]] = {}
    for row in files.read_csv(Path(scratch) / "first" / "results.csv"):
        if row["metric"] == "accuracy":
            scores.setdefault(row["protocol"], []).append(float(row["value"]))
    return ", ".join(f"{protocol} {np.mean(found):.3f}" for protocol, found in scores.items())


if __name__ == "__main__":
    cli.main(main)
