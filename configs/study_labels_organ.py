r"""Do unlabelled images help a metric loss, and how many labels does it take? OrganAMNIST.

    python -m experiments.grid --config=configs/study_labels_organ.py \
        --data_dir=DATA --workdir=runs/study_labels_organ

`study_labels.py` on another data set, with the same weights. Judge by `labelled` and `full`, as
`table_6_2.py` says. Thirty-six minutes on two CPU cores; expect alternating epochs to be better
under `full` than labels alone up to 600 labels (there 0.695, by 0.145), and better than images
alone with 600 (by 0.010, at the edge of 5 %) and with 6,000 (0.705, by 0.019).
"""

from ml_collections import ConfigDict

from configs import study_labels
from configs.study_labels import get_grid as get_grid
from configs.study_labels import get_questions as get_questions
from configs.thesis import QUICK as QUICK


def get_config() -> ConfigDict:
    """The base of all points."""
    config = study_labels.base("organamnist")
    config.eval.protocols = ("labelled", "full", "cluster", "thesis")
    return config
