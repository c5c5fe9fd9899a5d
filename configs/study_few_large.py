r"""How far does the recipe get with a deeper network and more steps? MNIST.

    python -m experiments.grid --config=configs/study_few_large.py --data_dir=DATA \
        --workdir=runs/study_few_large

16,000 steps, three label draws that chose nothing, and four convolutions in the place of two. This
is work for an accelerator.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import few
from configs.study_few import COUNTS, DRAWS

SEEDS: dict[Any, Any] = {("seed", "data.labels_seed"): DRAWS[:3]}
DEEPER = {"model.channels": ((32, 64, 64, 128),), "model.strides": ((1, 2, 1, 2),)}
SET = ("data.name", "data.stratified", "data.labelled_count")


def get_config() -> ConfigDict:
    """The recipe with 16,000 steps."""
    config = few.get_config("full")
    config.train.steps = 16000
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Fifteen points of MNIST."""
    sets: dict[Any, Any] = {SET: tuple(("mnist", True, count) for count in COUNTS)}
    return (sets | DEEPER | SEEDS,)
