"""Shift, rotation, shear, scale and orientation of images, in one bilinear resampling.

A pixel of the result has the value that the image has at this position, in pixels from the centre:

    position = S K R O · pixel + shift

O is an orientation, R a rotation, K a shear and S a scale of both axes. Positions between pixels
are interpolated from their four neighbours; positions outside of the image have the value of its
nearest edge. The neighbours are read by index: on a CPU that takes a tenth of the time of matrix
products with the interpolation weights.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jaxdml.arguments import checked
from jaxdml.augment.pixels import as_floats, uniform


@checked
def affine(
    key: Array,
    images: Float[Array, "batch height width channels"],
    *,
    shift: tuple[ArrayLike, ArrayLike] = (0.0, 0.0),
    degrees: ArrayLike = 0.0,
    scale: ArrayLike = 0.0,
    shear: ArrayLike = 0.0,
    orientation: Float[Array, "batch 2 2"] | None = None,
) -> Float[Array, "batch height width channels"]:
    """Each image moved, turned, sheared and scaled by random amounts.

    All amounts are drawn uniformly and independently, in both directions.

    Args:
      key: a random key.
      images: f32[B, H, W, C] in [0, 1].
      shift: the largest shift along height and along width, in pixels.
      degrees: the largest rotation.
      scale: the largest change of each side, as a share of it, below 1.
      shear: the largest slant, in pixels of width for a pixel of height.
      orientation: flips and quarter turns, as `orientations` draws them. `None`: as they are.

    Returns:
      f32[B, H, W, C] in [0, 1].

    Raises:
      ValueError: if the images are no floats, or have another number of axes.

    >>> import jax
    >>> x = jax.random.uniform(jax.random.key(0), (2, 8, 8, 1))
    >>> bool((affine(jax.random.key(1), x) == x).all())  # all amounts are 0
    True
    """
    images = as_floats(images)
    turn, tall, wide, slant, down, right = uniform(
        key, images, degrees, scale, scale, shear, *shift
    )
    matrix = matrices(turn, 1 + jnp.stack([tall, wide], axis=1), slant)
    if orientation is not None:
        matrix = jnp.matmul(matrix, orientation, precision="highest")
    return resampled(images, matrix, jnp.stack([down, right], axis=1))


def matrices(
    degrees: Float[Array, " batch"], factors: Float[Array, "batch 2"], shear: Float[Array, " batch"]
) -> Float[Array, "batch 2 2"]:
    """S K R for each image; rows and columns are (down, right).

    Args:
      degrees: of rotation; what the images show turns counter-clockwise.
      factors: of both axes; above 1 what the images show becomes smaller.
      shear: what is added to a position's column for each row below the centre.

    >>> matrices(jnp.array([90.0]), jnp.ones((1, 2)), jnp.zeros(1)).round(3).tolist()
    [[[-0.0, 1.0], [-1.0, -0.0]]]
    """
    cos, sin = jnp.cos(jnp.deg2rad(degrees)), jnp.sin(jnp.deg2rad(degrees))
    down = jnp.stack([cos, sin], axis=1)
    right = jnp.stack([-sin, cos], axis=1) + shear[:, None] * down
    return factors[:, :, None] * jnp.stack([down, right], axis=1)


@checked
def resampled(
    images: Float[Array, "batch height width channels"],
    matrix: Float[Array, "batch 2 2"],
    offset: Float[Array, "batch 2"],
) -> Float[Array, "batch height width channels"]:
    """The images at the positions `matrix · pixel + offset`, as the head of this module says.

    Args:
      images: f32[B, H, W, C].
      matrix: f32[B, 2, 2]; rows and columns are (down, right).
      offset: f32[B, 2] in pixels, (down, right).

    >>> x = jnp.arange(4.0).reshape(1, 1, 4, 1)
    >>> resampled(x, jnp.eye(2)[None], jnp.array([[0.0, 0.5]])).ravel().tolist()
    [0.5, 1.5, 2.5, 3.0]
    """
    # Two halves, one after the other: a loop's result is stored. Else a compiler may compute it
    # again for each use, like nine times for the patches of a convolution.
    half = max(1, len(images) // 2)
    return jax.lax.map(
        lambda row: _resampled_image(*row), (images, matrix, offset), batch_size=half
    )


def _resampled_image(
    image: Float[Array, "height width channels"],
    matrix: Float[Array, "2 2"],
    offset: Float[Array, " 2"],
) -> Float[Array, "height width channels"]:
    """One image, resampled."""
    height, width, channels = image.shape
    middle = (height - 1) / 2, (width - 1) / 2
    down = jnp.arange(height, dtype=image.dtype)[:, None] - middle[0]
    right = jnp.arange(width, dtype=image.dtype)[None, :] - middle[1]

    def positions(axis: int) -> tuple[Array, Array, Array]:
        """The two nearest rows or columns of each position, and how near the second one is."""
        last = image.shape[axis] - 1
        position = matrix[axis, 0] * down + matrix[axis, 1] * right + (offset[axis] + middle[axis])
        position = jnp.clip(position, 0, last)
        before = jnp.floor(position)
        first = before.astype(jnp.int32)
        return first, jnp.minimum(first + 1, last), (position - before)[..., None]

    top, bottom, below = positions(0)
    left, right_of_it, beyond = positions(1)
    pixels = image.reshape(height * width, channels)

    def values(row: Array, column: Array) -> Array:
        return pixels.at[row * width + column].get(mode="promise_in_bounds")

    above = values(top, left) * (1 - beyond) + values(top, right_of_it) * beyond
    under = values(bottom, left) * (1 - beyond) + values(bottom, right_of_it) * beyond
    return above * (1 - below) + under * below
