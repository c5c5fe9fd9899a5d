r"""A folder of your own images, few of them labelled: an autoencoder and a triplet loss together.

    python -m experiments.train --config=configs/images.py --config.data.path=photos \
        --workdir=runs/photos

`photos` has a sub-folder for each class, and `unlabelled` for the rest; see `jaxdml.data.images`.
An `.npz` file with `x` and `y` does as well: `--config.data.name=arrays --config.data.path=x.npz`.
"""

from ml_collections import ConfigDict

from configs import common


def get_config() -> ConfigDict:
    """Scored as one would use it: by the labelled images, and by how the embeddings lie."""
    config = common.get_config()
    config.data.name = "images"
    config.train.epochs = 100
    config.eval.protocols = ("labelled", "retrieval")
    return config
