"""One square of each image erased.

DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jaxdml.arguments import checked
from jaxdml.augment.pixels import as_floats, over_pixels, uniform


@checked
def erase(
    key: Array,
    images: Float[Array, "batch height width channels"],
    *,
    smallest: ArrayLike = 0.0,
    largest: ArrayLike = 0.0,
    fill: ArrayLike | None = None,
) -> Float[Array, "batch height width channels"]:
    """Each image with one random square filled.

    The centre is drawn uniformly over the image, so that a square may reach beyond the edge.

    Args:
      key: a random key.
      images: f32[B, H, W, C] in [0, 1].
      smallest, largest: between these the side is drawn uniformly, in pixels.
      fill: the value of all channels, in [0, 1]. `None`: each channel's mean over the image.

    Returns:
      f32[B, H, W, C] in [0, 1].

    Raises:
      ValueError: if the images are no floats, or have another number of axes.

    >>> import jax
    >>> x = jnp.ones((1, 8, 8, 1))
    >>> erased = erase(jax.random.key(0), x, smallest=3.0, largest=3.0, fill=0.0)
    >>> 1 <= (erased == 0).sum() <= 9
    Array(True, dtype=bool)
    """
    images = as_floats(images)
    height, width = images.shape[1:3]
    least, most = jnp.asarray(smallest, images.dtype), jnp.asarray(largest, images.dtype)
    down, right, more = uniform(key, images, height / 2, width / 2, (most - least) / 2)
    centre = jnp.stack([down + (height - 1) / 2, right + (width - 1) / 2], axis=1)
    return filled(images, centre, (least + most) / 2 + more, fill)


@checked
def filled(
    images: Float[Array, "batch height width channels"],
    centre: Float[Array, "batch 2"],
    side: Float[Array, " batch"],
    fill: ArrayLike | None = None,
) -> Float[Array, "batch height width channels"]:
    """The images with pixels less than half a side from the centre, down and right, filled.

    Args:
      images: f32[B, H, W, C].
      centre: f32[B, 2] in pixels from the first one, (down, right).
      side: f32[B] in pixels.
      fill: a number. `None`: each channel's mean over the image.

    >>> x = jnp.ones((1, 1, 4, 1))
    >>> filled(x, jnp.array([[0.0, 1.5]]), jnp.array([2.0]), 0.0).ravel().tolist()
    [1.0, 0.0, 0.0, 1.0]
    """
    down = jnp.arange(images.shape[1], dtype=images.dtype)[None, :, None, None]
    right = jnp.arange(images.shape[2], dtype=images.dtype)[None, None, :, None]
    half = over_pixels(side / 2)
    inside = jnp.abs(down - over_pixels(centre[:, 0])) < half
    inside &= jnp.abs(right - over_pixels(centre[:, 1])) < half
    if fill is None:
        value = images.mean(axis=(1, 2), keepdims=True)
    else:
        value = jnp.asarray(fill, images.dtype)
    return jnp.where(inside, value, images)
