r"""Table 6.5 of the thesis: does a VAE help a metric loss? Three losses, MNIST and OrganAMNIST.

    python -m experiments.grid --config=configs/table_6_5.py \
        --data_dir=DATA --workdir=runs/table_6_5

`dml` against alternating `mvae` with a VampPrior of ten pseudo-inputs (as the code of the same
group has), by labels, latent size and α; triplets, SupCon (τ = 0.1) and center loss (λ = 0.003,
centres with a learning rate of 0.5) on the sampled z; α = 1 is the VAE alone. One seed. Posterior
means are scored, and samples. What was not stated is in `thesis.py`. Half an hour on two CPU cores;
on MNIST expect 0.32 to 0.97 by labels alone, 0.69 to 0.80 of `mvae` in two dimensions and 0.92 to
0.96 in ten (kNN, `thesis`).
"""

from typing import Any

from ml_collections import ConfigDict

from configs import thesis
from configs.thesis import QUICK as QUICK


def get_config() -> ConfigDict:
    """The base of all points."""
    config = thesis.base("mnist")
    config.prior.pseudo_inputs = 10
    config.eval.protocols = ("thesis", "labelled", "full")
    config.eval.embeddings = ("mean", "sample")
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """A hundred and twenty cells."""
    cells: dict[Any, Any] = {
        "data.name": ("mnist", "organamnist"),
        "loss.name": ("triplet", "supcon", "center"),
        "model.latent_dim": (2, 10),
        "data.labelled_percent": (0.01, 10.0),
        **thesis.seeds(range(1)),
    }
    return (
        {"system": ("dml",), **cells},
        {"system": ("mvae",), "routine.alpha": (0.25, 0.5, 0.75, 1.0), **cells},
    )


def get_questions() -> dict[str, dict[str, dict[str, Any]]]:
    """The thesis's third claim, where the metric loss weighs most: α = 0.25."""
    asked: dict[str, dict[str, dict[str, Any]]] = {}
    for dataset in ("mnist", "organamnist"):
        for dims in (2, 10):
            for percent in (0.01, 10.0):
                here = {
                    "data.name": dataset,
                    "model.latent_dim": dims,
                    "data.labelled_percent": percent,
                }
                settings = {
                    "images alone (α = 1)": {"system": "mvae", "routine.alpha": 1.0, **here}
                }
                for loss in ("triplet", "supcon", "center"):
                    one = {"loss.name": loss, **here}
                    settings[f"labels alone, {loss}"] = {"system": "dml", **one}
                    settings[f"both, {loss}"] = {"system": "mvae", "routine.alpha": 0.25, **one}
                asked[f"Better than images alone? {dataset}, {dims}-D, {percent:g} %"] = settings
    return asked
