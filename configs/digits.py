"""One point on `digits`: an autoencoder and a triplet loss together, 10 % labelled.

See `jaxdml.configs.digits`; an installed package has it as `--config=digits`.
"""

from jaxdml.configs.digits import get_config as get_config
