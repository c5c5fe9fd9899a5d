"""Normalised temperature-scaled cross-entropy (NT-Xent) between two views of images.

Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", 2020
(SimCLR, equation 1).
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.distances import matmul, unit
from jaxdml.losses.softmax import log_sum_exp
from jaxdml.options import at_least


@checked
def nt_xent(
    first: Float[Array, "batch dim"],
    second: Float[Array, "batch dim"],
    *,
    valid: Bool[Array, " batch"] | None = None,
    temperature: ArrayLike = 0.2,
) -> Float[Array, ""]:
    """Mean over the rows i of both views of −log(exp(zᵢ·z_p/τ) / Σ_{a ≠ i} exp(zᵢ·z_a/τ)).

    The z are scaled to length 1, and p is the other view of row i. All other valid rows of both
    views are its negatives. Time O(B² D), memory O(B²).

    Args:
      first, second: f32[B, D], two views of the same images.
      valid: bool[B]; rows without are no one's negative, and enter no mean. `None` means all.
      temperature: τ > 0.

    Returns:
      f32[] in nats, ≥ 0, and 0 where fewer than two rows are valid.

    Raises:
      ValueError: for a temperature out of range, or shapes that do not agree.

    >>> z = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    >>> round(float(nt_xent(z, z, temperature=1.0)), 4)  # log(1 + 2 e⁻¹)
    0.5514
    """
    at_least("temperature", temperature, 1e-6)
    batch = first.shape[0]
    if batch == 0:
        return jnp.zeros((), first.dtype)
    first, valid = masks.keep(first, valid)
    second, _ = masks.keep(second, valid)
    z = unit(jnp.concatenate([first, second]))
    similarity = matmul(z, z.T) / jnp.asarray(temperature, z.dtype)
    rows = jnp.arange(2 * batch)
    itself = rows[:, None] == rows[None, :]
    present = jnp.concatenate([valid, valid])
    positive = similarity[rows, (rows + batch) % (2 * batch)]
    everyone = log_sum_exp(similarity, ~itself & present[None, :])
    return masks.mean(everyone - positive, present & (valid.sum() > 1))
