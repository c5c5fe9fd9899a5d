"""Hue and saturation of each image, the same for all of its pixels.

A pixel is its grey part, the mean of its channels, and what is left: a vector in the plane of
colours, which is turned (hue) and stretched (saturation). The grey part stays.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jaxdml.arguments import checked
from jaxdml.augment.pixels import as_floats, uniform


@checked
def colour(
    key: Array,
    images: Float[Array, "batch height width 3"],
    *,
    degrees: ArrayLike = 0.0,
    saturation: ArrayLike = 0.0,
) -> Float[Array, "batch height width 3"]:
    """Each image with a random hue and a random saturation.

    Args:
      key: a random key.
      images: f32[B, H, W, 3] in [0, 1], red, green and blue.
      degrees: the largest turn of the hue; 120 makes red green, or blue.
      saturation: in [0, 1]; colours become up to so much stronger or weaker, as a share.

    Returns:
      f32[B, H, W, 3], cut to [0, 1].

    Raises:
      ValueError: if the images are no floats, or have another number of channels or axes.

    >>> import jax
    >>> grey = jnp.full((1, 2, 2, 3), 0.25)
    >>> changed = colour(jax.random.key(0), grey, degrees=20.0, saturation=0.35)
    >>> float(abs(changed - grey).max())
    0.0
    """
    images = as_floats(images)
    turn, more = uniform(key, images, degrees, saturation)
    return recoloured(images, turn, 1 + more)


@checked
def recoloured(
    images: Float[Array, "batch height width 3"],
    degrees: Float[Array, " batch"],
    factor: Float[Array, " batch"],
) -> Float[Array, "batch height width 3"]:
    """The images with their colours turned about the grey axis and stretched, cut to [0, 1].

    By Rodrigues' formula, for c = x − grey, which is perpendicular to the axis a = (1, 1, 1)/√3:

        x' = grey + factor · (cos φ · c + sin φ · a × c)

    >>> red = jnp.array([[[[1.0, 0.0, 0.0]]]])
    >>> recoloured(red, jnp.array([120.0]), jnp.array([1.0])).round(3).ravel().tolist()
    [0.0, 1.0, 0.0]
    """
    angle = jnp.deg2rad(degrees)
    # matrices that give a pixel's grey part, c, and a × c
    grey = jnp.full((3, 3), 1 / 3, images.dtype)
    rest = jnp.eye(3, dtype=images.dtype) - grey
    across = jnp.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], images.dtype) / 3**0.5
    along, aside = factor * jnp.cos(angle), factor * jnp.sin(angle)
    matrix = grey[None] + along[:, None, None] * rest[None] + aside[:, None, None] * across[None]
    # channel by channel: a product with a 3 × 3 matrix for each image takes ten times as long
    changed = sum(images[..., c : c + 1] * matrix[:, None, None, :, c] for c in range(3))
    return jnp.clip(changed, 0, 1)
