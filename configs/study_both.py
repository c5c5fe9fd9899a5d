r"""Do labels and images together beat either alone? What was ahead elsewhere, with fresh seeds.

    python -m experiments.grid --config=configs/study_both.py \
        --data_dir=DATA --workdir=runs/study_both

MNIST, ten dimensions, ten seeds that neither the tables, `pilot_labels.py` nor `study_labels.py`
have: the best of several settings is best by accident too, and only new seeds tell how much of it
stays. Pre-training and triplets on every step are asked at each number of labels, the others where
they were ahead: by turns in Table 6.1, SupCon in the pilot. What was not stated is in `thesis.py`.
Fifty minutes on two CPU cores; expect every step with α = 0.5 to be ahead of both with 60 labels
under `labelled` (0.748, by 0.026 over the better one) and with 6,000 under `thesis` (0.971, by
0.004), and below the better one under `labelled` with 600 and 6,000.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import thesis
from configs.thesis import QUICK as QUICK

SEEDS = (*range(5, 10), *range(12, 17))  # 10 and 11 chose, in the pilot
COUNTS = (6, 60, 600, 6000)
LABELS: dict[str, Any] = {"system": "dml"}
IMAGES: dict[str, Any] = {"system": "ae"}
FIRST: dict[str, Any] = {"routine.name": "pretrain"}
# where they were ahead
TURNS: dict[str, Any] = {"routine.name": "alternate", "routine.alpha": 0.75}
EVERY: dict[str, Any] = {"routine.alpha": 0.5}
SUPCON: dict[str, Any] = {"loss.name": "supcon"}
SUPCON_EVERY: dict[str, Any] = {**SUPCON, "routine.alpha": 0.05}
AHEAD: dict[int, dict[str, dict[str, Any]]] = {
    60: {"by turns, α = 0.75": TURNS},
    6000: {
        "labels alone, SupCon": {**LABELS, **SUPCON},
        "every step, SupCon, α = 0.05": SUPCON_EVERY,
    },
}


def get_config() -> ConfigDict:
    """The base of all points."""
    config = thesis.base("mnist")
    config.system = "dml_ae"
    config.model.latent_dim = 10
    config.routine.name = "joint"
    config.eval.protocols = ("thesis", "labelled", "cluster")
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """A hundred and ninety points."""
    asked: list[tuple[dict[str, Any], tuple[int, ...]]]
    asked = [(setting, COUNTS) for setting in (LABELS, IMAGES, FIRST, EVERY)]
    asked += [(setting, (count,)) for count, those in AHEAD.items() for setting in those.values()]
    seeds: dict[Any, Any] = dict(thesis.seeds(SEEDS))
    return tuple(
        {**{path: (v,) for path, v in setting.items()}, "data.labelled_count": counts, **seeds}
        for setting, counts in asked
    )


def get_questions() -> dict[str, dict[str, dict[str, Any]]]:
    """Is one of them better than labels alone, and better than images alone?"""
    return {
        f"Better than {name}? {count:,} labels": {
            setting: {**changes, "data.labelled_count": count}
            for setting, changes in {
                name: alone,
                "images first, then labels": FIRST,
                "every step, α = 0.5": EVERY,
                **AHEAD.get(count, {}),
            }.items()
        }
        for count in COUNTS
        for name, alone in (("labels alone", LABELS), ("images alone", IMAGES))
    }
