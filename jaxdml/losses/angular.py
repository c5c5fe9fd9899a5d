"""Angular softmax losses: a classifier on the sphere, with a margin at the true class.

Liu et al., "SphereFace", 2017; Wang et al., "CosFace", 2018; Deng et al., "ArcFace", 2019; Zhang
et al., "AdaCos", 2019. θ_j is the angle between an embedding and the weights of class j. All of
them cost O(B C D) time and O(B C) memory, and are the cross-entropy of changed logits. Arrays
narrower than float32 are computed in float32, and an empty batch has the value 0.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.distances import matmul, safe_sqrt, unit
from jaxdml.losses.softmax import at_label, cross_entropy, log_sum_exp
from jaxdml.options import ConfigError, at_least, between
from jaxdml.types import Learned


@checked
def sphereface(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    weights: Float[Array, "dim classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    m: int = 4,
) -> Float[Array, ""]:
    """Logits ‖z‖ cos θ_j, at the label ‖z‖ ψ(θ_y): ψ = (−1)ᵏ cos(mθ) − 2k with k = ⌊mθ/π⌋.

    ψ falls monotonically from 1 to 1 − 2m. It is computed from cos θ alone, by the Chebyshev
    polynomial, so that its slope is finite at every angle.

    Args:
      embeddings: f32[B, D].
      labels: i32[B] in [0, C) where labelled.
      weights: f32[D, C], of any length.
      labelled: bool[B]; rows without count for nothing. `None` means all.
      m: ≥ 1, the factor of the angle.

    Returns:
      f32[] in nats, 0 where no row is labelled.

    Raises:
      ValueError: for m below 1, or shapes that do not agree.

    >>> z, w = jnp.array([[1.0, 0.0]]), jnp.eye(2)
    >>> round(float(sphereface(z, jnp.array([1]), w, m=2)), 4)  # ψ(π/2) = −1: log(e + e⁻¹) + 1
    2.1269
    """
    at_least("m", m, 1)
    embeddings, labels, labelled = masks.one_row_at_least(embeddings, labels, labelled)
    cosine, labels, labelled = _cosines(embeddings, labels, weights, labelled)
    target = at_label(cosine, labels)
    before, multiple = jnp.ones_like(target), target  # cos 0θ, cos 1θ
    for _ in range(m - 1):
        before, multiple = multiple, 2 * target * multiple - before
    k = sum((target <= math.cos(j * math.pi / m)).astype(target.dtype) for j in range(1, m + 1))
    psi = (1 - 2 * (k % 2)) * multiple - 2 * k
    norm = safe_sqrt(jnp.sum(embeddings * embeddings, axis=1, keepdims=True))
    return cross_entropy(norm * _with_target(cosine, labels, psi), labels, labelled)


@checked
def cosface(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    weights: Float[Array, "dim classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    margin: ArrayLike = 0.35,
    scale: ArrayLike = 64.0,
) -> Float[Array, ""]:
    """Logits s cos θ_j, at the label s (cos θ_y − margin).

    Args:
      embeddings, labels, weights, labelled: as for `sphereface`.
      margin: ≥ 0, in units of the cosine.
      scale: s ≥ 0.

    Returns:
      f32[] in nats, 0 where no row is labelled.

    Raises:
      ValueError: for a negative margin or scale, or shapes that do not agree.

    >>> z, w = jnp.array([[1.0, 0.0]]), jnp.eye(2)
    >>> round(float(cosface(z, jnp.array([0]), w, margin=1.0, scale=1.0)), 4)  # log 2
    0.6931
    """
    at_least("margin", margin, 0)
    at_least("scale", scale, 0)
    cosine, labels, labelled = _cosines(embeddings, labels, weights, labelled)
    target = at_label(cosine, labels) - jnp.asarray(margin, cosine.dtype)
    scale = jnp.asarray(scale, cosine.dtype)
    return cross_entropy(scale * _with_target(cosine, labels, target), labels, labelled)


@checked
def arcface(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    weights: Float[Array, "dim classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    margin: ArrayLike = 0.5,
    scale: ArrayLike = 64.0,
) -> Float[Array, ""]:
    """Logits s cos θ_j, at the label s cos(θ_y + m); past θ = π − m, s (cos θ_y − m sin m).

    Args:
      embeddings, labels, weights, labelled: as for `sphereface`.
      margin: m in [0, π], in radians.
      scale: s ≥ 0.

    Returns:
      f32[] in nats, 0 where no row is labelled.

    Raises:
      ValueError: for a margin or a scale out of range, or shapes that do not agree.

    >>> z, w = jnp.array([[1.0, 0.0]]), jnp.eye(2)
    >>> right_angle = float(jnp.pi / 2)
    >>> round(float(arcface(z, jnp.array([0]), w, margin=right_angle, scale=1.0)), 4)  # log 2
    0.6931
    """
    between("margin", margin, 0, math.pi)
    at_least("scale", scale, 0)
    cosine, labels, labelled = _cosines(embeddings, labels, weights, labelled)
    margin = jnp.asarray(margin, cosine.dtype)
    target = at_label(cosine, labels)
    sine = safe_sqrt(1 - target**2)
    shifted = target * jnp.cos(margin) - sine * jnp.sin(margin)
    shifted = jnp.where(target >= -jnp.cos(margin), shifted, target - margin * jnp.sin(margin))
    scale = jnp.asarray(scale, cosine.dtype)
    return cross_entropy(scale * _with_target(cosine, labels, shifted), labels, labelled)


@checked
def adacos(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    weights: Float[Array, "dim classes"],
    scale: Float[Array, ""],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    adaptive: bool = True,
    largest: ArrayLike = 64.0,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Logits s cos θ_j without a margin, with a scale s that follows from the batch.

    s = log B / cos(min(π/4, θ_med)), where B is the mean over labelled rows of
    Σ_{j≠y} exp(s_before cos θ_j), and θ_med the median of their θ_y. No gradient flows into s. It
    is kept in [0, `largest`], which the paper does not do: where the classes are too many for the
    dimensions, so that another class's cos θ exceeds cos π/4, it would grow without end.

    Args:
      embeddings, labels, weights, labelled: as for `sphereface`.
      scale: s of the step before; `first_scale(C)` to begin with.
      adaptive: otherwise s stays as it is.
      largest: the greatest s, ≥ 0.

    Returns:
      The loss, f32[] in nats, 0 where no row is labelled; and the s that it used, which is the
      given one where no row is labelled.

    Raises:
      ValueError: for shapes that do not agree.

    >>> z, w = jnp.eye(3), jnp.eye(3)
    >>> loss, scale = adacos(z, jnp.arange(3), w, jnp.asarray(first_scale(3)))
    >>> round(float(scale), 4), round(float(loss), 4)  # θ_med = 0: s = log 2
    (0.6931, 0.6931)
    """
    cosine, labels, labelled = _cosines(embeddings, labels, weights, labelled)
    scale = jnp.asarray(scale, cosine.dtype)
    if adaptive:
        fixed = jax.lax.stop_gradient(jnp.clip(cosine, -1, 1))
        others = labelled[:, None] & (labels[:, None] != jnp.arange(weights.shape[1])[None, :])
        count = jnp.maximum(labelled.sum(), 1).astype(cosine.dtype)
        log_mean = log_sum_exp((scale * fixed).ravel(), others.ravel()) - jnp.log(count)
        angle = _median(jnp.arccos(at_label(fixed, labels)), labelled)
        adapted = log_mean / jnp.cos(jnp.minimum(angle, math.pi / 4))
        adapted = jnp.clip(adapted, 0, jnp.asarray(largest, cosine.dtype))
        scale = jnp.where(labelled.any(), adapted, scale)
    return cross_entropy(scale * cosine, labels, labelled), scale


