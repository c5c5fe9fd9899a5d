r"""What would the thesis's parts add to the recipe for few labels?

    python -m experiments.grid --config=configs/study_few_terms.py --data_dir=DATA \
        --workdir=runs/study_few_terms

Sixty labels of MNIST (stratified) and OrganAMNIST (drawn at random), 4,000 steps, five draws that
chose nothing: the recipe, and with a reconstruction, a unit prior or a VAE beside it. The weights
are those that `choose_few_terms.py` found on validation images.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import study_few_ablation
from configs.choose_few_terms import ADDED, with_weights

WEIGHTS = {"reconstruction": 0.0002, "unit prior": 0.002, "VAE": 0.002}


def get_config() -> ConfigDict:
    """The recipe with 4,000 steps and 60 labels."""
    return study_few_ablation.get_config()


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Forty points."""
    alike = study_few_ablation.ALIKE
    added = (with_weights(name, (weight,)) for name, weight in WEIGHTS.items())
    return (alike, *(one | alike for one in added))


def get_questions() -> dict[str, dict[str, dict[str, Any]]]:
    """Does one of them make a difference?"""
    settings: dict[str, dict[str, Any]] = {"nothing": {}}
    for name, weight in WEIGHTS.items():
        terms, fields = ADDED[name]
        settings[name] = {"terms": terms} | dict.fromkeys(fields, weight)
    return study_few_ablation.asked("What is added?", settings)
