"""One point on `digits`: an autoencoder and a triplet loss together, 10 % labelled.

jaxdml train --config=digits --workdir=runs/digits
"""

from ml_collections import ConfigDict

from jaxdml.configs import common


def get_config() -> ConfigDict:
    """A two-dimensional latent space, to look at."""
    config = common.get_config()
    config.data.labelled_percent = 10.0
    config.model.latent_dim = 2
    config.routine.alpha = 0.2
    config.train.epochs = 60
    return config
