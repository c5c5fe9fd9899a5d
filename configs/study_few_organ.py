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
LABELS_ALONE = (3456,)


def get_config() -> ConfigDict:
    """The base of all points."""
    return study_few.base("organamnist", stratified=False)


def get_questions() -> dict[str, dict[str, dict[str, Any]]]:
    """Is the recipe better than each of the others?"""
    return study_few.questions(COMPARED) | study_few.questions(LABELS_ALONE, 2)


def get_grid() -> tuple[dict[Any, Any], ...]:
    """75 points: the recipe at all counts, the others where it has to be better, labels alone."""
    return (
        study_few.recipe((60, 600, 3456)),
        *study_few.others(COMPARED),
        *study_few.others(LABELS_ALONE)[:2],
    )
