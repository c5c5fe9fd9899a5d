r"""Table 6.2 of the thesis: does a reconstruction loss help a metric loss? OrganAMNIST.

    python -m experiments.grid --config=configs/table_6_2.py \
        --data_dir=DATA --workdir=runs/table_6_2

`dml` against alternating `dml_ae`, triplets, by labels, latent size and α; two seeds, where the
thesis prints the mean of four. Judge by `labelled` and `full`: under `thesis` neighbouring slices
of one patient stand on both sides. What was not stated is in `thesis.py`.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import thesis
from configs.thesis import QUICK as QUICK

DATASET, SEEDS = "organamnist", 2


def get_config() -> ConfigDict:
    """The base of all points."""
    config = thesis.base(DATASET)
    config.eval.protocols = ("thesis", "labelled", "full")
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Thirty cells."""
    cells: dict[Any, Any] = {
        "model.latent_dim": (2, 10),
        "data.labelled_percent": (0.01, 0.1, 10.0),
        **thesis.seeds(SEEDS),
    }
    return (
        {"system": ("dml",), **cells},
        {"system": ("dml_ae",), "routine.alpha": (0.25, 0.5, 0.75), **cells},
        {"system": ("dml_ae",), "routine.alpha": (1.0,), **cells},
    )
