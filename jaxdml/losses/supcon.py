"""Supervised contrastive loss.

Khosla et al., "Supervised Contrastive Learning", 2020 (equations 2 and 3).
"""

from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.distances import matmul, unit
from jaxdml.losses.rows import alike, log_weights, read
from jaxdml.losses.softmax import log_sum_exp
from jaxdml.options import at_least, one_of, part

FORMS = ("out", "in")


def _check(*, temperature: ArrayLike, form: str, **_: Any) -> None:
    at_least("temperature", temperature, 1e-6)
    one_of("form", form, FORMS)


@checked
def supcon(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    weights: Float[Array, " batch"] | None = None,
    normalizer: str = "weights",
    temperature: ArrayLike = 0.1,
    form: str = "out",
    normalize: bool = True,
) -> Float[Array, ""]:
    """Mean over anchors i of −1/|P(i)| Σ_{p ∈ P(i)} log(exp(zᵢ·z_p/τ) / Σ_{a ≠ i} exp(zᵢ·z_a/τ)).

    P(i) are the other labelled rows of the anchor's class. Anchors without one are left out of the
    mean; a batch of one class has its positive value. Time O(B² D), memory O(B²).

    Let w be the weights, s_a = zᵢ·z_a/τ, and g_ip the probability that two rows are of one class.
    With weights or soft labels the shares of the positives are π_p = w_p g_ip / Σ_p w_p g_ip, and
    an anchor's value is

        out: −Σ_p π_p log(w_p exp(s_p) / Σ_a w_a exp(s_a))
        in:  −log(Σ_p π_p exp(s_p) / Σ_a w_a exp(s_a)) − Σ_p π_p log w_p

    The terms in log w_p have no gradient; they make the value independent of the weights' unit.
    An anchor weighs wᵢ times the probability that it has a positive, 1 − Π_p (1 − g_ip).

    Args:
      embeddings: f32[B, D].
      labels: i32[B], or soft, f32[B, C]: g_ip = Σ_c p_ic p_pc.
      labelled: bool[B]; rows without are neither anchor nor partner. `None` means all.
      weights: f32[B] ≥ 0; `None` means 1.
      normalizer: what the mean divides by: the anchors' `weights`, or their number if all labelled
        rows had the weight 1, `rows`.
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
    _check(temperature=temperature, form=form)
    rows = read(embeddings, labels, labelled, weights, normalizer)
    if rows.weights is not None and rows.counts is not None:
        similarity = _similarity(rows.embeddings, temperature, normalize)
        return _weighted(similarity, rows.labels, rows.labelled, rows.weights, rows.counts, form)
    positive, negative = masks.pairs(rows.labels, rows.labelled)
    anchors = positive.any(axis=1)
    similarity = _similarity(rows.embeddings, temperature, normalize)
    everyone = log_sum_exp(similarity, positive | negative)
    count = jnp.maximum(positive.sum(axis=1), 1).astype(similarity.dtype)
    if form == "out":
        nearness = jnp.sum(jnp.where(positive, similarity, 0) / count[:, None], axis=1)
    else:
        nearness = log_sum_exp(similarity, positive) - jnp.log(count)
    return masks.mean(everyone - nearness, anchors)


def _similarity(embeddings: Array, temperature: ArrayLike, normalize: bool) -> Array:
    if normalize:
        embeddings = unit(embeddings)
    return matmul(embeddings, embeddings.T) / jnp.asarray(temperature, embeddings.dtype)


def _weighted(
    similarity: Array, labels: Array, labelled: Array, weights: Array, counts: Array, form: str
) -> Array:
    """The loss of rows with weights, f32[B], or soft labels."""
    genuine, _ = alike(labels, similarity.dtype)
    itself = jnp.eye(len(genuine), dtype=bool)
    positive = genuine * weights[None, :]
    mask = (genuine > 0) & labelled[None, :]
    total = positive.sum(axis=1, keepdims=True)
    shares = positive / jnp.where(total == 0, 1, total)
    weighted = similarity + log_weights(weights)[None, :]
    everyone = log_sum_exp(weighted, ~itself & labelled[None, :])
    if form == "out":
        nearness = jnp.sum(jnp.where(mask, shares * weighted, 0), axis=1)
    else:
        nearness = log_sum_exp(similarity + log_weights(shares), mask)
        nearness += jnp.sum(shares * log_weights(weights)[None, :], axis=1)
    anchors = labelled & mask.any(axis=1)
    weights, counts = (n * _has_positive(genuine, n) for n in (weights, counts))
    return masks.mean(everyone - nearness, anchors, weights, counts)


def _has_positive(genuine: Array, weights: Array) -> Array:
    """The probability that a row has a positive among those with a weight, f32[B]."""
    none = jnp.log1p(-jnp.where(weights[None, :] == 0, 0, genuine))  # −∞: surely not
    return -jnp.expm1(none.sum(axis=1))


make = part(supcon, check=_check)
