"""Supervised contrastive loss.

Khosla et al., "Supervised Contrastive Learning", 2020 (equations 2 and 3).
"""

import functools
from collections.abc import Callable

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.distances import matmul, unit
from jaxdml.losses.softmax import log_sum_exp
from jaxdml.options import at_least, one_of

FORMS = ("out", "in")


@checked
def supcon(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    temperature: ArrayLike = 0.1,
    form: str = "out",
    normalize: bool = True,
) -> Float[Array, ""]:
    """Mean over anchors i of −1/|P(i)| Σ_{p ∈ P(i)} log(exp(zᵢ·z_p/τ) / Σ_{a ≠ i} exp(zᵢ·z_a/τ)).

    P(i) are the other labelled rows of the anchor's class. Anchors without one are left out of the
    mean; a batch of one class has its positive value. Time O(B² D), memory O(B²).

    Args:
      embeddings: f32[B, D].
      labels: i32[B].
      labelled: bool[B]; rows without are neither anchor nor partner. `None` means all.
      temperature: τ > 0.
      form: `out`, as above, has the mean over positives outside the logarithm; `in` inside:
        −log(1/|P(i)| Σ_p exp(zᵢ·z_p/τ) / Σ_a exp(zᵢ·z_a/τ)).
      normalize: scale the embeddings to length 1 first, as the paper does.

    Returns:
      f32[] in nats, 0 where no anchor has a positive.

    Raises:
      ValueError: for an option that is not one of the above, or shapes that do not agree.

    >>> z = jnp.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> round(float(supcon(z, jnp.array([0, 0, 1]), temperature=1.0)), 4)  # log(1 + e⁻¹)
    0.3133
    """
    _check(temperature, form)
    embeddings, labels, labelled = masks.one_row_at_least(embeddings, labels, labelled)
    positive, negative = masks.pairs(labels, labelled)
    anchors = positive.any(axis=1)
    if normalize:
        embeddings = unit(embeddings)
    similarity = matmul(embeddings, embeddings.T) / jnp.asarray(temperature, embeddings.dtype)
    everyone = log_sum_exp(similarity, positive | negative)
    count = jnp.maximum(positive.sum(axis=1), 1).astype(similarity.dtype)
    if form == "out":
        nearness = jnp.sum(jnp.where(positive, similarity, 0) / count[:, None], axis=1)
    else:
        nearness = log_sum_exp(similarity, positive) - jnp.log(count)
    return masks.mean(everyone - nearness, anchors)


def make(
    *, temperature: ArrayLike = 0.1, form: str = "out", normalize: bool = True
) -> Callable[..., Array]:
    """The SupCon loss with its options bound, as `loss.name = "supcon"` selects it."""
    _check(temperature, form)
    return functools.partial(supcon, temperature=temperature, form=form, normalize=normalize)


def _check(temperature: ArrayLike, form: str) -> None:
    at_least("temperature", temperature, 1e-6)
    one_of("form", form, FORMS)
