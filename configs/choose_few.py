r"""How the defaults of `few` were chosen: on validation images of MNIST and OrganAMNIST.

    python -m experiments.grid --config=configs/choose_few.py --data_dir=DATA \
        --workdir=runs/choose_few

No test image is read. Five and twenty labels a class, and labels drawn at random.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import few


def get_config() -> ConfigDict:
    """The recipe with 1,000 steps, scored on validation images."""
    config = few.get_config()
    config.train.steps = 1000
    config.eval.split = "validation"
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """Shares of the classes that the teacher's labels are aligned with, and their guesses."""
    # OrganAMNIST has validation images of its own
    sets: dict[Any, Any] = {
        ("data.name", "data.validation"): (("mnist", 5000), ("organamnist", 0)),
        "pseudo.alignment": ("none", "uniform", "labelled", "running"),
    }
    draws = ("seed", "data.labels_seed")
    return (
        {"data.labels_per_class": (5, 20), draws: ((0, 0),), **sets},
        {"data.labelled_count": (60,), draws: tuple((draw, draw) for draw in range(3)), **sets},
        # labels drawn at random tell the shares; how many tell enough?
        {
            "data.labelled_count": (60,),
            draws: tuple((draw, draw) for draw in range(3)),
            "data.name": ("organamnist",),
            "pseudo.alignment": ("labelled",),
            "pseudo.smoothing": (5.0, 10.0, 20.0),
        },
        {
            "data.labelled_count": (600,),
            draws: tuple((draw, draw) for draw in range(2)),
            "data.name": ("organamnist",),
            ("pseudo.alignment", "pseudo.smoothing"): (
                ("uniform", 1.0),
                ("labelled", 1.0),
                ("labelled", 10.0),
            ),
        },
    )
