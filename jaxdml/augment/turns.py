"""Quarter turns of square images: no pixel is interpolated."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdml.arguments import checked
from jaxdml.augment.pixels import as_floats, over_pixels


@checked
def quarter_turns(
    key: Array, images: Float[Array, "batch side side channels"]
) -> Float[Array, "batch side side channels"]:
    """Each image turned by 0, 90, 180 or 270 degrees, with equal probability.

    Args:
      key: a random key.
      images: f32[B, H, H, C] in [0, 1].

    Raises:
      ValueError: if the images are no floats, are not square or have another number of axes.

    >>> x = jnp.arange(4.0).reshape(1, 2, 2, 1)
    >>> len({tuple(quarter_turns(jax.random.key(i), x).ravel().tolist()) for i in range(20)})
    4
    """
    images = as_floats(images)
    return turned(images, jax.random.randint(key, (len(images),), 0, 4))


@checked
def turned(
    images: Float[Array, "batch side side channels"], quarters: Int[Array, " batch"]
) -> Float[Array, "batch side side channels"]:
    """The images turned counter-clockwise by so many quarters, 0 to 3.

    >>> turned(jnp.arange(4.0).reshape(1, 2, 2, 1), jnp.array([1])).ravel().tolist()
    [1.0, 3.0, 0.0, 2.0]
    """
    odd, half = over_pixels(quarters % 2 == 1), over_pixels(quarters >= 2)
    images = jnp.where(odd, jnp.flip(jnp.swapaxes(images, 1, 2), 1), images)
    return jnp.where(half, jnp.flip(images, (1, 2)), images)
