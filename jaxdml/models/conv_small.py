"""The small convolutional network of the code that came before the thesis, by the same group.

It is `Tutorials/vae/convEncoders/VampPrior.py` in https://github.com/quinngroup/Generative-Models,
at commit 7e584cc. Its layers, for 28 × 28 pixels:

- encoder: convolutions without padding of 8 features (3 × 3), 16 (2 × 2), 32 and 64 (3 × 3 each),
  the first two with 2 × 2 max-pooling after them, to 2 × 2 × 64; then a dense layer;
- decoder: a dense layer to 2 × 2 × 1; transposed convolutions without padding of 32 features
  (6 × 6), 16 (8 × 8), 8 (7 × 7) and those of the image (9 × 9), to 7, 14, 20 and 28 pixels;
- LeakyReLU with the slope 0.1 after all of them but the encoder's last, the decoder's last one too.

Initial parameters are this library's, not PyTorch's.
"""

import math

import flax.linen as nn
from jax import Array

from jaxdml.models.base import of_modules
from jaxdml.models.layers import Conv, ConvTranspose, rounded
from jaxdml.models.mlp import MLP
from jaxdml.options import at_least
from jaxdml.types import Model, ModelSpec

# features, kernel, and what pooling divides the size by
ENCODER = ((8, 3, 2), (16, 2, 2), (32, 3, 1), (64, 3, 1))
# features, and the size that they have of a 28 × 28 image
DECODER = ((1, 2), (32, 7), (16, 14), (8, 20))


class Encoder(nn.Module):
    """The encoder; on small images its kernels and pools are no larger than what they read."""

    outputs: int
    dtype: str | None = None  # of factors and activations, see `layers`

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """f32[B, H, W, C] → f32[B, outputs]."""
        for features, size, pool in ENCODER:
            kernel = min(size, x.shape[1]), min(size, x.shape[2])
            x = Conv(features, kernel, padding="VALID", dtype=self.dtype)(x)
            x = _pooled(nn.leaky_relu(rounded(x, self.dtype), 0.1), pool)
        return MLP((self.outputs,), self.dtype)(x)


class Decoder(nn.Module):
    """The decoder; its kernels grow or shrink with the size of the images."""

    image_shape: tuple[int, int, int]
    dtype: str | None = None  # of factors and activations, see `layers`

    @nn.compact
    def __call__(self, z: Array) -> Array:
        """f32[B, D] → f32[B, H, W, C]."""
        height, width, _ = self.image_shape
        shapes = [(_part(height, size), _part(width, size), f) for f, size in DECODER]
        x = MLP((math.prod(shapes[0]),), self.dtype)(z).reshape(z.shape[0], *shapes[0])
        for shape in (*shapes[1:], self.image_shape):
            x = nn.leaky_relu(rounded(x, self.dtype), 0.1)
            kernel = shape[0] - x.shape[1] + 1, shape[1] - x.shape[2] + 1
            x = ConvTranspose(shape, kernel, padding="VALID", dtype=self.dtype)(x)
        return nn.leaky_relu(x, 0.1)


def _pooled(x: Array, size: int) -> Array:
    """The largest value in each size × size window; what lies beyond the last one is left out."""
    batch, height, width, channels = x.shape
    h, w = min(size, height), min(size, width)
    x = x[:, : height // h * h, : width // w * w]
    return x.reshape(batch, height // h, h, width // w, w, channels).max(axis=(2, 4))


def _part(length: int, size: int) -> int:
    """A size in an image of 28 pixels, scaled to an image of `length` pixels."""
    return max(1, round(length * size / 28))


def make(spec: ModelSpec, *, latent_dim: int = 10) -> Model:
    """The small convolutional network of the ancestor code, and its decoder.

    Args:
      spec: the image's shape, and whether there is a log-variance and a decoder.
      latent_dim: D ≥ 1.

    Raises:
      ValueError: for a latent space without a dimension.

    >>> import jax
    >>> m = make(ModelSpec((28, 28, 1), 10, stochastic=True, decoder=True), latent_dim=2)
    >>> params = jax.eval_shape(m.init, jax.random.key(0))
    >>> [sum(leaf.size for leaf in jax.tree.leaves(params[half])) for half in sorted(params)]
    [40909, 24772]
    """
    at_least("latent_dim", latent_dim, 1)
    encoder = Encoder(latent_dim * (2 if spec.stochastic else 1), spec.dtype)
    decoder = Decoder(spec.image_shape, spec.dtype)
    return of_modules(spec, encoder, decoder, latent_dim, check=False)
