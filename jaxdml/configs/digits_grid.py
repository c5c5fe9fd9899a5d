"""The demonstration: what do unlabelled images add to a few labels? On `digits`, in two dimensions.

jaxdml grid --config=digits_grid --workdir=runs/demo
"""

from typing import Any

from ml_collections import ConfigDict

from jaxdml.configs import digits

SEEDS = tuple((seed, seed) for seed in range(3))


def get_config() -> ConfigDict:
    """The base of all points."""
    config = digits.get_config()
    config.kl.beta = 0.1  # where there is a prior; two dimensions hold little beside it
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Labels alone, images alone, both, and both with a VampPrior, at two label fractions."""
    labels: dict[Any, Any] = {
        "data.labelled_percent": (1.0, 10.0),
        ("seed", "data.labels_seed"): SEEDS,
    }
    return (
        {"system": ("dml", "ae"), **labels},
        {"system": ("dml_ae",), "routine.name": ("alternate", "joint"), **labels},
        {"system": ("mvae",), "routine.name": ("joint",), **labels},
    )
