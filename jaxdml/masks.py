"""Which rows of a batch take part in a loss, and which pairs of them are genuine or impostors.

Arrays whose shapes do not agree are refused with a `ValueError`, and counts are float32 or wider.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxdml.arguments import checked


@checked
def keep(
    embeddings: Float[Array, "batch dim"], labelled: Bool[Array, " batch"] | None = None
) -> tuple[Float[Array, "batch dim"], Bool[Array, " batch"]]:
    """The embeddings with zeros in unlabelled rows, and the mask written out.

    Whatever stood in such a row, even NaN, can reach neither a value nor a gradient.

    Args:
      embeddings: f32[B, D].
      labelled: bool[B]; `None` means that every row is.

    >>> keep(jnp.array([[1.0], [jnp.nan]]), jnp.array([True, False]))[0].tolist()
    [[1.0], [0.0]]
    """
    if labelled is None:
        labelled = jnp.ones(embeddings.shape[0], bool)
    return jnp.where(labelled[:, None], embeddings, 0), labelled


@checked
def one_row_at_least(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    labelled: Bool[Array, " batch"] | None = None,
) -> tuple[Float[Array, "rows dim"], Int[Array, " rows"], Bool[Array, " rows"]]:
    """What `keep` gives, with the labels; in place of an empty batch one unlabelled row.

    So that a loss is 0 for an empty batch for the reason for which it is 0 without labelled rows,
    and no maximum of nothing is asked for.

    Args:
      embeddings: f32[B, D].
      labels: i32[B].
      labelled: bool[B]; `None` means that every row is.

    >>> one_row_at_least(jnp.zeros((0, 2)), jnp.zeros(0, int))[2].tolist()
    [False]
    """
    if embeddings.shape[0] == 0:
        embeddings = jnp.pad(embeddings, ((0, 1), (0, 0)))
        labels, labelled = jnp.zeros(1, jnp.asarray(labels).dtype), jnp.zeros(1, bool)
    embeddings, labelled = keep(embeddings, labelled)
    return embeddings, labels, labelled


@checked
def mean(
    values: Float[Array, "*shape"],
    where: Bool[Array, "*shape"],
    weights: Float[Array, "*shape"] | None = None,
    counts: Float[Array, "*shape"] | None = None,
) -> Float[Array, ""]:
    """The mean of the values that the mask names, 0 where it names none.

    With weights it is Σ w v / Σ n over the values that the mask names, and all n. Each is divided
    before they are added: a sum of large finite values could overflow.

    Args:
      values: f32[…].
      where: bool[…], of the same shape.
      weights: w ≥ 0, f32[…]; `None` means 1.
      counts: n ≥ 0, f32[…], what each value adds to the denominator; `None` means `weights`.

    >>> values, where = jnp.array([1.0, 3.0, jnp.nan]), jnp.array([True, True, False])
    >>> float(mean(values, where))
    2.0
    >>> weights, counts = jnp.array([3.0, 1.0, 0.0]), jnp.ones(3)
    >>> float(mean(values, where, weights)), float(mean(values, where, weights, counts))
    (1.5, 2.0)
    """
    if weights is None:
        count = jnp.maximum(where.sum(), 1).astype(values.dtype)
        return jnp.sum(jnp.where(where, values, 0) / count)
    total = jnp.sum(weights if counts is None else counts)
    return jnp.sum(jnp.where(where, values * (weights / jnp.where(total == 0, 1, total)), 0))


@checked
def pairs(
    labels: Int[Array, " batch"], labelled: Bool[Array, " batch"] | None = None
) -> tuple[Bool[Array, "batch batch"], Bool[Array, "batch batch"]]:
    """Genuine and impostor pairs, [anchor, other], among the labelled rows.

    Args:
      labels: i32[B]; what stands in an unlabelled row does not matter.
      labelled: bool[B]; `None` means that every row is.

    Returns:
      `(positive, negative)`, bool[B, B] each: the same class (a row is not its own partner),
      and different classes.

    >>> positive, negative = pairs(jnp.array([0, 0, 1]))
    >>> positive.astype(int).tolist(), negative.astype(int).tolist()
    ([[0, 1, 0], [1, 0, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 1], [1, 1, 0]])
    """
    if labelled is None:
        labelled = jnp.ones(labels.shape, bool)
    both_labelled = labelled[:, None] & labelled[None, :]
    same = labels[:, None] == labels[None, :]
    itself = jnp.eye(labels.shape[0], dtype=bool)
    return both_labelled & same & ~itself, both_labelled & ~same
