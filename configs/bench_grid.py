"""Forty short trainings on MNIST: how fast is a whole grid, evaluation and compiling included?

    python -m experiments.grid --config=configs/bench_grid.py --data_dir=DATA --workdir=runs/bench

`dml` and joint `dml_ae` with hard triplets, four label fractions, five seeds, two epochs of batches
of 128, Adam 1e-3, latent 10. `make bench` compares it with the same in PyTorch; what to expect is
in docs/performance.md. `--config.data.name=digits` needs no data.

Triplets are of embeddings of length 1. Without that some seeds collapse with a tenth of the labels
already, here as in PyTorch, and the mean scores of both say little. Raw pixels and PCA are not
scored beside the points: the counterpart scores nothing else either.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import common

SEEDS = tuple((seed, seed) for seed in range(5))


def get_config() -> ConfigDict:
    """The base of all points."""
    config = common.get_config()
    config.data.name = "mnist"
    config.loss.mining = "hard"
    config.loss.normalize = True
    config.eval.baselines = ()
    config.train.epochs = 2
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """40 points in two cohorts."""
    return (
        {
            "system": ("dml", "dml_ae"),
            "data.labelled_percent": (0.1, 1.0, 10.0, 100.0),
            ("seed", "data.labels_seed"): SEEDS,
        },
    )
