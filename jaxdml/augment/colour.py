"""Hue and saturation of each image, the same for all of its pixels.

A pixel is its grey part, the mean of its channels, and what is left: a vector in the plane of
colours, which is turned (hue) and stretched (saturation). The grey part stays.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jaxdml.arguments import checked
from jaxdml.augment.pixels import as_floats, over_pixels, uniform


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
    amounts = uniform(key, images, 2)
    return recoloured(images, degrees * amounts[0], 1 + saturation * amounts[1])


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
    grey = images.mean(axis=3, keepdims=True)
    rest = images - grey
    # a × c, by components: (c_b − c_g, c_r − c_b, c_g − c_r) / √3
    across = (jnp.roll(rest, 1, axis=3) - jnp.roll(rest, -1, axis=3)) / 3**0.5
    turned = over_pixels(jnp.cos(angle)) * rest + over_pixels(jnp.sin(angle)) * across
    return jnp.clip(grey + over_pixels(factor) * turned, 0, 1)
