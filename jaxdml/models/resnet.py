"""A residual network with group normalisation as encoder, and a decoder of transposed convolutions.

    images → stem → stage 1 → stage 2 → … → norm, ReLU → mean over pixels → dense → embeddings

    a block:  x ─┬─ norm, ReLU ─┬─ 3 × 3 ─ norm, ReLU ─ 3 × 3 ─(+)─
                 └──────────────┴──── shortcut ─────────────────┘

Blocks normalise before they convolve (pre-activation; He, Zhang, Ren and Sun 2016, *Identity
Mappings in Deep Residual Networks*). The shortcut is x itself; where a block changes the shape it
is a 1 × 1 convolution of the normalised x, with the block's stride. The first block of each stage
but the first halves height and width.

Normalisation is over groups of channels of one image (Wu and He 2018, *Group Normalization*): no
image sees another one, and nothing is kept from step to step. Convolutions are the matrix products
of `layers`: many networks side by side then stay one batched product.
"""

import math
from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from jaxdml.models.base import of_modules
from jaxdml.models.layers import LARGEST_KERNEL, Conv, ConvTranspose, rounded
from jaxdml.models.mlp import MLP
from jaxdml.models.normalisation import GroupNorm
from jaxdml.options import at_least, between
from jaxdml.types import Model, ModelSpec
from jaxdml.values import coerce

LARGEST = 64  # pixels in a direction after a stem whose stride is chosen from the image's size


class NormReLU(nn.Module):
    """Group normalisation, then a scale and a shift for each channel, and ReLU.

    Each group of channels of an image is shifted and scaled to mean 0 and variance 1. The number of
    groups is the greatest common divisor of `groups` and the number of channels.
    """

    groups: int
    dtype: str | None = None  # of what it gives; it computes in float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """f32[B, H, W, C] → f32[B, H, W, C]."""
        groups = math.gcd(self.groups, x.shape[-1])
        return GroupNorm(groups, self.dtype)(x)


class Block(nn.Module):
    """Two convolutions whose result is added to what they read, or to a projection of it."""

    width: int
    stride: int
    groups: int
    dtype: str | None = None  # of factors and activations, see `layers`

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """f32[B, H, W, C] → f32[B, ⌈H / stride⌉, ⌈W / stride⌉, width]."""
        width, dtype = self.width, self.dtype
        h = NormReLU(self.groups, dtype)(x)
        if self.stride > 1 or x.shape[-1] != width:
            x = Conv(width, (1, 1), self.stride, dtype=dtype, name="shortcut")(h)
        h = rounded(Conv(width, (3, 3), self.stride, dtype=dtype)(h), dtype)
        h = Conv(width, (3, 3), dtype=dtype)(NormReLU(self.groups, dtype)(h))
        return rounded(x + h, dtype)


class Encoder(nn.Module):
    """A stem, stages of blocks, the mean over pixels, and a dense layer."""

    widths: Sequence[int]
    depths: Sequence[int]
    stem_kernel: int
    stem_stride: int
    groups: int
    outputs: int
    dtype: str | None = None  # of factors and activations, see `layers`

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """f32[B, H, W, C] → f32[B, outputs]."""
        kernel = (self.stem_kernel, self.stem_kernel)
        stem = Conv(self.widths[0], kernel, self.stem_stride, dtype=self.dtype, name="stem")
        x = rounded(stem(x), self.dtype)
        for stage, (width, depth) in enumerate(zip(self.widths, self.depths, strict=True)):
            for block in range(depth):
                stride = 2 if stage > 0 and block == 0 else 1
                x = Block(width, stride, self.groups, self.dtype)(x)
        x = NormReLU(self.groups, self.dtype)(x)
        mean = x.mean(axis=(1, 2), dtype=jnp.result_type(float))
        return MLP((self.outputs,), self.dtype)(mean)


class Decoder(nn.Module):
    """A dense layer, then a transposed convolution for each change of shape in the encoder.

    `shapes` are those that the dense layer and each convolution give, `strides` the encoder's.
    """

    shapes: Sequence[tuple[int, int, int]]
    strides: Sequence[int]
    groups: int
    dtype: str | None = None  # of factors and activations, see `layers`

    @nn.compact
    def __call__(self, z: Array) -> Array:
        """f32[B, D] → f32[B, *shapes[-1]]."""
        first, *larger = self.shapes
        x = MLP((math.prod(first),), self.dtype)(z).reshape(z.shape[0], *first)
        for shape, stride in zip(larger, self.strides, strict=True):
            size = max(3, 2 * stride)  # a multiple of a larger stride reaches all pixels alike
            x = NormReLU(self.groups, self.dtype)(rounded(x, self.dtype))
            x = ConvTranspose(shape, (size, size), stride, dtype=self.dtype)(x)
        return x


