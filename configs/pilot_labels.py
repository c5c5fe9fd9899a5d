r"""Which metric loss, which margin and which α for `study_labels.py`? A pilot of its weights.

    python -m experiments.grid --config=configs/pilot_labels.py \
        --data_dir=DATA --workdir=runs/pilot_labels

`dml`, and `dml_ae` and `mvae` on every step, with triplets and SupCon, by margin, temperature and
α, with 60 and 6,000 labels; pre-training, also with 600; `ae` beside them. Scored on 10,000 of
MNIST's training images, which the study never scores, with two seeds that it does not have: means,
without verdicts. Fifty minutes on two CPU cores; expect triplets with a margin of 0.5 and α = 0.25
to do well with both counts, and pre-training to have a higher mean than either alone under
`labelled`.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import thesis
from configs.thesis import QUICK as QUICK

VAMP = {"prior.pseudo_inputs": (10,)}


def get_config() -> ConfigDict:
    """The base of all points."""
    config = thesis.base("mnist")
    config.routine.name = "joint"
    config.model.latent_dim = 10
    config.data.validation = 10_000
    config.eval.split = "validation"
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """A hundred and forty-two points, in the order in which they were thought of."""
    seeds: dict[Any, Any] = dict(thesis.seeds((10, 11)))
    cells = {"data.labelled_count": (60, 6000), **seeds}
    triplet = {"loss.name": ("triplet",), **cells}
    supcon = {"loss.name": ("supcon",), **cells}
    wide = (1.0, 5.0, 20.0)
    first = {"system": ("dml_ae",), "routine.name": ("pretrain",)}
    then = {"system": ("dml_ae",), "routine.name": ("pretrain_joint",)}
    more = {"data.labelled_count": (600,), **seeds}
    return (
        {"system": ("ae",), **cells},
        {"system": ("dml",), **triplet},
        {"system": ("dml",), **supcon},
        {"system": ("dml_ae",), "routine.alpha": (0.005, 0.05, 0.5), **triplet},
        {"system": ("dml_ae",), "routine.alpha": (0.005, 0.05, 0.5), **supcon},
        {"system": ("dml_ae",), "loss.margin": wide, "routine.alpha": (0.5, 0.9), **triplet},
        {"system": ("dml",), "loss.margin": (1.0, 5.0), **triplet},
        {"system": ("dml_ae",), "loss.temperature": (0.1, 0.5), "routine.alpha": (0.2,), **supcon},
        {"system": ("mvae",), "routine.alpha": (0.05, 0.5), **VAMP, **triplet},
        {"system": ("mvae",), "routine.alpha": (0.05, 0.5), **VAMP, **supcon},
        {"system": ("dml_ae",), "loss.margin": (0.2, 0.5), "routine.alpha": (0.25, 0.8), **triplet},
        {**then, "loss.margin": (0.5,), "routine.alpha": (0.25,), **triplet},
        {**then, "routine.alpha": (0.05,), **triplet},
        {**then, "routine.alpha": (0.05,), **supcon},
        {**first, "routine.pretrain_epochs": (2, 5, 8), **triplet},
        {**first, "routine.pretrain_epochs": (2, 5, 8), **more},
        {"system": ("dml",), **more},
        {"system": ("ae",), **more},
    )
