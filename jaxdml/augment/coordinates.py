"""Noise on coordinates, and coordinates left out: changes of vectors, and of images too.

Vincent et al., "Stacked Denoising Autoencoders", 2010, corrupt their inputs in both ways.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jaxdml.arguments import checked
from jaxdml.augment.pixels import as_floats


@checked
def noise(
    key: Array,
    images: Float[Array, "batch height width channels"],
    *,
    deviation: ArrayLike = 0.0,
    bounded: bool = True,
) -> Float[Array, "batch height width channels"]:
    """Each number with Gaussian noise of its own.

    Args:
      key: a random key.
      images: f32[B, H, W, C] in [0, 1].
      deviation: the standard deviation of the noise, at least 0.
      bounded: whether the result is cut to [0, 1]; vectors may have any range.

    Returns:
      f32[B, H, W, C].

    Raises:
      ValueError: if the images are no floats, or have another number of axes.

    >>> x = jnp.full((1, 20, 1, 1), 0.5)
    >>> len(set(noise(jax.random.key(0), x, deviation=0.1).ravel().tolist()))
    20
    """
    images = as_floats(images)
    drawn = jax.random.normal(key, images.shape, images.dtype)
    noisy = images + deviation * drawn
    return jnp.clip(noisy, 0, 1) if bounded else noisy


@checked
def dropout(
    key: Array,
    images: Float[Array, "batch height width channels"],
    *,
    rate: ArrayLike = 0.0,
) -> Float[Array, "batch height width channels"]:
    """Each number kept, or set to 0 with the probability `rate`; kept ones are not scaled.

    Args:
      key: a random key.
      images: f32[B, H, W, C] in [0, 1].
      rate: a probability.

    Raises:
      ValueError: if the images are no floats, or have another number of axes.

    >>> x = jnp.ones((1, 20, 1, 1))
    >>> sorted(set(dropout(jax.random.key(0), x, rate=0.5).ravel().tolist()))
    [0.0, 1.0]
    """
    images = as_floats(images)
    # 'uniform < rate' is never true for a rate of 0
    lost = jax.random.uniform(key, images.shape, images.dtype) < rate
    return jnp.where(lost, 0, images)
