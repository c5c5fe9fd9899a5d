r"""How far does the recipe get with a residual network and more steps? OrganAMNIST.

    python -m experiments.grid --config=configs/study_few_large_resnet.py --data_dir=DATA \
        --workdir=runs/study_few_large_resnet

As `study_few_large_organ.py`, with many labels. This is work for an accelerator: a point takes 65 s
on an H200, where six are trained side by side.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import study_few_large
from configs.study_few_large import SEEDS
from configs.study_few_large_organ import ALL, labels

RESNET = {
    "model.encoder": ("resnet",),
    "model.widths": ((32, 64, 128),),
    "model.depths": ((1, 1, 1),),
}


def get_config() -> ConfigDict:
    """The recipe with 16,000 steps."""
    return study_few_large.get_config()


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Six points: 600 labels, and all of them."""
    return (labels(600, ALL) | RESNET | SEEDS,)
