r"""Does the recipe for few labels beat what it is made of? MNIST, at equal steps.

    python -m experiments.grid --config=configs/study_few.py --data_dir=DATA \
        --workdir=runs/study_few

The recipe (`few`) at 10 to 6,000 labels, five stratified draws: the shares of the classes are known
there. Against it, where it has to be better: labels alone, on plain and on strongly augmented
images, images alone, and both together. All of them have the recipe's network, metric loss,
embeddings, steps, batches, schedule and averaging. One more row has the library's defaults.

Seeds and label draws begin at 100, since defaults were chosen with others (`choose_few.py`).
"""

from typing import Any

from ml_collections import ConfigDict

from configs import few

COUNTS = (10, 60, 100, 600, 6000)
COMPARED = (10, 60, 600)
LABELS_ALONE = (100, 6000)  # with nothing but the first two of the others
DRAWS = tuple((draw, draw) for draw in range(100, 105))
Changes = dict[str, dict[str, dict[str, Any]]]  # question → setting → what it changes
SEEDS: dict[Any, Any] = {("seed", "data.labels_seed"): DRAWS}
OTHERS: dict[str, dict[str, Any]] = {
    "labels alone": {"system": "dml"},
    "labels alone, strong views": {"system": "dml", "loss.view": "strong"},
    "images alone": {"system": "ae"},
    "both": {"system": "dml_ae", "routine.name": "joint"},
    # another network, metric loss, batches and schedule, and ten epochs; averaged all the same
    "the library's defaults": {"system": "dml_ae", "routine.name": "joint", "train.epochs": 10}
    | dict.fromkeys(
        (
            *("model.encoder", "model.latent_dim", "model.unit_length", "loss.name"),
            *("train.batch_size", "train.unlabelled_batch_size", "train.steps"),
            *("optimizer.schedule", "optimizer.warmup_steps"),
        )
    ),
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
    """120 points: the recipe at all counts, the others where it has to be better, labels alone."""
    return (recipe(COUNTS), *others(COMPARED), *others(LABELS_ALONE)[:2])


def get_questions() -> Changes:
    """Is the recipe better than each of the others?"""
    return questions(COMPARED) | questions(LABELS_ALONE, 2)


def questions(counts: tuple[int, ...], first: int | None = None) -> Changes:
    """A question for each count of labels, about all others or the first of them."""
    compared: dict[str, dict[str, Any]] = {"the recipe": {}, **dict([*OTHERS.items()][:first])}
    return {
        f"Better than the recipe? {count:,} labels": {
            name: {**changes, "data.labelled_count": count} for name, changes in compared.items()
        }
        for count in counts
    }


def recipe(counts: tuple[int, ...]) -> dict[Any, Any]:
    """The recipe at some counts of labels."""
    return {"system": ("few",), "data.labelled_count": counts} | SEEDS


def others(counts: tuple[int, ...]) -> tuple[dict[Any, Any], ...]:
    """The other systems at some counts of labels."""
    return tuple(
        {path: (value,) for path, value in one.items()} | {"data.labelled_count": counts} | SEEDS
        for one in OTHERS.values()
    )
