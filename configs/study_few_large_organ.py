r"""How far does the recipe get with a deeper network and more steps? OrganAMNIST.

    python -m experiments.grid --config=configs/study_few_large_organ.py --data_dir=DATA \
        --workdir=runs/study_few_large_organ

As `study_few_large.py`, but the labelled images are drawn at random, and nobody tells the shares of
the classes. This is work for an accelerator.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import study_few_large
from configs.study_few_large import DEEPER, SEEDS, SET

ALL = None


def get_config() -> ConfigDict:
    """The recipe with 16,000 steps."""
    return study_few_large.get_config()


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Nine points: sixty labels, 600, and all of them."""
    return (labels(60, 600, ALL) | DEEPER | SEEDS,)


def labels(*counts: int | None) -> dict[Any, Any]:
    """So many labelled images, drawn at random."""
    return {SET: tuple(("organamnist", False, count) for count in counts)}
