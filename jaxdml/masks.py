"""Which pairs of a batch are genuine and which are impostors, from labels alone."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int


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
    both = labelled[:, None] & labelled[None, :]
    same = labels[:, None] == labels[None, :]
    itself = jnp.eye(labels.shape[0], dtype=bool)
    return both & same & ~itself, both & ~same
