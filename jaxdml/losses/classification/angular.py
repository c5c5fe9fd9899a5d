"""Angular softmax losses: a classifier on the sphere, with or without a margin at the true class.

Liu et al., "SphereFace", 2017; Wang et al., "NormFace", 2017, and "CosFace", 2018; Deng et al.,
"ArcFace", 2019. θ_j is
the angle between an embedding and the weights of class j. All of them cost O(B C D) time and O(B C)
memory, and are the cross-entropy of changed logits. Arrays narrower than float32 are computed in
float32, and an empty batch has the value 0.
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
from jaxdml.losses.rows import Rows, read, refuse_soft
from jaxdml.losses.softmax import at_label, cross_entropy
from jaxdml.options import at_least, between, part
from jaxdml.types import Learned


def _check(*, m: int = 1, margin: ArrayLike = 0.0, scale: ArrayLike = 0.0) -> None:
    at_least("m", m, 1)
    at_least("margin", margin, 0)
    at_least("scale", scale, 0)


def _check_angle(*, margin: ArrayLike, scale: ArrayLike) -> None:
    between("margin", margin, 0, math.pi)
    at_least("scale", scale, 0)


@checked
def sphereface(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    class_weights: Float[Array, "dim classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    weights: Float[Array, " batch"] | None = None,
    normalizer: str = "weights",
    m: int = 4,
) -> Float[Array, ""]:
    """Logits ‖z‖ cos θ_j, at the label ‖z‖ ψ(θ_y): ψ = (−1)ᵏ cos(mθ) − 2k with k = ⌊mθ/π⌋.

    ψ falls monotonically from 1 to 1 − 2m. It is computed from cos θ alone, by the Chebyshev
    polynomial, so that its slope is finite at every angle.

    Args:
      embeddings: f32[B, D].
      labels: i32[B] in [0, C) where labelled.
      class_weights: f32[D, C], of any length.
      labelled: bool[B]; rows without count for nothing. `None` means all.
      weights: f32[B] ≥ 0, of the rows in the mean; `None` means 1.
      normalizer: what it divides by: the sum of the `weights`, or the number of labelled `rows`.
      m: ≥ 1, the factor of the angle.

    Returns:
      f32[] in nats, 0 where no row is labelled.

    Raises:
      ValueError: for m below 1, soft labels, or shapes that do not agree.

    >>> z, w = jnp.array([[1.0, 0.0]]), jnp.eye(2)
    >>> round(float(sphereface(z, jnp.array([1]), w, m=2)), 4)  # ψ(π/2) = −1: log(e + e⁻¹) + 1
    2.1269
    """
    _check(m=m)
    rows = read_hard("sphereface", embeddings, labels, labelled, weights, normalizer)
    # masked twice, as it always was: results of earlier runs come back to the bit
    again, _ = masks.keep(rows.embeddings, rows.labelled)
    cosine, labels = cosines(again, class_weights), jnp.where(rows.labelled, rows.labels, 0)
    target = at_label(cosine, labels)
    before, multiple = jnp.ones_like(target), target  # cos 0θ, cos 1θ
    for _ in range(m - 1):
        before, multiple = multiple, 2 * target * multiple - before
    k = sum((target <= math.cos(j * math.pi / m)).astype(target.dtype) for j in range(1, m + 1))
    psi = (1 - 2 * (k % 2)) * multiple - 2 * k
    norm = _lengths(rows.embeddings)
    return _cross_entropy(norm * _with_target(cosine, labels, psi), labels, rows)


@checked
def cosface(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    class_weights: Float[Array, "dim classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    weights: Float[Array, " batch"] | None = None,
    normalizer: str = "weights",
    margin: ArrayLike = 0.35,
    scale: ArrayLike = 64.0,
) -> Float[Array, ""]:
    """Logits s cos θ_j, at the label s (cos θ_y − margin).

    Args:
      embeddings, labels, class_weights, labelled, weights, normalizer: as for `sphereface`.
      margin: ≥ 0, in units of the cosine.
      scale: s ≥ 0.

    Returns:
      f32[] in nats, 0 where no row is labelled.

    Raises:
      ValueError: for a negative margin or scale, soft labels, or shapes that do not agree.

    >>> z, w = jnp.array([[1.0, 0.0]]), jnp.eye(2)
    >>> round(float(cosface(z, jnp.array([0]), w, margin=1.0, scale=1.0)), 4)  # log 2
    0.6931
    """
    _check(margin=margin, scale=scale)
    rows = read_hard("cosface", embeddings, labels, labelled, weights, normalizer)
    cosine = cosines(rows.embeddings, class_weights)
    labels = jnp.where(rows.labelled, rows.labels, 0)
    target = at_label(cosine, labels) - jnp.asarray(margin, cosine.dtype)
    scale = jnp.asarray(scale, cosine.dtype)
    return _cross_entropy(scale * _with_target(cosine, labels, target), labels, rows)


@checked
def normalized_softmax(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    class_weights: Float[Array, "dim classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    weights: Float[Array, " batch"] | None = None,
    normalizer: str = "weights",
    scale: ArrayLike = 10.0,
) -> Float[Array, ""]:
    """Logits s cos θ_j, at the label too: CosFace without a margin (NormFace, Wang et al. 2017).

    Args:
      embeddings, labels, class_weights, labelled, weights, normalizer: as for `sphereface`.
      scale: s ≥ 0. With 10, a perfect fit has the probability 0.999 among ten classes.

    Returns:
      f32[] in nats, 0 where no row is labelled.

    Raises:
      ValueError: for a negative scale, soft labels, or shapes that do not agree.

    >>> z, w = jnp.array([[1.0, 0.0]]), jnp.eye(2)
    >>> round(float(normalized_softmax(z, jnp.array([0]), w, scale=1.0)), 4)  # log(1 + 1/e)
    0.3133
    """
    _check(scale=scale)
    rows = read_hard("normalized_softmax", embeddings, labels, labelled, weights, normalizer)
    cosine = cosines(rows.embeddings, class_weights)
    labels = jnp.where(rows.labelled, rows.labels, 0)
    return _cross_entropy(jnp.asarray(scale, cosine.dtype) * cosine, labels, rows)


@checked
def arcface(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    class_weights: Float[Array, "dim classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    weights: Float[Array, " batch"] | None = None,
    normalizer: str = "weights",
    margin: ArrayLike = 0.5,
    scale: ArrayLike = 64.0,
) -> Float[Array, ""]:
    """Logits s cos θ_j, at the label s cos(θ_y + m); past θ = π − m, s (cos θ_y − m sin m).

    Args:
      embeddings, labels, class_weights, labelled, weights, normalizer: as for `sphereface`.
      margin: m in [0, π], in radians.
      scale: s ≥ 0.

    Returns:
      f32[] in nats, 0 where no row is labelled.

    Raises:
      ValueError: for a margin or a scale out of range, soft labels, or shapes that do not agree.

    >>> z, w = jnp.array([[1.0, 0.0]]), jnp.eye(2)
    >>> right_angle = float(jnp.pi / 2)
    >>> round(float(arcface(z, jnp.array([0]), w, margin=right_angle, scale=1.0)), 4)  # log 2
    0.6931
    """
    _check_angle(margin=margin, scale=scale)
    rows = read_hard("arcface", embeddings, labels, labelled, weights, normalizer)
    cosine = cosines(rows.embeddings, class_weights)
    labels = jnp.where(rows.labelled, rows.labels, 0)
    margin = jnp.asarray(margin, cosine.dtype)
    target = at_label(cosine, labels)
    sine = safe_sqrt(1 - target**2)
    shifted = target * jnp.cos(margin) - sine * jnp.sin(margin)
    shifted = jnp.where(target >= -jnp.cos(margin), shifted, target - margin * jnp.sin(margin))
    scale = jnp.asarray(scale, cosine.dtype)
    return _cross_entropy(scale * _with_target(cosine, labels, shifted), labels, rows)


def read_hard(
    loss: str,
    embeddings: Array,
    labels: Array,
    labelled: Array | None,
    weights: Array | None,
    normalizer: str,
) -> Rows:
    """The rows of a batch, whose labels must be classes: soft ones are refused.

    Args:
      loss: its name, for the error message.
      embeddings, labels, labelled, weights, normalizer: as for `sphereface`.

    Raises:
      ValueError: for soft labels, or shapes that do not agree.

    >>> labelled = jnp.array([True, False])
    >>> rows = read_hard("a loss", jnp.eye(2), jnp.array([1, 7]), labelled, None, "weights")
    >>> rows.labels.tolist(), rows.labelled.tolist()
    ([1, 7], [True, False])
    """
    refuse_soft(loss, labels)
    return read(embeddings, labels, labelled, weights, normalizer)


def cosines(embeddings: Array, class_weights: Array) -> Array:
    """The cosines cos θ, f32[B, C].

    Args:
      embeddings: f32[B, D].
      class_weights: f32[D, C].

    >>> cosines(jnp.array([[2.0, 0.0]]), jnp.eye(2)).tolist()
    [[1.0, 0.0]]
    """
    return matmul(unit(embeddings), unit(class_weights.T).T)


def first_weights(key: Array, classes: int, latent_dim: int) -> Any:
    """What an angular loss learns: `weights`, f32[D, C].

    Args:
      key: of the draw.
      classes: C.
      latent_dim: D.

    >>> first_weights(jax.random.key(0), 10, 4)["weights"].shape
    (4, 10)
    """
    return {"weights": jax.nn.initializers.glorot_normal()(key, (latent_dim, classes))}


@checked
def _lengths(embeddings: Float[Array, "batch dim"]) -> Float[Array, "batch 1"]:
    return safe_sqrt(jnp.sum(embeddings * embeddings, axis=1, keepdims=True))


def _cross_entropy(logits: Array, labels: Array, rows: Rows) -> Array:
    return cross_entropy(logits, labels, rows.labelled, rows.weights, rows.counts)


def _with_target(cosine: Array, labels: Array, target: Array) -> Array:
    """The cosines with another value at the label."""
    at_target = labels[:, None] == jnp.arange(cosine.shape[1])[None, :]
    return jnp.where(at_target, target[:, None], cosine)


def _learned(loss: Callable[..., Array], factor: Callable[[Array], Any]) -> Learned:
    """The loss with class weights; its class scores are factor(embeddings) · cos θ."""

    def init(key: Array, classes: int, latent_dim: int) -> tuple[Any, Any]:
        return first_weights(key, classes, latent_dim), {}

    def value(
        params: Any,
        extra: Any,
        embeddings: Array,
        labels: Array,
        *,
        labelled: Array,
        weights: Array | None = None,
        normalizer: str = "weights",
    ) -> tuple[Array, Any]:
        result = loss(
            embeddings,
            labels,
            params["weights"],
            labelled=labelled,
            weights=weights,
            normalizer=normalizer,
        )
        return result, extra

    def class_scores(params: Any, extra: Any, embeddings: Array) -> Array:
        return factor(embeddings) * cosines(embeddings, params["weights"])

    return Learned(init, value, class_scores)


def _scaled_by(loss: Callable[..., Array]) -> Callable[..., Learned]:
    """A maker of losses whose class scores are s cos θ, without the margin."""

    def make(*, scale: ArrayLike, **options: Any) -> Learned:
        return _learned(functools.partial(loss, scale=scale, **options), lambda _: scale)

    return make


# With class weights of their own. The class scores of SphereFace are ‖z‖ cos θ.
make_sphereface = part(
    sphereface,
    check=_check,
    into=lambda *, m: _learned(functools.partial(sphereface, m=m), _lengths),
)
make_cosface = part(cosface, check=_check, into=_scaled_by(cosface))
make_normalized_softmax = part(
    normalized_softmax, check=_check, into=_scaled_by(normalized_softmax)
)
make_arcface = part(arcface, check=_check_angle, into=_scaled_by(arcface))
