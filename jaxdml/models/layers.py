"""Convolution and its transpose, as matrix products.

Patches are strided slices side by side, so their gradients are paddings and sums. A matrix product
of them runs at a CPU's full speed inside the loop of an epoch, where XLA's own convolution is an
order of magnitude slower (jax issue 12868); and points side by side make a batched product of it,
where a convolution with a kernel a point would become a grouped one. The product is one of two
matrices: with a matrix for each row of pixels its gradient took four times as long.
"""

import functools
import itertools
import math
from typing import Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

LARGEST_KERNEL = 64  # pixels of a side: each pixel is a slice of its own
Padding = Literal["SAME", "VALID"]


@functools.partial(jax.jit, static_argnames=("stride", "padding"))
def convolve(x: Array, kernel: Array, stride: int = 1, padding: Padding = "SAME") -> Array:
    """Every output pixel is the sum of a patch of `x` times the kernel (cross-correlation).

    Args:
      x: f32[B, H, W, C].
      kernel: f32[h, w, C, F].
      stride: from one patch to the next, ≥ 1.
      padding: `SAME`, as many zeros around the image as ⌈H / stride⌉ rows need, the odd one before
        it (for odd h and a stride of 1 or 2 this is PyTorch's `padding=h // 2`); `VALID`, none.

    Returns:
      f32[B, H', W', F].

    >>> convolve(jnp.ones((1, 5, 5, 3)), jnp.ones((3, 3, 3, 8)), stride=2).shape
    (1, 3, 3, 8)
    """
    height, width, _, features = kernel.shape
    rows = _windows(x.shape[1], height, stride, padding)
    columns = _windows(x.shape[2], width, stride, padding)
    x = jnp.pad(x, ((0, 0), rows.around, columns.around, (0, 0)))
    offsets = itertools.product(rows.slices, columns.slices)
    patches = jnp.concatenate([x[:, row, column] for row, column in offsets], axis=-1)
    product = patches.reshape(-1, patches.shape[-1]) @ kernel.reshape(-1, features)
    return product.reshape(*patches.shape[:-1], features)


@functools.partial(jax.jit, static_argnames=("size", "stride", "padding"))
def convolve_transposed(
    x: Array, kernel: Array, size: tuple[int, int], stride: int = 1, padding: Padding = "SAME"
) -> Array:
    """The transpose of `convolve`, as a linear map: from its outputs to images of a size.

    Args:
      x: f32[B, H', W', F].
      kernel: f32[h, w, C, F].
      size: (H, W), of images that `convolve` makes H' × W' of.
      stride, padding: as for `convolve`.

    Returns:
      f32[B, H, W, C].

    >>> convolve_transposed(jnp.ones((1, 3, 3, 8)), jnp.ones((3, 3, 3, 8)), (5, 5), stride=2).shape
    (1, 5, 5, 3)
    """
    image = jax.ShapeDtypeStruct((len(x), *size, kernel.shape[2]), x.dtype)
    transposed = jax.linear_transpose(lambda y: convolve(y, kernel, stride, padding), image)
    return transposed(x)[0]


class Windows(NamedTuple):
    """How to cut an axis into windows."""

    around: tuple[int, int]  # zeros before and after it
    slices: list[slice]  # the first pixels of all windows, then the second ones, …


def _windows(length: int, size: int, stride: int, padding: Padding) -> Windows:
    starts = range(0, length if padding == "SAME" else length - size + 1, stride)
    lacking = max(starts[-1] + size - length, 0)
    around = ((lacking + 1) // 2, lacking // 2)
    return Windows(around, [slice(i, i + starts[-1] + 1, stride) for i in range(size)])


def _initial(key: Array, shape: tuple[int, ...], inputs: float) -> Array:
    """A normal kernel of the variance 1 / inputs, cut at two standard deviations (LeCun 1998)."""
    normal = nn.initializers.variance_scaling(shape[-1] / inputs, "fan_out", "truncated_normal")
    flat = math.prod(shape[:-1]), shape[-1]  # four axes take four times as long to compile
    return normal(key, flat, jnp.result_type(float)).reshape(shape)


class Conv(nn.Module):
    """A convolution and a bias. An output pixel's initial variance is that of the inputs."""

    features: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: Padding = "SAME"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """f32[B, H, W, C] → f32[B, H', W', features]."""
        dtype = jnp.result_type(float)
        shape = (*self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", _initial, shape, math.prod(shape[:-1]))
        bias = self.param("bias", nn.initializers.zeros, (1, 1, 1, self.features), dtype)
        return convolve(x.astype(dtype), kernel, self.stride, self.padding) + bias


class ConvTranspose(nn.Module):
    """The transpose of a convolution, to images of a given shape, and a bias.

    Where the stride or the image's edge leaves an output pixel fewer inputs, the initial variance
    is larger: one over their average number.
    """

    image_shape: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: int = 1
    padding: Padding = "SAME"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """f32[B, H', W', F] → f32[B, H, W, C]."""
        dtype = jnp.result_type(float)
        height, width, channels = self.image_shape
        shape = (*self.kernel, channels, x.shape[-1])
        products = math.prod(x.shape[1:]) * math.prod(self.kernel)
        kernel = self.param("kernel", _initial, shape, products / (height * width))
        bias = self.param("bias", nn.initializers.zeros, (1, 1, 1, channels), dtype)
        x = x.astype(dtype)
        return convolve_transposed(x, kernel, (height, width), self.stride, self.padding) + bias
