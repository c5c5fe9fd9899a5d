"""Training speed against PyTorch with pytorch-metric-learning, and against bare matrix products.

    python -m experiments.bench [--rounds=5]        (`make bench` installs what it needs)

The same 784-512-256-10 autoencoder and its losses, Adam, batch 128, on random images that lie in
memory as bytes; all contestants take turns in one process, and medians and ratios are printed.
"""

import importlib.util
import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from experiments import cli
from jaxdml import config, systems
from jaxdml.options import ConfigError
from jaxdml.train import population, streams
from jaxdml.types import Dataset, Split

ROUNDS = flags.DEFINE_integer("rounds", 5, "How often each contestant has its turn.", lower_bound=1)
BATCH, STEPS, LABELLED = 128, 100, 6000
WIDTHS = (784, 512, 256, 10, 256, 512, 784)
CASES: dict[str, dict[str, Any]] = {
    "ae": {"system": "ae"},
    "dml, hard triplets": {"system": "dml", "loss.mining": "hard"},
    "dml_ae joint, hard triplets": {"system": "dml_ae", "loss.mining": "hard"},
}


def main() -> None:
    """Prints a table: milliseconds a step, and ratios."""
    if not importlib.util.find_spec("pytorch_metric_learning"):
        raise ConfigError("bench needs PyTorch: pip install 'jaxdml[bench]'")
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (BATCH * STEPS, 28, 28, 1), np.uint8)
    y = random.integers(0, 10, len(x)).astype(np.int32)
    flops = 2 * BATCH * sum(a * b for a, b in itertools.pairwise(WIDTHS)) * 3
    product = matrix_products()
    print(f"{'median of ' + str(ROUNDS.value):30} {'jaxdml':>10} {'PyTorch':>10} {'ratio':>7}")
    for name, options in CASES.items():
        contestants = {"jaxdml": ours(options, x, y), "PyTorch": theirs(options, x, y)}
        contestants["products"] = product
        times: dict[str, list[float]] = {contestant: [] for contestant in contestants}
        for _ in range(ROUNDS.value):
            for contestant, epoch in contestants.items():
                start = time.perf_counter()
                epoch()
                times[contestant].append((time.perf_counter() - start) / STEPS)
        a, b, c = (statistics.median(times[contestant]) for contestant in contestants)
        print(f"{name:30} {a * 1e3:7.2f} ms {b * 1e3:7.2f} ms {b / a:6.2f}×")
    print(
        f"\nbare matrix products of the autoencoder's step: {c * 1e3:.2f} ms, "
        f"{flops / c / 1e9:.0f} GFLOP/s"
    )


def ours(options: dict[str, Any], x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """An epoch of this library's training program; compiled and warm."""
    resolved = config.resolve(options)
    where = population.layout(1)

    def assemble(numbers: Any) -> Any:
        return systems.assemble(resolved | dict(numbers), (28, 28, 1), 10)[:2]

    split = Split(x, y)
    dataset = Dataset("random", split, split, split, tuple("0123456789"), "made here")
    programs = population.programs(assemble, streams.Sizes(BATCH, len(x), None), where)
    labelled = [np.arange(LABELLED)]
    batch = population.stack([0], [config.numbers(resolved)], labelled, LABELLED, where)
    images = population.place_images(dataset, where)
    states = programs.init(batch, images)

    def epoch() -> None:
        nonlocal states
        states, metrics = programs.epoch((0,))(states, batch, images, np.int32(1))
        jax.block_until_ready((states, metrics))

    epoch()
    return epoch


def theirs(options: dict[str, Any], x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """The same epoch as a plain PyTorch loop over tensors in memory; warm."""
    import torch
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import BatchHardMiner
    from torch import nn

    torch.manual_seed(0)
    encoder = nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
    )
    decoder = nn.Sequential(
        nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 784)
    )
    system = options["system"]
    trained = nn.ModuleList([encoder] if system == "dml" else [encoder, decoder])
    optimizer = torch.optim.Adam(trained.parameters(), lr=1e-3)
    distance = LpDistance(normalize_embeddings=False)
    miner, triplet = BatchHardMiner(distance=distance), TripletMarginLoss(0.2, distance=distance)
    images, labels = torch.from_numpy(x.reshape(len(x), -1)), torch.from_numpy(y).long()

    def epoch() -> None:
        order = torch.randperm(len(images))
        for i in range(STEPS):
            loss = torch.zeros(())
            if system != "dml":
                batch = images[order[i * BATCH : (i + 1) * BATCH]].float() / 255
                error = (decoder(encoder(batch)) - batch) ** 2
                loss = loss + 0.5 * error.sum(dim=1).mean()
            if system != "ae":
                rows = torch.randint(LABELLED, (BATCH,))
                z = encoder(images[rows].float() / 255)
                loss = loss + 0.5 * triplet(z, labels[rows], miner(z, labels[rows]))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    epoch()
    return epoch


def matrix_products() -> Callable[[], None]:
    """Only the matrix products of the autoencoder's step: forwards, and both ways backwards."""

    def step(weights: list[jax.Array], x: jax.Array) -> tuple[list[jax.Array], jax.Array]:
        layers = [x]
        for weight in weights:
            layers.append(layers[-1] @ weight)
        back, slopes = layers[-1], []
        for layer, weight in zip(layers[-2::-1], reversed(weights), strict=True):
            slopes.append(layer.T @ back)
            back = back @ weight.T
        moved = [w - 1e-9 * s for w, s in zip(weights, reversed(slopes), strict=True)]
        return moved, back.sum()

    weights = [jnp.full(shape, 0.01) for shape in itertools.pairwise(WIDTHS)]
    x = jnp.ones((STEPS, BATCH, WIDTHS[0]))
    program = jax.jit(lambda weights, x: jax.lax.scan(step, weights, x))
    jax.block_until_ready(program(weights, x))
    return lambda: jax.block_until_ready(program(weights, x))


if __name__ == "__main__":
    cli.main(main)
