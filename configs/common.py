"""Every field that a configuration has, with its default.

See `jaxdml.configs.common`; an installed package has it as `--config=common`.
"""

from jaxdml.configs.common import get_config as get_config
