"""A fixed mixture with a component at every corner of a hypercube (the thesis, section 5.2)."""

import math
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxdml import distributions
from jaxdml.options import ConfigError, at_least
from jaxdml.priors.base import learns_nothing
from jaxdml.types import Components, Params, Prior

MOST_DIMENSIONS = 16  # for a list of all corners


def make(latent_dim: int, classes: int, *, component_std: ArrayLike = 0.5) -> Prior:
    """p(z) = 2⁻ᵈ Σ_c N(z; c, s² I) over the corners c ∈ {±1}ᵈ, as `prior.name = "hypercube"`.

    It is a product over axes of ½ N(±1, s²), so that its density costs O(d), not O(2ᵈ). With
    s ≥ 1 an axis has one mode, at 0, and no clusters: the thesis gives both 'log-variance 1'
    (s = √e) and 'variance 1'.

    Args:
      latent_dim: d.
      classes: not used; there are 2ᵈ components.
      component_std: s > 0.

    Raises:
      ValueError: if s is not above 0. ConfigError: when all corners of more than 16 dimensions are
        asked for.

    >>> import jax.numpy as jnp
    >>> prior = make(1, 10, component_std=1.0)
    >>> round(prior.log_prob({}, jnp.zeros((1, 1)), None).item(), 4)  # log N(1; 0, 1)
    -1.4189
    """
    at_least("component_std", component_std, 1e-6)
    logvar = 2 * jnp.log(jnp.asarray(component_std, jnp.result_type(float)))
    axis = Components(  # of one axis
        jnp.full(2, -math.log(2.0)), jnp.array([[-1.0], [1.0]]), jnp.full((2, 1), logvar)
    )

    def log_prob(params: Params, z: Array, encode: Any) -> Array:
        along = distributions.log_mixture(z.reshape(-1, 1), axis)
        return along.reshape(z.shape).sum(axis=1)

    def sample(params: Params, key: Array, count: int, encode: Any) -> Array:
        along = distributions.sample_mixture(key, count * latent_dim, axis)
        return along.reshape(count, latent_dim)

    def components(params: Params, encode: Any) -> Components:
        if latent_dim > MOST_DIMENSIONS:
            raise ConfigError(
                f"prior.name=hypercube has 2^{latent_dim} components, which are listed for at most "
                f"{MOST_DIMENSIONS} dimensions: choose a smaller model.latent_dim, or another prior"
            )
        grid = jnp.meshgrid(*[jnp.array([-1.0, 1.0])] * latent_dim, indexing="ij")
        corners = jnp.stack([side.reshape(-1) for side in grid], axis=1)  # [2ᵈ, d]
        weights = jnp.full(len(corners), -latent_dim * math.log(2.0))
        return Components(weights, corners, jnp.full(corners.shape, logvar))

    return Prior(learns_nothing, log_prob, sample, components)
