"""Convolution and its transpose, as matrix products.

Patches are strided slices side by side, so their gradients are paddings and sums. A matrix product
of them runs at a CPU's full speed inside the loop of an epoch, where XLA's own convolution is an
order of magnitude slower (jax issue 12868); and points side by side make a batched product of it,
where a convolution with a kernel a point would become a grouped one. The product is one of two
matrices: with a matrix for each row of pixels its gradient took four times as long. On a CPU the
patches of many pixels are made for some images after the other, so that they stay in its caches.
Where those have few channels their product is slow. XLA's convolution is used then for all but the
kernel's gradient: it is quick as long as its kernel is small, and lies in memory as it is read.

Products may read narrower floats than float32 (Micikevicius et al. 2018, *Mixed Precision
Training*), which `dtype` names. Sums, biases and what a layer gives stay float32:

    x, kernel ─ rounded to dtype ─ product ─ float32 ─ + bias ─ `rounded` ─ ReLU ─ next layer
"""

import functools
import itertools
import math
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

LARGE, BLOCK = 2**22, 2**19  # numbers in patches: more than a CPU's caches hold, and fewer
FEW = 16  # features and channels: a product of patches with so few is slower than a convolution
LARGEST_KERNEL = 64  # pixels of a side: each pixel is a slice of its own
Padding = Literal["SAME", "VALID"]


def rounded(x: Array, dtype: str | None) -> Array:
    """The activations `x`, f32[…], as the next layer reads them: in `dtype`; `None`: unchanged.

    >>> rounded(jnp.ones(2), "bfloat16").dtype, rounded(jnp.ones(2), None).dtype
    (dtype(bfloat16), dtype('float32'))
    """
    return x if dtype is None else x.astype(dtype)


def product(x: Array, matrix: Array, dtype: str | None = None, axis: int = 0) -> Array:
    """A matrix product, f32[N, F]; with `dtype` its factors are rounded, and its sums are float32.

    The same holds for both products of its gradient, where the slope of the result is a factor.

    Args:
      x: f32[N, I].
      matrix: f32[I, F], or f32[F, I] where `axis` is 1.
      dtype: of the factors, like `bfloat16`; `None`: as they are.
      axis: of the matrix, along which products are added up.

    >>> x = jnp.array([[1.0, 1 / 512]])  # bfloat16 has no 1 + 1 / 512, but the sum is float32
    >>> product(x, jnp.ones((2, 1)), "bfloat16").tolist() == [[1 + 1 / 512]]
    True
    >>> product(x + 1 / 512, jnp.ones((2, 1)), "bfloat16").tolist() == [[1 + 1 / 256]]
    True
    """
    if dtype is None:
        return jax.lax.dot_general(x, matrix, (((1,), (axis,)), ((), ())))
    full = jnp.result_type(float)
    return _product(x.astype(full), matrix.astype(full), dtype, axis)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _product(x: Array, matrix: Array, dtype: str, axis: int) -> Array:
    """`product`; JAX's own gradient would multiply slopes in float32."""
    return _sums(x, matrix, dtype, (1, axis))


def _sums(x: Array, y: Array, dtype: str, axes: tuple[int, int]) -> Array:
    """The product of rounded factors along one axis of each."""
    (one, other), full = axes, jnp.result_type(float)
    x, y = x.astype(dtype), y.astype(dtype)
    return jax.lax.dot_general(x, y, (((one,), (other,)), ((), ())), preferred_element_type=full)


def _forward(x: Array, matrix: Array, dtype: str, axis: int) -> tuple[Array, tuple[Array, Array]]:
    return _product(x, matrix, dtype, axis), (x.astype(dtype), matrix.astype(dtype))


def _backward(
    dtype: str, axis: int, factors: tuple[Array, Array], slope: Array
) -> tuple[Array, Array]:
    x, matrix = factors
    first, second = (slope, x) if axis else (x, slope)
    by_x = _sums(slope, matrix, dtype, (1, 1 - axis))
    return by_x, _sums(first, second, dtype, (0, 0))


_product.defvjp(_forward, _backward)


