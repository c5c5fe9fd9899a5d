r"""What limits the recipe at 60 labels of MNIST, and does anything mend it?

    python -m experiments.grid --config=configs/study_few_limits.py --data_dir=DATA \
        --workdir=runs/study_few_limits

The same five draws as in `study_few.py`, 6,000 steps unless said. Where none of the labelled sevens
has a bar, `few` calls most sevens with a bar a 2. Each attempt changes one thing. Those under
`FURTHER` are not trained yet, and not in the grid.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import few
from configs.study_few import DRAWS

CONTRAST = ("metric", "contrast")
ATTEMPTS: dict[str, dict[str, Any]] = {
    "contrast": {"terms": CONTRAST},
    "contrast first": {  # 2,000 steps of it alone
        "terms": CONTRAST,
        "routine.name": "pretrain_joint",
        "routine.pretrain_epochs": 10,
    },
}
FURTHER: dict[str, dict[str, Any]] = {
    "propagation": {  # a new graph every 1,000 steps
        "loss.sources": ("true", "teacher", "propagated"),
        "propagated.first": 5,
        "propagated.every": 5,
    },
    "shares": {"pseudo.alignment": "running"},
    "stricter": {"pseudo.threshold": 0.99},
    "adaptive": {"pseudo.thresholds": "adaptive"},
    "more steps": {"train.steps": 16000},
}


def get_config() -> ConfigDict:
    """The recipe, scored by propagation too."""
    config = few.get_config("full")
    config.data.name = "mnist"
    config.data.stratified = True
    config.data.labelled_count = 60
    config.eval.protocols = ("labelled", "scores", "propagated")
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Ten points."""
    draws: dict[Any, Any] = {("seed", "data.labels_seed"): DRAWS}
    return tuple(
        {path: (value,) for path, value in one.items()} | draws for one in ATTEMPTS.values()
    )
