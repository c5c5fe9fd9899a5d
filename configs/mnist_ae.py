"""The baseline without labels: an autoencoder on MNIST, latent 10, batch 128, Adam 1e-3, ten
epochs.

    python -m experiments.train --config=configs/mnist_ae.py --data_dir=DATA --workdir=runs/mnist_ae
    … --config.data.name=organamnist --workdir=runs/organ_ae

`labelled` fits on 600 labelled training images.
"""

from ml_collections import ConfigDict

from configs import common


def get_config() -> ConfigDict:
    """784-512-256-10 and back, summed squared error."""
    config = common.get_config()
    config.system = "ae"
    config.data.name = "mnist"
    config.data.labelled_count = 600
    return config
