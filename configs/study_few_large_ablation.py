r"""What does the recipe for few labels need, with a deeper network and more steps?

    python -m experiments.grid --config=configs/study_few_large_ablation.py --data_dir=DATA \
        --workdir=runs/study_few_large_ablation

As `study_few_ablation.py`, but with 16,000 steps and the four convolutions of `study_few_large.py`.
This is work for an accelerator. It has not been trained yet.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import study_few_ablation
from configs.study_few_ablation import get_questions as get_questions
from configs.study_few_large import DEEPER


def get_config() -> ConfigDict:
    """The recipe with 16,000 steps and 60 labels."""
    config = study_few_ablation.get_config()
    config.train.steps = 16000
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Seventy points."""
    return tuple(entry | DEEPER for entry in study_few_ablation.get_grid())
