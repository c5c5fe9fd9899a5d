r"""Does the recipe for few labels beat what it is made of? OrganAMNIST, at equal steps.

    python -m experiments.grid --config=configs/study_few_organ.py --data_dir=DATA \
        --workdir=runs/study_few_organ

As `study_few.py`, but the labelled images are drawn at random, and nobody tells the shares of the
classes.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import study_few

COMPARED = (60, 600)


def get_config() -> ConfigDict:
    """The base of all points."""
    return study_few.base("organamnist", stratified=False)


def get_questions() -> dict[str, dict[str, dict[str, Any]]]:
    """Is the recipe better than each of the others?"""
    return study_few.questions(COMPARED)


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Sixty-five points: the recipe at all counts, and the others where it has to be better."""
    return (study_few.recipe((60, 600, 3456)), *study_few.others(COMPARED))
