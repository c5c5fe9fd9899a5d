r"""Which metric loss and which α for `study_labels.py`? A pilot on images that it never scores.

    python -m experiments.grid --config=configs/pilot_labels.py \
        --data_dir=DATA --workdir=runs/pilot_labels

`dml` and joint `dml_ae` with triplets and SupCon, by α, with 60 and 6,000 labels; `ae` beside them.
Scored on 10,000 of MNIST's training images, with two seeds that the study does not have.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import thesis
from configs.thesis import QUICK as QUICK


def get_config() -> ConfigDict:
    """The base of all points."""
    config = thesis.base("mnist")
    config.routine.name = "joint"
    config.model.latent_dim = 10
    config.data.validation = 10_000
    config.eval.split = "validation"
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Thirty-six points."""
    cells: dict[Any, Any] = {
        "data.labelled_count": (60, 6000),
        ("seed", "data.labels_seed"): ((10, 10), (11, 11)),
    }
    losses = {"loss.name": ("triplet", "supcon"), **cells}
    return (
        {"system": ("ae",), **cells},
        {"system": ("dml",), **losses},
        {"system": ("dml_ae",), "routine.alpha": (0.005, 0.05, 0.5), **losses},
    )
