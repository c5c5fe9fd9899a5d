r"""How much of a reconstruction, a prior or a VAE beside the recipe? On validation images.

    python -m experiments.grid --config=configs/choose_few_terms.py --data_dir=DATA \
        --workdir=runs/choose_few_terms

Sixty labels of MNIST and OrganAMNIST, as in `choose_few.py`; no test image is read. Each of the
three is given three weights, of which `study_few_terms.py` takes the best.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import choose_few

WEIGHTS = (0.0002, 0.002, 0.02)
DRAWS = ((0, 0), (1, 1))
# what is added → its terms, and the fields that weigh it
ADDED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "reconstruction": (("metric", "reconstruction"), ("reconstruction.weight",)),
    "unit prior": (("metric", "kl"), ("kl.weight",)),
    "VAE": (("metric", "reconstruction", "kl"), ("reconstruction.weight", "kl.weight")),
}


def get_config() -> ConfigDict:
    """The recipe with 1,000 steps, scored on validation images."""
    config = choose_few.get_config()
    config.prior.name = "unit"
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Thirty-six points."""
    sets: dict[Any, Any] = {
        ("data.name", "data.validation"): (("mnist", 5000), ("organamnist", 0)),
        "data.labelled_count": (60,),
        ("seed", "data.labels_seed"): DRAWS,
    }
    return tuple(sets | with_weights(name, WEIGHTS) for name in ADDED)


def with_weights(name: str, weights: tuple[float, ...]) -> dict[Any, Any]:
    """The axes of something that is added: its terms, and one weight for all of them at a time."""
    terms, fields = ADDED[name]
    return {"terms": (terms,), fields: tuple((weight,) * len(fields) for weight in weights)}
