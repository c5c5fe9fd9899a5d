r"""Where could the recipe for few labels break? MNIST with strangers, with rare classes, one label.

    python -m experiments.grid --config=configs/study_few_hard.py --data_dir=DATA \
        --workdir=runs/study_few_hard

Three cases at 2,000 steps and three label draws, each with what may help:

- a tenth of the unlabelled images are of no class: scans of OrganAMNIST;
- classes are as unequal as 1 : 20;
- one labelled image of each class (of OrganAMNIST; MNIST's is in `study_few.py`).
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from configs import few
from jaxdml import data
from jaxdml.types import Dataset, Split

MADE = "configs.study_few_hard"  # where the made data sets are: this file
DRAWS = tuple((draw, draw) for draw in range(100, 103))


def get_config() -> ConfigDict:
    """The recipe with 2,000 steps."""
    config = few.get_config()
    config.train.steps = 2000
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Thirty-six points."""
    draws: dict[Any, Any] = {("seed", "data.labels_seed"): DRAWS}
    alignments = {"pseudo.alignment": ("uniform", "labelled", "running", "none")}
    return (
        {
            ("data.name", "data.labelled_count", "data.stratified"): (
                (f"{MADE}:strangers", 60, True),
            ),
            ("pseudo.alignment", "pseudo.threshold"): (
                ("uniform", 0.95),
                ("uniform", 0.99),
                ("none", 0.95),
            ),
            "data.share": (0.1,),
        }
        | draws,
        # without strangers, to compare
        {"data.name": ("mnist",), "data.labelled_count": (60,), "data.stratified": (True,)} | draws,
        {
            ("data.name", "data.labelled_count", "data.stratified"): (
                (f"{MADE}:uneven", 100, True),
            ),
            "data.ratio": (20.0,),
        }
        | alignments
        | draws,
        {
            "data.name": ("organamnist",),
            "data.labels_per_class": (1,),
            "terms": (("metric",), ("metric", "contrast")),
        }
        | draws,
        {
            "data.name": ("organamnist",),
            "data.labels_per_class": (1,),
            ("pseudo.alignment", "pseudo.thresholds"): (
                ("running", "fixed"),
                ("uniform", "adaptive"),
            ),
        }
        | draws,
    )


def strangers(data_dir: Path, *, share: float = 0.1) -> Dataset:
    """MNIST, and among its training images some that show no digit.

    Args:
      data_dir: holds MNIST and OrganAMNIST.
      share: of all training images; they have no label, and lie at the end.
    """
    mnist, organs = (data.load(name, data_dir) for name in ("mnist", "organamnist"))
    count = round(share / (1 - share) * len(mnist.train.y))
    rows = np.random.default_rng(0).permutation(len(organs.train.y))[:count]
    x = np.concatenate([mnist.train.x, np.asarray(organs.train.x)[np.sort(rows)]])
    y = np.concatenate([mnist.train.y, np.full(count, -1, np.int32)])
    return dataclasses.replace(
        mnist,
        name="strangers",
        train=Split(x, y),
        notes=(f"strangers: {count} of {len(y)} training images are scans, and of no class",),
    )


def uneven(data_dir: Path, *, ratio: float = 20.0) -> Dataset:
    """MNIST with training images of unequal classes: of each digit fewer than of the one before.

    Args:
      data_dir: holds MNIST.
      ratio: how many times as many zeros as nines; between them it falls geometrically. The test
        images are as they were.
    """
    mnist = data.load("mnist", data_dir)
    y = np.asarray(mnist.train.y)
    smallest = np.bincount(y).min()
    counts = np.round(smallest * ratio ** -(np.arange(10) / 9)).astype(int)
    rows = np.sort(np.concatenate([np.flatnonzero(y == c)[:n] for c, n in enumerate(counts)]))
    return dataclasses.replace(
        mnist,
        name="uneven",
        train=Split(np.asarray(mnist.train.x)[rows], y[rows]),
        notes=(f"uneven: {counts.max()} images of 0 and {counts.min()} of 9 to train on",),
    )
