"""Diagonal normal distributions and mixtures of them: densities, in nats, and samples.

Arrays whose shapes do not agree are refused with a `ValueError`, and narrow floats are computed in
float32.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdml.arguments import checked
from jaxdml.types import Components


@checked
def log_normal(
    z: Float[Array, "*#batch dim"],
    mean: Float[Array, "*#batch dim"],
    logvar: Float[Array, "*#batch dim"],
) -> Float[Array, "..."]:
    """Log N(z; mean, diag e^logvar), normalised, summed over dimensions. Other axes broadcast.

    Args:
      z, mean, logvar: f32[B, D].

    >>> zero = jnp.zeros((1, 2))
    >>> round(log_normal(zero, zero, zero).item(), 4)  # −log 2π
    -1.8379
    """
    return -0.5 * jnp.sum(
        math.log(2 * math.pi) + logvar + (z - mean) ** 2 * jnp.exp(-logvar), axis=-1
    )


@checked
def log_mixture(z: Float[Array, "batch dim"], components: Components) -> Float[Array, " batch"]:
    """Log Σ_k w_k N(z; mean_k, diag e^logvar_k). Time O(B K D).

    Args:
      z: f32[B, D].
      components: K of them.

    >>> two = Components(jnp.log(jnp.array([0.5, 0.5])), jnp.zeros((2, 1)), jnp.zeros((2, 1)))
    >>> round(log_mixture(jnp.zeros((1, 1)), two).item(), 4)  # as one of them
    -0.9189
    """
    each = log_normal(  # [B, K]
        z[:, None, :], components.means[None, :, :], components.logvars[None, :, :]
    )
    return jax.nn.logsumexp(components.log_weights[None, :] + each, axis=1)


@checked
def sample_mixture(key: Array, count: int, components: Components) -> Float[Array, "count dim"]:
    """The draws from a mixture, f32[N, D].

    Args:
      key: of the draws.
      count: N.
      components: of the mixture.

    >>> one = Components(jnp.zeros(1), jnp.full((1, 3), 5.0), jnp.full((1, 3), -50.0))
    >>> sample_mixture(jax.random.key(0), 2, one).round(3).tolist()
    [[5.0, 5.0, 5.0], [5.0, 5.0, 5.0]]
    """
    which, noise = jax.random.split(key)
    k = jax.random.categorical(which, components.log_weights, shape=(count,))
    means, logvars = components.means[k], components.logvars[k]
    return means + jnp.exp(0.5 * logvars) * jax.random.normal(noise, means.shape, means.dtype)
