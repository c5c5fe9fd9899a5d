r"""A quick look at the thesis's first claim on MNIST: does reconstruction help a metric loss?

    python -m experiments.grid --config=configs/mnist_quick.py \
        --data_dir=DATA --workdir=runs/mnist_quick

`dml`, `ae`, `dml_ae` by alternation and jointly; 60 and 6,000 labels; latent 10, batch 128, Adam
1e-3, ten epochs, three seeds, α = 0.5. The metric loss is the batch-all triplet; the squared error
is summed over pixels. What to expect is in docs/thesis.md.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import common

SEEDS = tuple((seed, seed) for seed in range(3))


def get_config() -> ConfigDict:
    """The base of all points."""
    config = common.get_config()
    config.data.name = "mnist"
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """24 points."""
    labels: dict[Any, Any] = {
        "data.labelled_count": (60, 6000),
        ("seed", "data.labels_seed"): SEEDS,
    }
    return (
        {"system": ("dml", "ae"), **labels},
        {"system": ("dml_ae",), "routine.name": ("alternate", "joint"), **labels},
    )
