r"""What does the recipe for few labels need?

    python -m experiments.grid --config=configs/study_few_ablation.py --data_dir=DATA \
        --workdir=runs/study_few_ablation

Sixty labels of MNIST (stratified) and OrganAMNIST (drawn at random), 4,000 steps, five draws that
chose nothing. One part of the recipe is taken away at a time; `study_few_terms.py` adds some.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import few
from configs.study_few import DRAWS

# what is taken away → what stands in its place; weights of 0 stay in one program
WITHOUT: dict[str, dict[str, Any]] = {
    "nothing": {},
    "teacher": {"train.average": 0.0},  # the network as it is
    "alignment": {"pseudo.alignment": "none"},
    "threshold": {"pseudo.threshold": 0.0},
    "strong view": {"augment.strong": "weak"},
    "schedule": {"optimizer.schedule": "constant", "optimizer.warmup_steps": 1.0},
    "confident rows": {"pseudo.weight": 0.0},
}
ALIKE: dict[Any, Any] = {
    ("data.name", "data.stratified"): (("mnist", True), ("organamnist", False)),
    ("seed", "data.labels_seed"): DRAWS,
}


def get_config() -> ConfigDict:
    """The recipe with 4,000 steps and 60 labels."""
    config = few.get_config("full")
    config.train.steps = 4000
    config.data.labelled_count = 60
    config.prior.name = "unit"  # of those that study_few_terms.py adds
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Seventy points."""
    return tuple(
        {path: (value,) for path, value in one.items()} | ALIKE for one in WITHOUT.values()
    )
