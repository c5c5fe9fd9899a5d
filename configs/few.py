"""Few labels: the recipe.

See `jaxdml.configs.few`; an installed package has it as `--config=few`.
"""

from jaxdml.configs.few import alike as alike
from jaxdml.configs.few import get_config as get_config
