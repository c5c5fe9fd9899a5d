"""The unit prior N(0, I) of Kingma and Welling, "Auto-Encoding Variational Bayes", 2014."""

import jax.numpy as jnp

from jaxdml.priors.base import learns_nothing, mixture
from jaxdml.types import Components, Prior


def make(latent_dim: int, classes: int) -> Prior:
    """p(z) = N(0, I), as `prior.name = "unit"` selects it.

    Args:
      latent_dim: D.
      classes: not read.

    >>> import jax.numpy as jnp
    >>> prior = make(2, 10)
    >>> round(prior.log_prob({}, jnp.zeros((1, 2)), None).item(), 4)  # −log 2π
    -1.8379
    """
    only = Components(jnp.zeros(1), jnp.zeros((1, latent_dim)), jnp.zeros((1, latent_dim)))
    return mixture(learns_nothing, lambda params, encode: only)
