"""Center loss: a softmax classifier whose embeddings are pulled to their class's centre.

Wen, Zhang, Li, Qiao, "A Discriminative Feature Learning Approach for Deep Face Recognition", 2016.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.distances import matmul
from jaxdml.losses.rows import is_soft, read
from jaxdml.losses.softmax import cross_entropy
from jaxdml.options import at_least, between, part
from jaxdml.types import Learned


def _check(*, weight: ArrayLike = 0.0, centre_rate: ArrayLike = 0.0) -> None:
    at_least("weight", weight, 0)
    between("centre_rate", centre_rate, 0, 1)


@checked
def center(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    centres: Float[Array, "classes dim"],
    class_weights: Float[Array, "dim classes"],
    bias: Float[Array, " classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    weights: Float[Array, " batch"] | None = None,
    normalizer: str = "weights",
    weight: ArrayLike = 0.003,
) -> Float[Array, ""]:
    """Cross-entropy of softmax(zᵀW + b) + λ · ½ mean ‖z − c_y‖².

    The thesis prints it without the square and the logarithm. Time and memory O(B (C + D)).

    Args:
      embeddings: f32[B, D].
      labels: i32[B] in [0, C) where labelled; or soft, f32[B, C]: the cross-entropy to them, and
        Σ_c p_c ‖z − c_c‖².
      centres: c, f32[C, D].
      class_weights: W, f32[D, C].
      bias: b, f32[C].
      labelled: bool[B]; rows without count for nothing. `None` means all.
      weights: f32[B] ≥ 0, of the rows in both means; `None` means 1.
      normalizer: what the means divide by: the sum of the `weights`, or the number of labelled
        `rows`.
      weight: λ ≥ 0.

    Returns:
      f32[] in nats, 0 where no row is labelled.

    Raises:
      ValueError: for a negative λ, or shapes that do not agree.

    >>> z, c = jnp.array([[2.0, 0.0]]), jnp.array([[0.0, 0.0], [1.0, 1.0]])
    >>> head = jnp.zeros((2, 2)), jnp.zeros(2)
    >>> round(float(center(z, jnp.array([0]), c, *head, weight=0.5)), 4)  # log 2 + 0.5 · ½ · 4
    1.6931
    """
    _check(weight=weight)
    embeddings, labels, labelled, weights, counts = read(
        embeddings, labels, labelled, weights, normalizer
    )
    if not is_soft(labels):
        labels = jnp.where(labelled, labels, 0)
    logits = matmul(embeddings, class_weights) + bias[None, :]
    away = _away(embeddings, labels, centres)
    pull = 0.5 * masks.mean(away, labelled, weights, counts)
    loss = cross_entropy(logits, labels, labelled, weights, counts)
    return loss + jnp.asarray(weight, pull.dtype) * pull


def _away(embeddings: Array, labels: Array, centres: Array) -> Array:
    """‖z − c_y‖², f32[B]; of soft labels Σ_c p_c ‖z − c_c‖², without an array of B C D entries.

    That is ‖z − m‖² for the mean m = Σ_c p_c c_c, and the variance of the centres around it.
    """
    if not is_soft(labels):
        return jnp.sum((embeddings - centres[labels]) ** 2, axis=1)
    origin = centres.mean(axis=0, keepdims=True)  # near the centres: less is lost to rounding
    centres = centres - origin
    mean = matmul(labels, centres)
    square = matmul(labels, jnp.sum(centres**2, axis=1, keepdims=True))[:, 0]
    variance = jnp.maximum(square - jnp.sum(mean**2, axis=1), 0)
    return jnp.sum((embeddings - origin - mean) ** 2, axis=1) + variance


@checked
def moved(
    centres: Float[Array, "classes dim"],
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    weights: Float[Array, " batch"] | None = None,
    centre_rate: ArrayLike = 0.5,
) -> Float[Array, "classes dim"]:
    """The centres after a step of Wen's rule: c_j − centre_rate · Σ_{y=j} (c_j − z) / (1 + n_j).

    A class without labelled rows keeps its centre. A row of weight w counts as w rows, and with
    soft labels as w p_j rows of each class.

    Args:
      centres: f32[C, D].
      embeddings, labels, labelled, weights: as for `center`.
      centre_rate: the centres' own learning rate, in [0, 1] (Wen 2016: 0.5).

    Raises:
      ValueError: for shapes that do not agree.

    >>> moved(jnp.zeros((2, 1)), jnp.array([[3.0], [3.0]]), jnp.array([1, 1])).tolist()
    [[0.0], [1.0]]
    """
    rows = read(embeddings, labels, labelled, weights, relative=False)
    embeddings = rows.embeddings
    member: Array = rows.labels  # [B, C]
    if not is_soft(labels):
        member = rows.labels[:, None] == jnp.arange(len(centres))[None, :]
        member &= rows.labelled[:, None]
    if rows.weights is not None:
        member = member * rows.weights[:, None]
    count = member.sum(axis=0).astype(centres.dtype)[:, None]
    share = member.astype(centres.dtype) / (1 + count.T)  # divided first: a sum could overflow
    return centres - centre_rate * (centres * (count / (1 + count)) - matmul(share.T, embeddings))


def _learned(*, weight: ArrayLike, centre_rate: ArrayLike) -> Learned:
    """Center loss with softmax.

    W and b are learned with everything else, and zᵀW + b are its class scores. The centres start at
    0, are constants to the gradient, and move by Wen's rule after every step that reads labels.
    """

    def init(key: Array, classes: int, latent_dim: int) -> tuple[Any, Any]:
        weights = jax.nn.initializers.glorot_normal()(key, (latent_dim, classes))
        return {"weights": weights, "bias": jnp.zeros(classes)}, jnp.zeros((classes, latent_dim))

    def value(
        params: Any,
        centres: Array,
        embeddings: Array,
        labels: Array,
        *,
        labelled: Array,
        weights: Array | None = None,
        normalizer: str = "weights",
    ) -> tuple[Array, Array]:
        loss = center(
            embeddings,
            labels,
            centres,
            params["weights"],
            params["bias"],
            labelled=labelled,
            weights=weights,
            normalizer=normalizer,
            weight=weight,
        )
        return loss, moved(
            centres, embeddings, labels, labelled=labelled, weights=weights, centre_rate=centre_rate
        )

    def class_scores(params: Any, centres: Array, embeddings: Array) -> Array:
        return matmul(embeddings, params["weights"]) + params["bias"][None, :]

    return Learned(init, value, class_scores)


make = part(center, moved, check=_check, into=_learned)
