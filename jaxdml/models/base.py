"""What every model does with its encoder and decoder."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxdml.types import Model, Outputs, Params


def model(
    init: Callable[[Array], Params],
    encode: Callable[..., tuple[Array, Array | None]],
    decode: Callable[..., Array | None],
    latent_dim: int,
) -> Model:
    """A model whose `apply` encodes, samples z ~ N(mean, e^logvar), and decodes z.

    Without a log-variance z is the mean. What a loss does not read costs nothing: the compiler
    drops it.
    """

    def apply(params: Params, x: Array, key: Array, y: Array | None = None) -> Outputs:
        mean, logvar = encode(params, x, y)
        z = mean
        if logvar is not None:
            z = mean + jnp.exp(0.5 * logvar) * jax.random.normal(key, mean.shape, mean.dtype)
        return Outputs(z, mean, logvar, decode(params, z, y))

    return Model(init, apply, encode, decode, latent_dim)