def first_scale(classes: int) -> float:
    """The fixed scale of AdaCos, √2 log(C − 1), for C ≥ 3 classes.

    Raises:
      ConfigError: for fewer classes, which would make it 0.

    >>> round(first_scale(10), 4)
    3.1073
    """
    if classes < 3:
        raise ConfigError(f"loss.name=adacos needs at least 3 classes, but there are {classes}")
    return math.sqrt(2) * math.log(classes - 1)


def make_sphereface(*, m: int = 4) -> Learned:
    """SphereFace with its own class weights, as `loss.name = "sphereface"` selects it."""
    at_least("m", m, 1)
    return _with_weights(functools.partial(sphereface, m=m))


def make_cosface(*, margin: ArrayLike = 0.35, scale: ArrayLike = 64.0) -> Learned:
    """CosFace with its own class weights, as `loss.name = "cosface"` selects it."""
    at_least("margin", margin, 0)
    at_least("scale", scale, 0)
    return _with_weights(functools.partial(cosface, margin=margin, scale=scale))


def make_arcface(*, margin: ArrayLike = 0.5, scale: ArrayLike = 64.0) -> Learned:
    """ArcFace with its own class weights, as `loss.name = "arcface"` selects it."""
    between("margin", margin, 0, math.pi)
    at_least("scale", scale, 0)
    return _with_weights(functools.partial(arcface, margin=margin, scale=scale))


