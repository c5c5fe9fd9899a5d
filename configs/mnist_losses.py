r"""Every metric loss on MNIST with 6,000 labels, and the joint VAE of the thesis beside them.

    python -m experiments.grid --config=configs/mnist_losses.py \
        --data_dir=DATA --workdir=runs/mnist_losses

`dml` with each loss at its defaults, and `mvae` (VampPrior of 50 pseudo-inputs, SupCon) trained
jointly with α = 0.05; latent 10, batch 128, Adam 1e-3, ten epochs, two seeds: four minutes on two
CPU cores. What to expect is in docs/thesis.md.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import common
from jaxdml.losses import METRIC

SEEDS = tuple((seed, seed) for seed in range(2))


def get_config() -> ConfigDict:
    """The base of all points."""
    config = common.get_config()
    config.data.name = "mnist"
    config.data.labelled_count = 6000
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Twenty-two points."""
    seeds: dict[Any, Any] = {("seed", "data.labels_seed"): SEEDS}
    return (
        {"system": ("mvae",), "loss.name": ("supcon",), "routine.alpha": (0.05,), **seeds},
        {"system": ("dml",), "loss.name": tuple(METRIC), **seeds},
    )
