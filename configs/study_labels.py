r"""Do unlabelled images help a metric loss, and how many labels does it take? MNIST.

    python -m experiments.grid --config=configs/study_labels.py \
        --data_dir=DATA --workdir=runs/study_labels

The thesis's three claims at 6, 60, 600 and 6,000 labels, ten dimensions, five seeds, each with its
own labelled images, the same for all systems. Labels alone (`dml`) and images alone (`ae`, trained
once a seed) against both together: a reconstruction by turns and on every step, a weak unit prior
on every step, a VAE with a VampPrior on every step. Ten epochs, of as many steps in all systems.
The metric loss, its margin and α are by `pilot_labels.py`; what else was not stated is in
`thesis.py`. Forty-seven minutes on two CPU cores; expect a reconstruction on every step to be
far ahead of either alone with 60 labels under `cluster`, and not told apart from images alone under
`labelled` (0.73), nor there from labels alone with 6,000 (0.964 and 0.966).
"""

from typing import Any

from ml_collections import ConfigDict

from configs import thesis
from configs.thesis import QUICK as QUICK

COUNTS = (6, 60, 600, 6000)
BOTH: dict[str, dict[str, Any]] = {
    "reconstruction, by turns": {"system": "dml_ae", "routine.name": "alternate"},
    "reconstruction": {"system": "dml_ae", "routine.name": "joint"},
    "weak prior": {"system": "dml_prior", "routine.name": "joint", "kl.beta": 0.01},
    "VAE": {"system": "mvae", "routine.name": "joint"},
}
# with the tables' margin too: 0.5 was chosen for both together
LABELS: dict[str, dict[str, Any]] = {
    "labels alone": {"system": "dml"},
    "labels alone, margin 0.2": {"system": "dml", "loss.margin": 0.2},
}
IMAGES: dict[str, dict[str, Any]] = {"images alone": {"system": "ae"}}


def get_config() -> ConfigDict:
    """The base of all points."""
    return base("mnist")


def base(dataset: str) -> ConfigDict:
    """That of a data set."""
    config = thesis.base(dataset)
    config.model.latent_dim = 10
    config.loss.margin = 0.5
    config.routine.alpha = 0.25
    config.prior.pseudo_inputs = 10
    config.eval.protocols = ("thesis", "labelled", "cluster")
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """A hundred and forty points."""
    cells: dict[Any, Any] = {"data.labelled_count": COUNTS, **thesis.seeds(range(5))}
    systems = (LABELS | IMAGES | BOTH).values()
    return tuple({**{path: (v,) for path, v in one.items()}, **cells} for one in systems)


def get_questions() -> dict[str, dict[str, dict[str, Any]]]:
    """Which of the thesis's three claims hold, and at how many labels?"""
    asked: dict[str, dict[str, dict[str, Any]]] = {}
    for count in COUNTS:
        for alone in (LABELS, IMAGES):
            asked[f"Better than {next(iter(alone))}? {count:,} labels"] = {
                setting: {**changes, "data.labelled_count": count}
                for setting, changes in (alone | BOTH).items()
            }
    return asked
