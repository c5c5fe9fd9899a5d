"""A multi-layer perceptron as encoder, and its mirror image as decoder, for images of any size."""

import math
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxdml.models.base import model
from jaxdml.options import at_least
from jaxdml.types import Model, ModelSpec, Params


class MLP(nn.Module):
    """Dense layers with ReLU between them; the last one is linear."""

    widths: Sequence[int]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """f32[B, in] → f32[B, widths[-1]]."""
        dtype = jnp.result_type(float)
        for width in self.widths[:-1]:
            x = nn.relu(nn.Dense(width, dtype=dtype, param_dtype=dtype)(x))
        return nn.Dense(self.widths[-1], dtype=dtype, param_dtype=dtype)(x)


def make(spec: ModelSpec, *, hidden: tuple[int, ...] = (512, 256), latent_dim: int = 10) -> Model:
    """An MLP encoder with the layers `hidden`, and a decoder with the same ones reversed.

    The decoder's output is unbounded: the reconstruction loss says what it means.

    Args:
      spec: the image's shape, and whether there is a log-variance and a decoder.
      hidden: widths of the hidden layers, ≥ 1 each; `()` makes the encoder linear.
      latent_dim: D ≥ 1.

    Raises:
      ValueError: for a width below 1.

    >>> spec = ModelSpec((8, 8, 1), 10, stochastic=False, decoder=True)
    >>> m = make(spec, hidden=(32,), latent_dim=2)
    >>> params = m.init(jax.random.key(0))
    >>> out = m.apply(params, jnp.ones((4, 8, 8, 1)), jax.random.key(1))
    >>> out.z.shape, out.logvar, out.reconstruction.shape
    ((4, 2), None, (4, 8, 8, 1))
    """
    at_least("latent_dim", latent_dim, 1)
    for width in hidden:
        at_least("hidden", width, 1)
    encoder = MLP((*hidden, latent_dim * (2 if spec.stochastic else 1)))
    decoder = MLP((*reversed(hidden), math.prod(spec.image_shape)))

    def init(key: Array) -> Params:
        encoder_key, decoder_key = jax.random.split(key)
        x = jnp.zeros((1, math.prod(spec.image_shape)))
        params = {"encoder": encoder.init(encoder_key, x)["params"]}
        if spec.decoder:
            params["decoder"] = decoder.init(decoder_key, jnp.zeros((1, latent_dim)))["params"]
        return params

    def encode(params: Params, x: Array, y: Array | None = None) -> tuple[Array, Array | None]:
        flat = x.reshape(x.shape[0], -1)
        out = encoder.apply({"params": params["encoder"]}, flat)
        assert isinstance(out, Array)
        if not spec.stochastic:
            return out, None
        return out[:, :latent_dim], out[:, latent_dim:]

    def decode(params: Params, z: Array, y: Array | None = None) -> Array | None:
        if not spec.decoder:
            return None
        out = decoder.apply({"params": params["decoder"]}, z)
        assert isinstance(out, Array)
        return out.reshape(z.shape[0], *spec.image_shape)

    return model(init, encode, decode, latent_dim)