@functools.partial(jax.jit, static_argnames=("stride", "padding", "dtype"))
def convolve(
    x: Array,
    kernel: Array,
    stride: int = 1,
    padding: Padding = "SAME",
    dtype: str | None = None,
) -> Array:
    """Every output pixel is the sum of a patch of `x` times the kernel (cross-correlation).

    Args:
      x: f32[B, H, W, C].
      kernel: f32[h, w, C, F].
      stride: from one patch to the next, ≥ 1.
      padding: `SAME`, as many zeros around the image as ⌈H / stride⌉ rows need, the odd one before
        it (for odd h and a stride of 1 or 2 this is PyTorch's `padding=h // 2`); `VALID`, none.
      dtype: of the factors, see `product`.

    Returns:
      f32[B, H', W', F].

    >>> convolve(jnp.ones((1, 5, 5, 3)), jnp.ones((3, 3, 3, 8)), stride=2).shape
    (1, 3, 3, 8)
    """
    if stride == 1 and padding == "SAME" and dtype is None and _have_few_channels(x, kernel):
        return _directly(x, kernel)
    return _by_patches(x, kernel, stride, padding, dtype)


def _by_patches(x: Array, kernel: Array, stride: int, padding: Padding, dtype: str | None) -> Array:
    """`convolve`, as a product of patches, which are made in blocks where they are many."""
    features, images = kernel.shape[-1], _images_at_once(x, kernel, stride, padding)

    def block(x: Array) -> Array:
        patches = _patches(x, kernel.shape[:2], stride, padding)
        flat = patches.reshape(-1, patches.shape[-1])
        sums = product(flat, kernel.reshape(-1, features), dtype)
        return sums.reshape(*patches.shape[:-1], features)

    if images is None:
        return block(x)
    blocks = x.reshape(-1, images, *x.shape[1:])
    # patches are made again for the gradient: to keep them would take them out of the cache
    out = jax.lax.map(jax.checkpoint(block), blocks)
    return out.reshape(-1, *out.shape[2:])


def _have_few_channels(x: Array, kernel: Array) -> bool:
    """Whether XLA's convolution is faster: of many patches with few channels, on a CPU."""
    *sides, channels, features = kernel.shape
    few = FEW // 2 <= channels <= FEW and features <= FEW and all(side % 2 for side in sides)
    single = x.dtype == kernel.dtype == jnp.float32
    return few and single and _images_at_once(x, kernel, 1, "SAME") is not None


@jax.custom_vjp
def _directly(x: Array, kernel: Array) -> Array:
    """`convolve` of an odd kernel and the stride 1, as XLA's own convolution.

    So is the gradient by the images, with the kernel turned round. That by the kernel would be a
    convolution with a kernel as large as the image, which takes fifty times as long on a CPU.
    """
    return _direct(x, kernel)


def _directly_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _directly(x, kernel), (x, kernel)  # not `_direct`: for a gradient of this gradient


