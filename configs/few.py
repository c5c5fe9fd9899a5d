r"""Few labels: the recipe. Images, the labels of some of them, and which changes keep a class.

    python -m experiments.train --config=configs/few.py --config.data.name=mnist \
        --config.data.labelled_count=60 --data_dir=DATA --workdir=runs/few

`--config=configs/few.py:full` trains four times as long. What the recipe is made of stands in
`jaxdml.systems.FEW`; each of these fields can be set to something else.
"""

from ml_collections import ConfigDict

from configs import common

STEPS = {"fast": 1500, "full": 6000}  # effort → length of the training


def get_config(effort: str = "fast") -> ConfigDict:
    """The recipe at an effort: `fast` or `full`."""
    if effort not in STEPS:
        raise ValueError(f"the effort must be one of {', '.join(STEPS)}, but is {effort!r}")
    config = common.get_config()
    config.system = "few"
    config.train.steps = STEPS[effort]
    return config
