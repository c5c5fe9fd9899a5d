"""Mirror images and quarter turns, as matrices for `affine`: no pixel is interpolated.

Flips and turns are made in the same resampling as shifts and rotations, at no further cost.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxdml.arguments import checked


@checked
def orientations(
    key: Array,
    images: Float[Array, "batch height width channels"],
    *,
    horizontal: bool = False,
    vertical: bool = False,
    quarters: bool = False,
) -> Float[Array, "batch 2 2"]:
    """A random orientation for each image; each kind is drawn with equal probabilities.

    Args:
      key: a random key.
      images: f32[B, H, W, C].
      horizontal: whether left and right may be exchanged.
      vertical: whether above and below may be exchanged.
      quarters: whether there may be turns by 90, 180 and 270 degrees.

    Returns:
      matrices of −1, 0 and 1; rows and columns are (down, right).

    Raises:
      ValueError: for quarter turns of images that are not square.

    >>> x = jnp.zeros((30, 8, 8, 1))
    >>> matrices = orientations(jax.random.key(0), x, horizontal=True, quarters=True)
    >>> len(jnp.unique(matrices, axis=0))
    8
    """
    batch, height, width, _ = images.shape
    if quarters and height != width:
        raise ValueError(f"quarter turns need square images, but images are {height} × {width}")
    # a key for each kind: one does not alter the draws of another
    across, along, turns = jax.random.split(key, 3)
    none = jnp.zeros(batch, bool)
    return oriented(
        jax.random.bernoulli(across, shape=(batch,)) if horizontal else none,
        jax.random.bernoulli(along, shape=(batch,)) if vertical else none,
        jax.random.randint(turns, (batch,), 0, 4) if quarters else jnp.zeros(batch, int),
    ).astype(images.dtype)


def oriented(
    horizontal: Bool[Array, " batch"],
    vertical: Bool[Array, " batch"],
    quarters: Int[Array, " batch"],
) -> Int[Array, "batch 2 2"]:
    """The matrices of images that are mirrored, and then turned counter-clockwise.

    Args:
      horizontal, vertical: in which direction an image is mirrored.
      quarters: how many turns by 90 degrees, 0 to 3.

    >>> no = jnp.array([False])
    >>> oriented(no, no, jnp.array([1])).tolist()
    [[[0, 1], [-1, 0]]]
    """
    cos, sin = jnp.array([1, 0, -1, 0])[quarters], jnp.array([0, 1, 0, -1])[quarters]
    down, right = jnp.where(vertical, -1, 1), jnp.where(horizontal, -1, 1)
    rows = [
        jnp.stack([down * cos, down * sin], axis=1),
        jnp.stack([-right * sin, right * cos], axis=1),
    ]
    return jnp.stack(rows, axis=1)
