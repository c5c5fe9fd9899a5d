r"""How far does the recipe get with a deeper network and more steps? MNIST.

    python -m experiments.grid --config=configs/study_few_large.py --data_dir=DATA \
        --workdir=runs/study_few_large

16,000 steps, three label draws that chose nothing, and four convolutions in the place of two. This
is work for an accelerator. OrganAMNIST is not trained yet, and so not in the grid: `get_grid() +
organs()` has it, with labels drawn at random, and with a residual network besides.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import few
from configs.study_few import COUNTS, DRAWS

SEEDS: dict[Any, Any] = {("seed", "data.labels_seed"): DRAWS[:3]}
DEEPER = {"model.channels": ((32, 64, 64, 128),), "model.strides": ((1, 2, 1, 2),)}
RESNET = {
    "model.encoder": ("resnet",),
    "model.widths": ((32, 64, 128),),
    "model.depths": ((1, 1, 1),),
}
SET = ("data.name", "data.stratified", "data.labelled_count")
ORGANS = ("organamnist", False)


def get_config() -> ConfigDict:
    """The recipe with 16,000 steps."""
    config = few.get_config("full")
    config.train.steps = 16000
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Fifteen points of MNIST."""
    sets: dict[Any, Any] = {SET: tuple(("mnist", True, count) for count in COUNTS)}
    return (sets | DEEPER | SEEDS,)


def organs() -> tuple[dict[Any, Any], ...]:
    """Fifteen of OrganAMNIST; without a count all images are labelled."""
    few_to_all: dict[Any, Any] = {SET: tuple((*ORGANS, count) for count in (60, 600, None))}
    many: dict[Any, Any] = {SET: tuple((*ORGANS, count) for count in (600, None))}
    return (few_to_all | DEEPER | SEEDS, many | RESNET | SEEDS)