def make(
    spec: ModelSpec,
    *,
    widths: tuple[int, ...] = (16, 32, 64),
    depths: tuple[int, ...] = (1, 1, 1),
    stem_stride: int | None = None,
    stem_kernel: int | None = None,
    groups: int = 8,
    latent_dim: int = 10,
) -> Model:
    """Residual blocks with group normalisation as encoder; transposed convolutions as decoder.

    The defaults are a small network for 28 × 28 pixels: an encoder of 78 thousand parameters and
    7 convolutions of 3 × 3. `widths=(64, 128, 256, 512), depths=(2, 2, 2, 2), groups=32` is the
    size of a ResNet-18: 11.2 million parameters and 17 such convolutions. The encoder's parameters
    do not grow with the image. Its work grows with the number of pixels after the stem.

    The decoder has one layer for each stage but the first, and one for the stem, whatever the
    depths. Its output is unbounded: the reconstruction loss says what it means.

    Args:
      spec: the image's shape, and whether there is a log-variance and a decoder.
      widths: channels of each stage, one stage or more, ≥ 1 each.
      depths: blocks of each stage, ≥ 1 each.
      stem_stride: pixels from one patch of the stem to the next, from 1 to 32; `None` takes
        the smallest power of two that leaves at most 64 pixels in each direction: 1 up to 64
        pixels, 2 for 128, 4 for 224.
      stem_kernel: pixels that the stem sees in each direction, from 1 to 65; `None` takes
        2 · stride + 1.
      groups: groups of channels that are normalised together, ≥ 1. Where the width is not a
        multiple of it, their greatest common divisor is taken.
      latent_dim: D ≥ 1.

    Raises:
      ValueError: for a value below 1, or another number of depths than of widths.

    >>> import jax
    >>> spec = ModelSpec((224, 224, 3), 10, stochastic=False, decoder=True)
    >>> m = make(spec, widths=(64, 128, 256, 512), depths=(2, 2, 2, 2), groups=32)
    >>> params = jax.eval_shape(m.init, jax.random.key(0))
    >>> sum(leaf.size for leaf in jax.tree.leaves(params["encoder"]))
    11190794
    >>> params["encoder"]["stem"]["kernel"].shape
    (9, 9, 3, 64)
    >>> x = jax.numpy.ones((4, 224, 224, 3))
    >>> jax.eval_shape(m.apply, params, x, jax.random.key(1)).reconstruction.shape
    (4, 224, 224, 3)
    """
    stride = _stem_stride(spec.image_shape) if stem_stride is None else stem_stride
    stride = coerce("model.stem_stride", stride, 1)
    kernel = 2 * stride + 1 if stem_kernel is None else stem_kernel
    kernel = coerce("model.stem_kernel", kernel, 3)
    if stem_stride is not None:
        between("stem_stride", stride, 1, LARGEST_KERNEL // 2)
    if stem_kernel is not None:
        between("stem_kernel", kernel, 1, LARGEST_KERNEL + 1)
    for name, value in {"groups": groups, "latent_dim": latent_dim}.items():
        at_least(name, value, 1)
    for name, values in {"widths": widths, "depths": depths}.items():
        for value in values:
            at_least(name, value, 1)
    if len(depths) != len(widths) or not widths:
        raise ValueError(
            f"depths must hold one number for each of widths, and at least one, "
            f"but depths is {depths} and widths is {widths}"
        )
    strides = (stride, *(2 for _ in widths[1:]))
    shapes = [spec.image_shape]
    for width, step in zip(widths, strides, strict=True):
        height, length, _ = shapes[-1]
        shapes.append((-(-height // step), -(-length // step), width))
    outputs = latent_dim * (2 if spec.stochastic else 1)
    encoder = Encoder(widths, depths, kernel, stride, groups, outputs, spec.dtype)
    decoder = Decoder(tuple(reversed(shapes)), strides[::-1], groups, spec.dtype)
    return of_modules(spec, encoder, decoder, latent_dim, check=False)


def _stem_stride(image_shape: tuple[int, int, int]) -> int:
    """The smallest power of two that leaves at most `LARGEST` pixels in each direction.

    >>> [_stem_stride((size, size, 1)) for size in (1, 28, 64, 65, 128, 224, 512)]
    [1, 1, 1, 2, 2, 4, 8]
    """
    stride = 1
    while max(image_shape[:2]) > LARGEST * stride:
        stride *= 2
    return stride
