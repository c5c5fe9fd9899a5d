"""A convolutional network as encoder, and its mirror image as decoder, for images of any size."""

import math
from collections.abc import Sequence

import flax.linen as nn
from jax import Array

from jaxdml.models.base import of_modules
from jaxdml.models.layers import LARGEST_KERNEL, Conv, ConvTranspose, rounded
from jaxdml.models.mlp import MLP
from jaxdml.options import at_least, between
from jaxdml.types import Model, ModelSpec
from jaxdml.values import coerce


class Encoder(nn.Module):
    """Convolutions, then dense layers, with ReLU between them; the last one is linear."""

    channels: Sequence[int]
    kernel: int
    strides: Sequence[int]
    widths: Sequence[int]
    dtype: str | None = None  # of factors and activations, see `layers`

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """f32[B, H, W, C] → f32[B, widths[-1]]."""
        kernel = (self.kernel, self.kernel)
        for features, stride in zip(self.channels, self.strides, strict=True):
            x = Conv(features, kernel, stride, dtype=self.dtype)(x)
            x = nn.relu(rounded(x, self.dtype))
        return MLP(self.widths, self.dtype)(x)


class Decoder(nn.Module):
    """Dense layers, then transposed convolutions, with ReLU between them; the last one is linear.

    `shapes` are those of the images that the dense layers and each convolution give.
    """

    widths: Sequence[int]
    shapes: Sequence[tuple[int, int, int]]
    kernel: int
    strides: Sequence[int]
    dtype: str | None = None  # of factors and activations, see `layers`

    @nn.compact
    def __call__(self, z: Array) -> Array:
        """f32[B, D] → f32[B, *shapes[-1]]."""
        first, *larger = self.shapes
        kernel = (self.kernel, self.kernel)
        x = MLP((*self.widths, math.prod(first)), self.dtype)(z).reshape(z.shape[0], *first)
        for shape, stride in zip(larger, self.strides, strict=True):
            x = nn.relu(rounded(x, self.dtype))
            x = ConvTranspose(shape, kernel, stride, dtype=self.dtype)(x)
        return x


def make(
    spec: ModelSpec,
    *,
    channels: tuple[int, ...] = (32, 64),
    kernel: int = 3,
    stride: int = 2,
    strides: tuple[int, ...] | None = None,
    hidden: tuple[int, ...] = (256,),
    latent_dim: int = 10,
) -> Model:
    """Strided convolutions and dense layers as encoder, and the same ones reversed as decoder.

    Each convolution divides height and width by its stride, rounded up; its transpose in the
    decoder gives the size before. The decoder's output is unbounded: the reconstruction loss says
    what it means. What the dense layers read grows with the image: large ones want more
    convolutions, say `channels=(32, 64, 128, 256)` for 224 × 224 pixels. A convolution of stride 1
    makes the network deeper without making the image smaller, as in the second example.

    Args:
      spec: the image's shape, and whether there is a log-variance and a decoder.
      channels: features of each convolution, ≥ 1; `()` makes an MLP of it.
      kernel: pixels that a convolution sees in each direction, from 1 to 64.
      stride: pixels from one patch to the next, ≥ 1, of every convolution.
      strides: the same for each convolution by itself, one for each of `channels`; `None` takes
        `stride` for all of them.
      hidden: widths of the dense layers after the convolutions, ≥ 1 each.
      latent_dim: D ≥ 1.

    Raises:
      ValueError: for a value below 1, or another number of strides than of channels.

    >>> import jax
    >>> spec = ModelSpec((27, 31, 3), 10, stochastic=False, decoder=True)
    >>> m = make(spec, channels=(4, 8), hidden=(16,), latent_dim=2)
    >>> params = jax.eval_shape(m.init, jax.random.key(0))
    >>> params["encoder"]["Conv_1"]["kernel"].shape
    (3, 3, 4, 8)
    >>> params["encoder"]["MLP_0"]["Dense_0"]["kernel"].shape
    (448, 16)
    >>> x = jax.numpy.ones((4, 27, 31, 3))
    >>> jax.eval_shape(m.apply, params, x, jax.random.key(1)).reconstruction.shape
    (4, 27, 31, 3)
    >>> deeper = make(spec, channels=(32, 64, 64, 128), strides=(1, 2, 1, 2))
    >>> params = jax.eval_shape(deeper.init, jax.random.key(0))
    >>> params["encoder"]["MLP_0"]["Dense_0"]["kernel"].shape  # of 7 × 8 pixels
    (7168, 256)
    """
    between("kernel", kernel, 1, LARGEST_KERNEL)
    for name, value in {"stride": stride, "latent_dim": latent_dim}.items():
        at_least(name, value, 1)
    strides = (stride,) * len(channels) if strides is None else strides
    strides = coerce("model.strides", strides, (stride,))
    if len(strides) != len(channels):
        raise ValueError(
            f"strides must hold one stride for each of the {len(channels)} channels, "
            f"as {(stride,) * len(channels)} does, but is {strides}"
        )
    for name, values in {"channels": channels, "strides": strides, "hidden": hidden}.items():
        for value in values:
            at_least(name, value, 1)
    shapes = [spec.image_shape]
    for features, step in zip(channels, strides, strict=True):
        height, width, _ = shapes[-1]
        shapes.append((-(-height // step), -(-width // step), features))
    outputs = latent_dim * (2 if spec.stochastic else 1)
    encoder = Encoder(channels, kernel, strides, (*hidden, outputs), spec.dtype)
    decoder = Decoder(hidden[::-1], tuple(reversed(shapes)), kernel, strides[::-1], spec.dtype)
    return of_modules(spec, encoder, decoder, latent_dim, check=False)
