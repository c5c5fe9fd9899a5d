r"""Table 6.2 of the thesis: does a reconstruction loss help a metric loss? OrganAMNIST.

    python -m experiments.grid --config=configs/table_6_2.py \
        --data_dir=DATA --workdir=runs/table_6_2

`dml` against alternating `dml_ae`, triplets, by labels, latent size and α; two seeds, where the
thesis prints the mean of four. Judge by `labelled` and `full`: under `thesis` neighbouring slices
of one patient stand on both sides. What was not stated is in `thesis.py`. Twelve minutes on two CPU
cores; expect 0.68 to 0.70 in ten dimensions wherever there is a reconstruction, by labels alone
0.36 to 0.66 (kNN, `full`).
"""

from typing import Any

from ml_collections import ConfigDict

from configs import table_6_1, thesis
from configs.table_6_1 import get_questions as get_questions
from configs.thesis import QUICK as QUICK


def get_config() -> ConfigDict:
    """The base of all points."""
    config = thesis.base("organamnist")
    config.eval.protocols = ("thesis", "labelled", "full")
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Thirty cells."""
    return table_6_1.grid(2)
