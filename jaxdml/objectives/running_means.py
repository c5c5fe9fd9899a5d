"""Class scores of embeddings where a loss has no class weights: from running means of the classes.

A mean μ_c is an exponential average over the labelled embeddings of class c. Scores are compared
in units of the spread of the means, so that one temperature fits embeddings of any length.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.distances import unit

DECAY = 0.99  # of what was seen before, in each step that sees labels
SCORES = ("distance", "cosine")


class ClassMeans(NamedTuple):
    """Running sums of labelled embeddings."""

    total: Float[Array, "classes dim"]
    rows: Float[Array, " classes"]

    @property
    def means(self) -> Array:
        """μ, f32[C, D]; 0 for a class that was never seen."""
        return self.total / jnp.where(self.rows > 0, self.rows, 1)[:, None]


def empty(classes: int, latent_dim: int) -> ClassMeans:
    """The sums before the first step: 0 for each class.

    >>> empty(2, 1).rows.tolist()
    [0.0, 0.0]
    """
    return ClassMeans(jnp.zeros((classes, latent_dim)), jnp.zeros(classes))


@checked
def updated(
    sums: ClassMeans,
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    labelled: Bool[Array, " batch"],
) -> ClassMeans:
    """The sums after one more batch; a class without a row in it keeps its mean.

    >>> sums = updated(empty(2, 1), jnp.array([[1.0], [3.0]]), jnp.zeros(2, int), jnp.ones(2, bool))
    >>> sums.means.tolist(), sums.rows.tolist()
    ([[2.0], [0.0]], [2.0, 0.0])
    """
    embeddings, labels, labelled = masks.one_row_at_least(embeddings, labels, labelled)
    member = (labels[:, None] == jnp.arange(len(sums.rows))[None, :]) & labelled[:, None]
    member = member.astype(embeddings.dtype)
    return ClassMeans(
        DECAY * sums.total + member.T @ embeddings, DECAY * sums.rows + member.sum(axis=0)
    )


@checked
def class_scores(
    embeddings: Float[Array, "batch dim"],
    sums: ClassMeans,
    temperature: ArrayLike = 0.2,
    kind: str = "distance",
) -> Float[Array, "batch classes"]:
    """Logits of classes: −‖z − μ_c‖² / (T s²), or 2 cos(z, μ_c) / T.

    s² is the mean squared distance of class means from their centre, of classes that had a row. Of
    embeddings of unit length with well separated classes it is about 1, and both kinds agree.

    Args:
      embeddings: z, f32[B, D].
      sums: of the labelled embeddings.
      temperature: T > 0. The default makes of unit vectors the softmax of 10 cos(z, μ_c).
      kind: `distance` or `cosine`.

    Returns:
      f32[B, C]; a class that was never seen is 10⁴ below all others.

    >>> sums = ClassMeans(jnp.array([[1.0], [-1.0]]), jnp.ones(2))
    >>> class_scores(jnp.array([[1.0], [0.0]]), sums, temperature=1.0).tolist()
    [[-0.0, -4.0], [-1.0, -1.0]]
    """
    present = sums.rows > 0
    means = sums.means
    if kind == "cosine":
        logits = 2 * unit(embeddings) @ unit(means).T
    else:
        among = jnp.broadcast_to(present[:, None], means.shape)
        centre = (jnp.where(among, means, 0).sum(axis=0) / jnp.maximum(present.sum(), 1))[None, :]
        spread = masks.mean(jnp.sum((means - centre) ** 2, axis=1), present)
        squared = jnp.sum((embeddings[:, None, :] - means[None, :, :]) ** 2, axis=2)
        logits = -squared / jnp.where(spread > 0, spread, 1)
    logits = logits / jnp.asarray(temperature, logits.dtype)
    lowest = jnp.where(present[None, :], logits, 0).min()
    return jnp.where(present[None, :], logits, lowest - 1e4)