def _directly_backward(factors: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    x, kernel = factors
    _, pull = jax.vjp(lambda kernel: _by_patches(x, kernel, 1, "SAME", None), kernel)
    return _directly(slope, kernel[::-1, ::-1].swapaxes(2, 3)), *pull(slope)


_directly.defvjp(_directly_forward, _directly_backward)


@jax.custom_batching.custom_vmap
def _direct(x: Array, kernel: Array) -> Array:
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@_direct.def_vmap
def _direct_of_many(
    points: int, batched: list[bool], x: Array, kernel: Array
) -> tuple[Array, bool]:
    """One point after the other: side by side they would be a slow, grouped convolution."""
    x, kernel = (
        a if many else jnp.broadcast_to(a, (points, *a.shape))
        for a, many in zip((x, kernel), batched, strict=True)
    )
    return jax.lax.map(lambda factors: _direct(*factors), (x, kernel)), True


@functools.partial(jax.jit, static_argnames=("size", "stride", "padding", "dtype"))
def convolve_transposed(
    x: Array,
    kernel: Array,
    size: tuple[int, int],
    stride: int = 1,
    padding: Padding = "SAME",
    dtype: str | None = None,
) -> Array:
    """The transpose of `convolve`, as a linear map: from its outputs to images of a size.

    Args:
      x: f32[B, H', W', F].
      kernel: f32[h, w, C, F].
      size: (H, W), of images that `convolve` makes H' × W' of.
      stride, padding, dtype: as for `convolve`.

    Returns:
      f32[B, H, W, C].

    >>> convolve_transposed(jnp.ones((1, 3, 3, 8)), jnp.ones((3, 3, 3, 8)), (5, 5), stride=2).shape
    (1, 5, 5, 3)
    """
    features = kernel.shape[-1]
    patches = product(x.reshape(-1, features), kernel.reshape(-1, features), dtype, axis=1)
    image = jax.ShapeDtypeStruct((x.shape[0], *size, kernel.shape[2]), patches.dtype)
    transposed = jax.linear_transpose(
        lambda y: _patches(y, kernel.shape[:2], stride, padding), image
    )
    return transposed(patches.reshape(*x.shape[:-1], -1))[0]


def _images_at_once(x: Array, kernel: Array, stride: int, padding: Padding) -> int | None:
    """Images whose patches are made at once: they divide the number of images.

    `None`, all of them, but on a CPU where that is more than its caches hold. An exported program
    has a symbol as their number.
    """
    pixels = (
        _windows(length, size, stride, padding).number
        for length, size in zip(x.shape[1:3], kernel.shape[:2], strict=True)
    )
    images: Any = x.shape[0]
    numbers = math.prod(pixels) * math.prod(kernel.shape[:3])  # in the patches of one
    if not isinstance(images, int) or jax.default_backend() != "cpu" or images * numbers <= LARGE:
        return None
    return _divisor(images, BLOCK // numbers)


def _divisor(images: int, largest: int) -> int | None:
    """The largest divisor up to `largest`; `None` if it is less than half of that.

    >>> _divisor(18, 8), _divisor(13, 8)
    (6, None)
    """
    largest = max(1, largest)
    best = max(size for size in range(1, largest + 1) if images % size == 0)
    return best if best < images and 2 * best > largest else None


def _patches(x: Array, kernel: tuple[int, ...], stride: int, padding: Padding) -> Array:
    """The patch of each output pixel, f32[B, H', W', h · w · C]."""
    rows = _windows(x.shape[1], kernel[0], stride, padding)
    columns = _windows(x.shape[2], kernel[1], stride, padding)
    x = jnp.pad(x, ((0, 0), rows.around, columns.around, (0, 0)))
    offsets = itertools.product(rows.slices, columns.slices)
    return jnp.concatenate([x[:, row, column] for row, column in offsets], axis=-1)


class Windows(NamedTuple):
    """How to cut an axis into windows."""

    number: int
    around: tuple[int, int]  # zeros before and after it
    slices: list[slice]  # the first pixels of all windows, then the second ones, …


def _windows(length: int, size: int, stride: int, padding: Padding) -> Windows:
    starts = range(0, length if padding == "SAME" else length - size + 1, stride)
    lacking = max(starts[-1] + size - length, 0)
    around = ((lacking + 1) // 2, lacking // 2)
    return Windows(len(starts), around, [slice(i, i + starts[-1] + 1, stride) for i in range(size)])


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
    dtype: str | None = None  # of the factors of products, see `product`

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """f32[B, H, W, C] → f32[B, H', W', features]."""
        dtype = jnp.result_type(float)
        shape = (*self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", _initial, shape, math.prod(shape[:-1]))
        bias = self.param("bias", nn.initializers.zeros, (1, 1, 1, self.features), dtype)
        x = x.astype(dtype)
        return convolve(x, kernel, self.stride, self.padding, self.dtype) + bias


class ConvTranspose(nn.Module):
    """The transpose of a convolution, to images of a given shape, and a bias.

    Where the stride or the image's edge leaves an output pixel fewer inputs, the initial variance
    is larger: one over their average number.
    """

    image_shape: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: int = 1
    padding: Padding = "SAME"
    dtype: str | None = None  # of the factors of products, see `product`

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """f32[B, H', W', F] → f32[B, H, W, C]."""
        dtype = jnp.result_type(float)
        height, width, channels = self.image_shape
        shape = (*self.kernel, channels, x.shape[-1])
        products = math.prod(x.shape[1:]) * math.prod(self.kernel)
        kernel = self.param("kernel", _initial, shape, products / (height * width))
        bias = self.param("bias", nn.initializers.zeros, (1, 1, 1, channels), dtype)
        size, x = (height, width), x.astype(dtype)
        return convolve_transposed(x, kernel, size, self.stride, self.padding, self.dtype) + bias
