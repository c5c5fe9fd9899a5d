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
SETS = (("mnist", True), ("organamnist", False))
ALIKE: dict[Any, Any] = {
    ("data.name", "data.stratified"): SETS,
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


def get_questions() -> dict[str, dict[str, dict[str, Any]]]:
    """What is lost without each part?"""
    return asked("Without one part?", {name: dict(one) for name, one in WITHOUT.items()})


def asked(
    question: str, settings: dict[str, dict[str, Any]], margin: float = 0.005
) -> dict[str, dict[str, dict[str, Any]]]:
    """A question about both data sets; differences below `margin` do not matter."""
    first = next(iter(settings))
    return {
        f"{question} {name}": {
            setting: {**changes, "data.name": name, "data.stratified": stratified}
            | ({"margin": margin} if setting == first else {})
            for setting, changes in settings.items()
        }
        for name, stratified in SETS
    }