def make_adacos(*, adaptive: bool = True, largest: ArrayLike = 64.0) -> Learned:
    """AdaCos with its own class weights, as `loss.name = "adacos"` selects it.

    Its scale is kept from step to step, and starts at the fixed one.
    """
    at_least("largest", largest, 0)

    def init(key: Array, classes: int, latent_dim: int) -> tuple[Any, Any]:
        return _weights(key, classes, latent_dim), jnp.asarray(first_scale(classes))

    def value(
        params: Any, scale: Array, embeddings: Array, labels: Array, *, labelled: Array
    ) -> tuple[Array, Array]:
        return adacos(
            embeddings,
            labels,
            params["weights"],
            scale,
            labelled=labelled,
            adaptive=adaptive,
            largest=largest,
        )

    return Learned(init, value)


def _cosines(
    embeddings: Array, labels: Array, weights: Array, labelled: Array | None
) -> tuple[Array, Array, Array]:
    """Cos θ, f32[B, C], with labels and mask in which unlabelled rows say nothing."""
    embeddings, labels, labelled = masks.one_row_at_least(embeddings, labels, labelled)
    return matmul(unit(embeddings), unit(weights.T).T), jnp.where(labelled, labels, 0), labelled


def _with_target(cosine: Array, labels: Array, target: Array) -> Array:
    """The cosines with another value at the label."""
    here = labels[:, None] == jnp.arange(cosine.shape[1])[None, :]
    return jnp.where(here, target[:, None], cosine)


def _median(values: Array, where: Array) -> Array:
    """The median of the values that the mask names; of two middle ones their mean."""
    ordered = jnp.sort(jnp.where(where, values, jnp.inf))
    count = jnp.maximum(where.sum(), 1)
    return 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])


def _weights(key: Array, classes: int, latent_dim: int) -> Any:
    return {"weights": jax.nn.initializers.glorot_normal()(key, (latent_dim, classes))}


def _with_weights(loss: Callable[..., Array]) -> Learned:
    def init(key: Array, classes: int, latent_dim: int) -> tuple[Any, Any]:
        return _weights(key, classes, latent_dim), {}

    def value(
        params: Any, extra: Any, embeddings: Array, labels: Array, *, labelled: Array
    ) -> tuple[Array, Any]:
        return loss(embeddings, labels, params["weights"], labelled=labelled), extra

    return Learned(init, value)
