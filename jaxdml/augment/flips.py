"""Mirror images."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxdml.arguments import checked
from jaxdml.augment.pixels import as_floats, over_pixels
from jaxdml.options import one_of

AXES = {"vertical": 1, "horizontal": 2}


@checked
def flip(
    key: Array, images: Float[Array, "batch height width channels"], *, direction: str
) -> Float[Array, "batch height width channels"]:
    """Each image as it is or mirrored, with equal probability.

    Args:
      key: a random key.
      images: f32[B, H, W, C] in [0, 1].
      direction: `horizontal` exchanges left and right, `vertical` above and below.

    Raises:
      ValueError: if the images are no floats or have another number of axes, or for another
        direction.

    >>> x = jnp.arange(3.0).reshape(1, 1, 3, 1)
    >>> seen = [flip(jax.random.key(i), x, direction="horizontal").ravel() for i in range(8)]
    >>> sorted({tuple(one.tolist()) for one in seen})
    [(0.0, 1.0, 2.0), (2.0, 1.0, 0.0)]
    """
    images = as_floats(images)
    return mirrored(images, jax.random.bernoulli(key, shape=(len(images),)), direction)


@checked
def mirrored(
    images: Float[Array, "batch height width channels"],
    chosen: Bool[Array, " batch"],
    direction: str,
) -> Float[Array, "batch height width channels"]:
    """The images, the chosen ones of them mirrored.

    >>> x = jnp.arange(2.0).reshape(1, 2, 1, 1)
    >>> mirrored(x, jnp.array([True]), "vertical").ravel().tolist()
    [1.0, 0.0]
    """
    axis = AXES[one_of("direction", direction, AXES)]
    return jnp.where(over_pixels(chosen), jnp.flip(images, axis), images)
