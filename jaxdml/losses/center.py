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
from jaxdml.losses.softmax import cross_entropy
from jaxdml.options import at_least, between
from jaxdml.types import Learned


@checked
def center(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    centres: Float[Array, "classes dim"],
    weights: Float[Array, "dim classes"],
    bias: Float[Array, " classes"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    weight: ArrayLike = 0.003,
) -> Float[Array, ""]:
    """Cross-entropy of softmax(zᵀW + b) + λ · ½ mean ‖z − c_y‖².

    The thesis prints it without the square and the logarithm. Time and memory O(B (C + D)).

    Args:
      embeddings: f32[B, D].
      labels: i32[B] in [0, C) where labelled.
      centres: c, f32[C, D].
      weights: W, f32[D, C].
      bias: b, f32[C].
      labelled: bool[B]; rows without count for nothing. `None` means all.
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
    at_least("weight", weight, 0)
    embeddings, labels, labelled = masks.one_row_at_least(embeddings, labels, labelled)
    labels = jnp.where(labelled, labels, 0)
    logits = matmul(embeddings, weights) + bias[None, :]
    away = jnp.sum((embeddings - centres[labels]) ** 2, axis=1)
    pull = 0.5 * masks.mean(away, labelled)
    return cross_entropy(logits, labels, labelled) + jnp.asarray(weight, pull.dtype) * pull


@checked
def moved(
    centres: Float[Array, "classes dim"],
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    rate: ArrayLike = 0.5,
) -> Float[Array, "classes dim"]:
    """Centres after a step of Wen's rule: c_j − rate · Σ_{y=j} (c_j − z) / (1 + n_j).

    A class without labelled rows keeps its centre.

    Args:
      centres: f32[C, D].
      embeddings, labels, labelled: as for `center`.
      rate: in [0, 1].

    Raises:
      ValueError: for shapes that do not agree.

    >>> moved(jnp.zeros((2, 1)), jnp.array([[3.0], [3.0]]), jnp.array([1, 1])).tolist()
    [[0.0], [1.0]]
    """
    embeddings, labels, labelled = masks.one_row_at_least(embeddings, labels, labelled)
    member = (labels[:, None] == jnp.arange(len(centres))[None, :]) & labelled[:, None]  # [B, C]
    count = member.sum(axis=0).astype(centres.dtype)[:, None]
    share = member.astype(centres.dtype) / (1 + count.T)  # divided first: a sum could overflow
    return centres - rate * (centres * (count / (1 + count)) - matmul(share.T, embeddings))


def make(*, weight: ArrayLike = 0.003, centre_rate: ArrayLike = 0.5) -> Learned:
    """Center loss with softmax, as `loss.name = "center"` selects it.

    W and b are learned with everything else. The centres start at 0, are constants to the
    gradient, and move by Wen's rule after every step that reads labels.

    Args:
      weight: λ ≥ 0.
      centre_rate: the centres' own learning rate, in [0, 1] (Wen 2016: 0.5).
    """
    at_least("weight", weight, 0)
    between("centre_rate", centre_rate, 0, 1)

    def init(key: Array, classes: int, latent_dim: int) -> tuple[Any, Any]:
        weights = jax.nn.initializers.glorot_normal()(key, (latent_dim, classes))
        return {"weights": weights, "bias": jnp.zeros(classes)}, jnp.zeros((classes, latent_dim))

    def value(
        params: Any, centres: Array, embeddings: Array, labels: Array, *, labelled: Array
    ) -> tuple[Array, Array]:
        loss = center(
            embeddings,
            labels,
            centres,
            params["weights"],
            params["bias"],
            labelled=labelled,
            weight=weight,
        )
        return loss, moved(centres, embeddings, labels, labelled=labelled, rate=centre_rate)

    return Learned(init, value)
