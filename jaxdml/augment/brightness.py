"""Brightness and contrast of each image, the same for all of its pixels."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jaxdml.arguments import checked
from jaxdml.augment.pixels import as_floats, over_pixels, uniform


@checked
def brightness(
    key: Array,
    images: Float[Array, "batch height width channels"],
    *,
    amount: ArrayLike = 0.0,
) -> Float[Array, "batch height width channels"]:
    """Each image with a random contrast and a random brightness.

    Args:
      key: a random key.
      images: f32[B, H, W, C] in [0, 1].
      amount: in [0, 1]. Distances from middle grey are multiplied by up to 1 ± amount, and then up
        to half the amount is added or taken away, both uniformly.

    Returns:
      f32[B, H, W, C], cut to [0, 1].

    Raises:
      ValueError: if the images are no floats, or have another number of axes.

    >>> import jax
    >>> x = jnp.full((2, 8, 8, 1), 0.25)
    >>> len(set(brightness(jax.random.key(0), x, amount=0.35)[:, 0, 0, 0].tolist()))
    2
    """
    images = as_floats(images)
    contrast, twice = uniform(key, images, amount, amount)
    return adjusted(images, 1 + contrast, twice / 2)


@checked
def adjusted(
    images: Float[Array, "batch height width channels"],
    contrast: Float[Array, " batch"],
    added: Float[Array, " batch"],
) -> Float[Array, "batch height width channels"]:
    """The images as contrast · (x − ½) + ½ + added, cut to [0, 1].

    >>> adjusted(jnp.full((1, 1, 1, 1), 0.75), jnp.array([2.0]), jnp.array([-0.25])).item()
    0.75
    """
    constant = (1 - contrast) / 2 + added  # so that a contrast of 1 adds exactly nothing
    return jnp.clip(over_pixels(contrast) * images + over_pixels(constant), 0, 1)
