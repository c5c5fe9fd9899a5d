r"""Does the recipe for few labels beat what it is made of? MNIST, at equal steps.

    python -m experiments.grid --config=configs/study_few.py --data_dir=DATA \
        --workdir=runs/study_few

The recipe (`few`) at 10 to 6,000 labels, five stratified draws: the shares of the classes are known
there. Against it, where it has to be better: labels alone, on plain and on strongly augmented
images, images alone, and both together. All of them have the recipe's network, metric loss,
embeddings, steps, batches, schedule and averaging. Seeds and label draws begin at 100, since
defaults were chosen with others (`choose_few.py`). What is not trained yet is not in the grid:
`get_grid` says what follows.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import few

COUNTS = (10, 60, 100, 600, 6000)
COMPARED = (10, 60, 600)
DRAWS = tuple((draw, draw) for draw in range(100, 105))
SEEDS: dict[Any, Any] = {("seed", "data.labels_seed"): DRAWS}
OTHERS: dict[str, dict[str, Any]] = {
    "labels alone": {"system": "dml"},
    "labels alone, strong views": {"system": "dml", "loss.view": "strong"},
    "images alone": {"system": "ae"},
    "both": {"system": "dml_ae", "routine.name": "joint"},
}


def get_config() -> ConfigDict:
    """The base of all points."""
    return base("mnist", stratified=True)


def base(dataset: str, *, stratified: bool) -> ConfigDict:
    """That of a data set: what the recipe and the other systems have alike."""
    config = few.get_config("full")
    few.alike(config)
    config.data.name = dataset
    config.data.stratified = stratified
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Fifteen points of the recipe; 600 and 6,000 labels, and `others(COMPARED)`, follow."""
    return (recipe(COUNTS[:3]),)


def recipe(counts: tuple[int, ...]) -> dict[Any, Any]:
    """The recipe at some counts of labels."""
    return {"system": ("few",), "data.labelled_count": counts} | SEEDS


def others(counts: tuple[int, ...]) -> tuple[dict[Any, Any], ...]:
    """The other systems at some counts of labels."""
    return tuple(
        {path: (value,) for path, value in one.items()} | {"data.labelled_count": counts} | SEEDS
        for one in OTHERS.values()
    )
