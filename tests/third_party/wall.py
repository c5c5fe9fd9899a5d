"""A prior as a user writes it, outside the package: uniform in a box, with soft walls."""

import jax
import jax.numpy as jnp

from jaxdml.types import Components, Prior


def make(latent_dim, classes, *, softness: float = 1.0):
    """A product over axes of logistic densities."""

    def log_prob(params, z, encode):
        t = z / softness
        each = -t - 2 * jax.nn.softplus(-t) - jnp.log(softness)
        return each.sum(axis=1)

    def sample(params, key, count, encode):
        return softness * jax.random.logistic(key, (count, latent_dim))

    def components(params, encode):  # the normal distribution of the same variance
        shape = (1, latent_dim)
        logvar = 2 * jnp.log(softness * jnp.pi / jnp.sqrt(3.0))
        return Components(jnp.zeros(1), jnp.zeros(shape), jnp.full(shape, logvar))

    return Prior(lambda key, examples: {}, log_prob, sample, components)
