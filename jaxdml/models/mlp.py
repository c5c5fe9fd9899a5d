"""A multi-layer perceptron as encoder, and its mirror image as decoder, for images of any size."""

import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from jaxdml.models.base import of_modules
from jaxdml.models.layers import product, rounded
from jaxdml.options import at_least
from jaxdml.types import Model, ModelSpec


class MLP(nn.Module):
    """Dense layers with ReLU between them, of images or vectors; the last one is linear."""

    widths: Sequence[int]
    dtype: str | None = None  # of factors and activations, see `layers`

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """f32[B, …] → f32[B, widths[-1]]."""
        x = x.reshape(x.shape[0], -1)
        for width in self.widths[:-1]:
            x = nn.relu(rounded(self._dense(width)(x), self.dtype))
        return self._dense(self.widths[-1])(x)

    def _dense(self, width: int) -> nn.Dense:
        def dot_general(x: Array, kernel: Array, *_: Any, **__: Any) -> Array:
            return product(x, kernel, self.dtype)

        dtype = jnp.result_type(float)
        return nn.Dense(width, dtype=dtype, param_dtype=dtype, dot_general=dot_general)


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
    >>> import jax
    >>> m = make(spec, hidden=(32,), latent_dim=2)
    >>> params = jax.jit(m.init)(jax.random.key(0))
    >>> out = jax.jit(m.apply)(params, jnp.ones((4, 8, 8, 1)), jax.random.key(1))
    >>> out.z.shape, out.logvar, out.reconstruction.shape
    ((4, 2), None, (4, 8, 8, 1))
    """
    at_least("latent_dim", latent_dim, 1)
    for width in hidden:
        at_least("hidden", width, 1)
    encoder = MLP((*hidden, latent_dim * (2 if spec.stochastic else 1)), spec.dtype)
    decoder = MLP((*reversed(hidden), math.prod(spec.image_shape)), spec.dtype)
    return of_modules(spec, encoder, decoder, latent_dim, check=False)
