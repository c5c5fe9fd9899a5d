"""Reconstruction losses: how well the decoder's output accounts for the image.

Images and reconstructions must have one shape: nothing is broadcast. Arrays narrower than float32
are computed in float32.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.options import one_of, part
from jaxdml.types import Learned

REDUCTIONS = ("sum", "mean")
SMALLEST_MSE = 1e-8  # (intensities)²; rounding to 8 bits alone makes 1.3e-6


def _check(*, reduction: str) -> None:
    one_of("reduction", reduction, REDUCTIONS)


@checked
def mse(
    images: Float[Array, "batch height width channels"],
    reconstruction: Float[Array, "batch height width channels"],
    *,
    valid: Bool[Array, " batch"] | None = None,
    reduction: str = "sum",
) -> Float[Array, ""]:
    """Squared error (x − x̂)², summed or averaged over an image's pixels, averaged over valid rows.

    With β = 1 the sum is the usual VAE objective (a Gaussian of variance ½, up to a constant); a
    mean over 784 pixels gives reconstruction 1/784 of that weight against the KL.

    Args:
      images: x, f32[B, H, W, C] in [0, 1].
      reconstruction: x̂, f32[B, H, W, C].
      valid: bool[B]; padded rows count for nothing. `None` means all.
      reduction: over pixels: `sum` or `mean`.

    Returns:
      f32[] in squared intensities, 0 where no row is valid.

    Raises:
      ValueError: for an unknown reduction, or shapes that do not agree.

    >>> float(mse(jnp.ones((2, 2, 2, 1)), jnp.zeros((2, 2, 2, 1))))
    4.0
    """
    return _over_rows((images - reconstruction) ** 2, valid, reduction)


@checked
def bernoulli(
    images: Float[Array, "batch height width channels"],
    logits: Float[Array, "batch height width channels"],
    *,
    valid: Bool[Array, " batch"] | None = None,
    reduction: str = "sum",
) -> Float[Array, ""]:
    """−x log σ(l) − (1 − x) log(1 − σ(l)): the image as probabilities of white pixels.

    Kingma and Welling, "Auto-Encoding Variational Bayes", 2014 (appendix C.1).

    Args:
      images: x, f32[B, H, W, C] in [0, 1].
      logits: l, f32[B, H, W, C]; of any size, the value stays finite.
      valid, reduction: as for `mse`.

    Returns:
      f32[] in nats, 0 where no row is valid.

    Raises:
      ValueError: for an unknown reduction, or shapes that do not agree.

    >>> round(float(bernoulli(jnp.ones((1, 1, 2, 1)), jnp.zeros((1, 1, 2, 1)))), 4)  # 2 log 2
    1.3863
    """
    return _over_rows(jax.nn.softplus(logits) - images * logits, valid, reduction)


@checked
def gaussian(
    images: Float[Array, "batch height width channels"],
    reconstruction: Float[Array, "batch height width channels"],
    logvar: ArrayLike,
    *,
    valid: Bool[Array, " batch"] | None = None,
) -> Float[Array, ""]:
    """−log N(x; x̂, σ² I): squared error in units of one variance that all pixels share.

    Rybkin, Daniilidis, Levine, "Simple and Effective VAE Training with Calibrated Decoders", 2021.

    Args:
      images, reconstruction, valid: as for `mse`.
      logvar: log σ², f32[].

    Returns:
      f32[] in nats an image, which may be negative; 0 where no row is valid.

    Raises:
      ValueError: for shapes that do not agree.

    >>> x = jnp.ones((1, 1, 2, 1))
    >>> round(float(gaussian(x, 0 * x, 0.0)), 4)  # 2 · ½ (log 2π + 1)
    2.8379
    """
    logvar = jnp.asarray(logvar, images.dtype)
    error = (images - reconstruction) ** 2 * jnp.exp(-logvar)
    return _over_rows(0.5 * (math.log(2 * math.pi) + logvar + error), valid, "sum")


@checked
def optimal_gaussian(
    images: Float[Array, "batch height width channels"],
    reconstruction: Float[Array, "batch height width channels"],
    *,
    valid: Bool[Array, " batch"] | None = None,
) -> Float[Array, ""]:
    """(P/2) log MSE with P values an image: `gaussian` at the batch's best σ², up to a constant.

    Rybkin et al. 2021, equation 7. The mean squared error counts as at least 1e-8.

    Args:
      images, reconstruction, valid: as for `mse`.

    Returns:
      f32[] in nats an image, which may be negative; 0 where no row is valid.

    Raises:
      ValueError: for shapes that do not agree.

    >>> x = jnp.ones((1, 1, 2, 1))
    >>> round(float(optimal_gaussian(x, 0.5 * x)), 4)  # 2/2 · log ¼
    -1.3863
    """
    count = math.prod(images.shape[1:])
    error = mse(images, reconstruction, valid=valid, reduction="mean")
    value = count / 2 * jnp.log(jnp.maximum(error, SMALLEST_MSE))
    if valid is None:
        return value if len(images) else 0 * value
    return jnp.where(valid.any(), value, 0)


make_mse = part(mse, check=_check)
make_bernoulli = part(bernoulli, check=_check)


def make_gaussian(*, variance: str = "learned") -> Learned | Callable[..., Array]:
    """A Gaussian of one variance, as `reconstruction.name = "gaussian"` selects it.

    Args:
      variance: `learned` with everything else, from 1 on; or the batch's `optimal` one.

    >>> make_gaussian(variance="optimal") is optimal_gaussian
    True
    """
    one_of("variance", variance, ("learned", "optimal"))
    if variance == "optimal":
        return optimal_gaussian

    def init(key: Array, classes: int, latent_dim: int) -> tuple[Any, Any]:
        return {"logvar": jnp.zeros(())}, {}

    def value(
        params: Any, extra: Any, images: Array, reconstruction: Array, *, valid: Array
    ) -> tuple[Array, Any]:
        return gaussian(images, reconstruction, params["logvar"], valid=valid), extra

    return Learned(init, value)


def _over_rows(pixels: Array, valid: Array | None, reduction: str) -> Array:
    """Over the pixels of a row as `reduction` says, then the mean over valid rows."""
    _check(reduction=reduction)
    rows = (jnp.sum if reduction == "sum" else jnp.mean)(pixels, axis=(1, 2, 3))  # [B]
    return masks.mean(rows, jnp.ones(rows.shape, bool) if valid is None else valid)
