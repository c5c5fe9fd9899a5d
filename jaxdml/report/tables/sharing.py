"""What seeds share: whether the same images are labelled for all of them."""

from collections.abc import Mapping, Sequence
from typing import Any

SEEDS = ("seed", "data.labels_seed")
FOLD = "data.fold"
REPEATS = (*SEEDS, FOLD)  # in which points of one setting differ
LABELS = ("data.labelled_percent", "data.labelled_count", "data.labels_per_class")


def shared_labels(configs: Sequence[Mapping[str, Any]]) -> str | None:
    """A sentence on how many settings have the same labelled images for all seeds; or `None`.

    Args:
      configs: resolved configurations of points.

    >>> base = {"data.labelled_count": 60, "data.labels_seed": 0}
    >>> message = shared_labels([base | {"seed": 0}, base | {"seed": 1}])
    >>> message.partition(":")[0]
    'in 1 of 1 settings all seeds share their labelled images'
    >>> shared_labels([base | {"seed": i, "data.labels_seed": i} for i in range(2)]) is None
    True
    """
    seeds: dict[str, set[tuple[Any, Any]]] = {}
    for config in configs:
        selected = [config.get(path) for path in LABELS]
        if any(value is not None for value in selected) and config.get(LABELS[0]) != 100:
            setting = str(sorted((p, str(v)) for p, v in config.items() if not _apart(p)))
            chosen = config.get("seed"), config.get("data.labels_seed")
            seeds.setdefault(setting, set()).add(chosen)
    several = [pairs for pairs in seeds.values() if len(pairs) > 1]
    shared = [pairs for pairs in several if len({labels for _, labels in pairs}) == 1]
    if not shared:
        return None
    return (
        f"in {len(shared)} of {len(seeds)} settings all seeds share their labelled images: "
        "deviations, intervals and verdicts leave out the accident of which images are labelled; "
        'vary data.labels_seed with the seed, by ("seed", "data.labels_seed"): ((0, 0), (1, 1), …)'
    )


def _apart(path: str) -> bool:
    """Whether points of one setting may differ in it."""
    return path in (*REPEATS, "run") or path.startswith("eval.")


def named(path: str, value: Any) -> Any:
    """A value of a setting as reports name it: a point that others begin with, by its id.

    >>> named("train.warm_start", "runs/one/points/0123456789ab"), named("seed", 1)
    ('0123456789ab', 1)
    """
    begins = path == "train.warm_start" and value is not None
    return value.rpartition("/")[2] if begins else value
