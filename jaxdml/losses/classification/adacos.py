"""AdaCos: an angular softmax loss without a margin, whose scale follows from the batch.

Zhang, Zhao, Qiao, Wang, Li, "AdaCos: Adaptively Scaling Cosine Logits for Effectively Learning Deep
Face Representations", 2019. Time O(B C D), memory O(B C); see `angular` for the other losses.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxdml.arguments import checked
from jaxdml.losses.classification.angular import cosines, first_weights, read_hard
from jaxdml.losses.rows import Rows, log_weights, scaled
from jaxdml.losses.softmax import at_label, cross_entropy, log_sum_exp
from jaxdml.options import ConfigError, at_least, part
from jaxdml.types import Learned


@checked
def adacos(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    class_weights: Float[Array, "dim classes"],
    scale: Float[Array, ""],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    weights: Float[Array, " batch"] | None = None,
    normalizer: str = "weights",
    adaptive: bool = True,
    largest: ArrayLike = 64.0,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Logits s cos θ_j without a margin, with a scale s that follows from the batch.

    s = log B / cos(min(π/4, θ_med)), where B is the mean over labelled rows of
    Σ_{j≠y} exp(s_before cos θ_j), and θ_med the median of their θ_y. With weights they are the
    weighted mean and the weighted median, whatever the normaliser. No gradient flows into s. It
    is kept in [0, `largest`], which the paper does not do: where the classes are too many for the
    dimensions, so that another class's cos θ exceeds cos π/4, it would grow without end.

    Args:
      embeddings, labels, class_weights, labelled, weights, normalizer: as for `angular.sphereface`.
      scale: s of the step before; `first_scale(C)` to begin with.
      adaptive: otherwise s stays as it is.
      largest: the greatest s, ≥ 0.

    Returns:
      The loss, f32[] in nats, 0 where no row is labelled; and the s that it used, which is the
      given one where no row is labelled.

    Raises:
      ValueError: for soft labels, or shapes that do not agree.

    >>> z, w = jnp.eye(3), jnp.eye(3)
    >>> loss, scale = adacos(z, jnp.arange(3), w, jnp.asarray(first_scale(3)))
    >>> round(float(scale), 4), round(float(loss), 4)  # θ_med = 0: s = log 2
    (0.6931, 0.6931)
    """
    rows = read_hard("adacos", embeddings, labels, labelled, weights, normalizer)
    cosine = cosines(rows.embeddings, class_weights)
    labels = jnp.where(rows.labelled, rows.labels, 0)
    scale = jnp.asarray(scale, cosine.dtype)
    if adaptive:
        adapted = _adapted(scale, cosine, labels, rows)
        adapted = jnp.clip(adapted, 0, jnp.asarray(largest, cosine.dtype))
        scale = jnp.where(rows.labelled.any(), adapted, scale)
    loss = cross_entropy(scale * cosine, labels, rows.labelled, rows.weights, rows.counts)
    return loss, scale


def first_scale(classes: int) -> float:
    """The fixed scale of AdaCos, √2 log(C − 1), where `classes` is C ≥ 3.

    Raises:
      ConfigError: for fewer classes, which would make it 0.

    >>> round(first_scale(10), 4)
    3.1073
    """
    if classes < 3:
        raise ConfigError(f"loss.name=adacos needs at least 3 classes, but there are {classes}")
    return math.sqrt(2) * math.log(classes - 1)


def _adapted(scale: Array, cosine: Array, labels: Array, rows: Rows) -> Array:
    """The scale that follows from the labelled rows; of weighted ones whatever the normaliser."""
    fixed = jax.lax.stop_gradient(jnp.clip(cosine, -1, 1))
    others = rows.labelled[:, None] & (labels[:, None] != jnp.arange(cosine.shape[1])[None, :])
    if rows.weights is None:
        count = jnp.maximum(rows.labelled.sum(), 1).astype(cosine.dtype)
        mass = scale * fixed
    else:
        total = rows.weights.sum()
        count = jnp.where(total == 0, 1, total)
        mass = scale * fixed + log_weights(rows.weights)[:, None]
    log_mean = log_sum_exp(mass.ravel(), others.ravel()) - jnp.log(count)
    angles = jnp.arccos(at_label(fixed, labels))
    if rows.weights is None:
        angle = _median(angles, rows.labelled)
    else:
        angle = _weighted_median(angles, rows.weights)
    return log_mean / jnp.cos(jnp.minimum(angle, math.pi / 4))


def _median(values: Array, mask: Array) -> Array:
    """The median of the values that the mask names; of two middle ones their mean."""
    ordered = jnp.sort(jnp.where(mask, values, jnp.inf))
    count = jnp.maximum(mask.sum(), 1)
    return 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])


def _weighted_median(values: Array, weights: Array) -> Array:
    """The value that half of the weight lies below; of two such values their mean.

    >>> _weighted_median(jnp.array([3.0, 1.0, 2.0]), jnp.array([2.0, 1.0, 0.5])).item()
    3.0
    """
    order = jnp.argsort(jnp.where(weights == 0, jnp.inf, values))
    ordered, below = values[order], jnp.cumsum(scaled(weights)[order])
    half = below[-1] / 2
    return 0.5 * (ordered[jnp.argmax(below >= half)] + ordered[jnp.argmax(below > half)])


def _learned(**options: Any) -> Learned:
    """AdaCos with its own class weights.

    Its scale s is kept from step to step, and starts at the fixed one. Its class scores are
    s cos θ, with the scale that is kept.
    """

    def init(key: Array, classes: int, latent_dim: int) -> tuple[Any, Any]:
        return first_weights(key, classes, latent_dim), jnp.asarray(first_scale(classes))

    def value(
        params: Any,
        scale: Array,
        embeddings: Array,
        labels: Array,
        *,
        labelled: Array,
        weights: Array | None = None,
        normalizer: str = "weights",
    ) -> tuple[Array, Array]:
        return adacos(
            embeddings,
            labels,
            params["weights"],
            scale,
            labelled=labelled,
            weights=weights,
            normalizer=normalizer,
            **options,
        )

    def class_scores(params: Any, scale: Array, embeddings: Array) -> Array:
        return scale * cosines(embeddings, params["weights"])

    return Learned(init, value, class_scores)


def _check(*, largest: ArrayLike, **_: Any) -> None:
    at_least("largest", largest, 0)


make = part(adacos, check=_check, into=_learned)
