"""Reconstruction losses: how far the decoder's output is from the image."""

import functools
from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxdml.options import one_of

REDUCTIONS = ("sum", "mean")


def mse(
    images: Float[Array, "batch height width channels"],
    reconstruction: Float[Array, "batch height width channels"],
    *,
    valid: Bool[Array, " batch"] | None = None,
    reduction: str = "sum",
) -> Float[Array, ""]:
    """Squared error of an image, summed or averaged over its pixels, averaged over valid rows.

    With β = 1 the sum is the usual VAE objective (a Gaussian of variance ½, up to a constant); a
    mean over 784 pixels gives reconstruction 1/784 of that weight against the KL.

    Args:
      images: f32[B, H, W, C] in [0, 1].
      reconstruction: f32[B, H, W, C].
      valid: bool[B]; padded rows count for nothing. `None` means all.
      reduction: over pixels: `sum` or `mean`.

    Returns:
      f32[] in squared intensities, 0 where no row is valid.

    >>> float(mse(jnp.ones((2, 2, 2, 1)), jnp.zeros((2, 2, 2, 1))))
    4.0
    """
    one_of("reduction", reduction, REDUCTIONS)
    error = (images - reconstruction) ** 2
    rows = (jnp.sum if reduction == "sum" else jnp.mean)(error, axis=(1, 2, 3))  # [B]
    if valid is None:
        return rows.mean()
    return jnp.sum(jnp.where(valid, rows, 0)) / jnp.maximum(valid.sum(), 1)


def make_mse(*, reduction: str = "sum") -> Callable[..., Array]:
    """Squared error with its options bound, as `reconstruction.name = "mse"` selects it."""
    one_of("reduction", reduction, REDUCTIONS)
    return functools.partial(mse, reduction=reduction)
