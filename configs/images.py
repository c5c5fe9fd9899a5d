"""A folder of your own images, few of them labelled: the recipe for few labels.

See `jaxdml.configs.images`; an installed package has it as `--config=images`.
"""

from jaxdml.configs.images import get_config as get_config
from jaxdml.configs.images import get_grid as get_grid
