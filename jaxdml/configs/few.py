r"""Few labels: the recipe. Images, the labels of some of them, and which changes keep a class.

    jaxdml train --config=few --config.data.name=mnist \
        --config.data.labelled_count=60 --data_dir=DATA --workdir=runs/few

`--config=few:full` trains four times as long. What the recipe is made of stands in
`jaxdml.settings.systems.FEW`; each of these fields can be set to something else.
"""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from jaxdml.configs import common
from jaxdml.settings.systems import FEW

STEPS = {"fast": 1500, "full": 6000}  # effort → length of the training


def get_config(effort: str = "fast") -> ConfigDict:
    """The recipe at an effort: `fast` or `full`."""
    if effort not in STEPS:
        raise ValueError(f"the effort must be one of {', '.join(STEPS)}, but is {effort!r}")
    config = common.get_config()
    config.system = "few"
    config.train.steps = STEPS[effort]
    return config


def alike(config: ConfigDict, recipe: Mapping[str, Any] = FEW) -> None:
    """Gives any other system what the recipe has besides its labels.

    That is its network, metric loss, batches, schedule, average and evaluation: what others need to
    be compared with it.
    """
    sections = ("model", "train", "optimizer", "eval")
    same = {path: value for path, value in recipe.items() if path.partition(".")[0] in sections}
    same |= {"loss.name": recipe["loss.name"], "train.steps": config.train.steps}
    config.update_from_flattened_dict(same)
