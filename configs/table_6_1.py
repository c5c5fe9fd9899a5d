r"""Table 6.1 of the thesis: does a reconstruction loss help a metric loss? MNIST.

    python -m experiments.grid --config=configs/table_6_1.py \
        --data_dir=DATA --workdir=runs/table_6_1

`dml` against alternating `dml_ae`, triplets, by labels, latent size and α; four seeds, of which the
thesis too prints the mean. What was not stated is in `thesis.py`. Under two hours on two CPU cores
that had other work too, or four minutes with `--config.quick=True`; expect 0.76 to 0.79 wherever
there is a reconstruction in two dimensions and 0.955 to 0.966 in ten, by labels alone 0.30 to 0.94
and 0.60 to 0.97 (kNN, `thesis`).
"""

from typing import Any

from ml_collections import ConfigDict

from configs import thesis
from configs.thesis import QUICK as QUICK


def get_config() -> ConfigDict:
    """The base of all points."""
    return thesis.base("mnist")


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Thirty cells."""
    return grid(4)


def grid(count: int) -> tuple[dict[Any, Any], ...]:
    """All cells, with so many seeds."""
    cells: dict[Any, Any] = {
        "model.latent_dim": (2, 10),
        "data.labelled_percent": (0.01, 0.1, 10.0),
        **thesis.seeds(range(count)),
    }
    return (
        {"system": ("dml",), **cells},
        {"system": ("dml_ae",), "routine.alpha": (0.25, 0.5, 0.75), **cells},
        {"system": ("dml_ae",), "routine.alpha": (1.0,), **cells},
    )


def get_questions() -> dict[str, dict[str, dict[str, Any]]]:
    """The thesis's first claim: do both losses together do better than either alone?"""
    asked: dict[str, dict[str, dict[str, Any]]] = {}
    for dims in (2, 10):
        for percent in (0.01, 0.1, 10.0):
            here = {"model.latent_dim": dims, "data.labelled_percent": percent}
            both = {
                f"both, α = {alpha}": {"system": "dml_ae", "routine.alpha": alpha, **here}
                for alpha in (0.25, 0.5, 0.75)
            }
            labels = {"labels alone (dml)": {"system": "dml", **here}}
            images = {"images alone (α = 1)": {**both["both, α = 0.5"], "routine.alpha": 1.0}}
            asked[f"Better than labels alone? {dims}-D, {percent:g} %"] = labels | both
            asked[f"Better than images alone? {dims}-D, {percent:g} %"] = images | both
    return asked
