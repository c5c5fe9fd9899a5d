"""The demonstration: what do unlabelled images add to a few labels?

See `jaxdml.configs.digits_grid`; an installed package has it as `--config=digits_grid`.
"""

from jaxdml.configs.digits_grid import get_config as get_config
from jaxdml.configs.digits_grid import get_grid as get_grid
