"""What every change of images begins with: images are floats, each row has numbers of its own."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def as_floats(images: Array) -> Array:
    """The images, if they are floats.

    Args:
      images: float[B, H, W, C] in [0, 1].

    Raises:
      ValueError: if they are of another type, like uint8, whose range is another one.

    >>> as_floats(jnp.zeros((1, 2, 2, 1), "uint8"))
    Traceback (most recent call last):
        ...
    ValueError: images must be floats in [0, 1], but are uint8: divide them by 255 first
    """
    if not jnp.issubdtype(images.dtype, jnp.floating):
        advice = ": divide them by 255 first" if images.dtype == jnp.uint8 else ""
        raise ValueError(f"images must be floats in [0, 1], but are {images.dtype}{advice}")
    return jnp.asarray(images)


def uniform(key: Array, images: Array, *largest: ArrayLike) -> Float[Array, "count batch"]:
    """Draws one number for each bound and each image, uniformly from minus to plus the bound.

    Args:
      key: a random key.
      images: [B, …], whose type the numbers have.
      largest: the bounds.

    >>> uniform(jax.random.key(0), jnp.zeros((5, 8, 8, 1)), 2.0, 0.5).shape
    (2, 5)
    """
    shape = len(largest), len(images)
    drawn = jax.random.uniform(key, shape, images.dtype, minval=-1, maxval=1)
    return jnp.stack([jnp.asarray(limit, images.dtype) for limit in largest])[:, None] * drawn


def over_pixels(numbers: Float[Array, " batch"]) -> Float[Array, "batch 1 1 1"]:
    """One number for each image, in the shape that multiplies images.

    >>> over_pixels(jnp.ones(3)).shape
    (3, 1, 1, 1)
    """
    return numbers[:, None, None, None]
