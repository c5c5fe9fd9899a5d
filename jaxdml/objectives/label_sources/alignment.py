"""Distribution alignment: the teacher's labels, brought to the shares that classes should have.

A network with few labels gives most images to the classes that it learned first. Its probabilities
are therefore multiplied by the share a class should have over the share that it predicts (Berthelot
et al., "ReMixMatch", 2020; the form without hidden shares):

    p'(c | x)  ∝  p(c | x) · target(c) / predicted(c)

    alignment    target
    none         p' = p
    labelled     shares among the labelled images, smoothed: (n + s) / (L + s · classes)
    uniform      the same share for all classes that have a labelled image
    running      as `labelled` at first, then a slow running mean of p'

`labelled` is right where the labelled images were drawn at random; with few of them, s draws the
target towards `uniform`. Where somebody labelled the same number of each class, their shares say
nothing about the others, and `running` soon follows what the images show. `predicted` is a running
mean of p. A class without a labelled image is never predicted, also without alignment.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from jaxdml import masks
from jaxdml.arguments import checked

ALIGNMENTS = ("none", "labelled", "uniform", "running")
DECAY = 0.99  # of the predicted shares, in each step
SLOW = 0.999  # of a running target: a mean over a thousand steps
LEAST = 1e-6  # the smallest share that is divided by


class Shares(NamedTuple):
    """The shares of classes that alignment keeps from step to step."""

    predicted: Float[Array, " classes"]
    target: Float[Array, " classes"]
    known: Bool[Array, " classes"]  # which classes have a labelled image


def first_shares(
    kind: str, class_counts: Float[Array, " classes"], smoothing: ArrayLike = 1.0
) -> Shares:
    """The shares before the first step.

    Args:
      kind: one of `ALIGNMENTS`.
      class_counts: how many labelled images each class has. Where there are none, all are known.
      smoothing: s > 0, how many more each of them is given, for the kinds `labelled` and `running`.

    >>> first_shares("labelled", jnp.array([5.0, 1.0, 0.0])).target.tolist()
    [0.75, 0.25, 0.0]
    """
    known_classes = (class_counts > 0) | (class_counts.sum() == 0)
    uniform = known_classes / known_classes.sum()
    smoothed = jnp.where(known_classes, class_counts + smoothing, 0)
    target = uniform if kind == "uniform" else smoothed / smoothed.sum()
    return Shares(uniform, target, known_classes)


@checked
def aligned(
    kind: str,
    shares: Shares,
    scores: Float[Array, "batch classes"],
    valid: Bool[Array, " batch"],
) -> tuple[Float[Array, "batch classes"], Shares]:
    """The aligned probabilities of some images, and the shares after them.

    Args:
      kind: one of `ALIGNMENTS`.
      shares: before this step; they are what these probabilities are aligned by.
      scores: logits, f32[B, C].
      valid: rows that enter the shares.

    Returns:
      f32[B, C], rows that sum to 1.

    >>> shares = Shares(jnp.array([0.75, 0.25]), jnp.array([0.5, 0.5]), jnp.array([True, True]))
    >>> aligned("uniform", shares, jnp.zeros((1, 2)), jnp.array([True]))[0].tolist()
    [[0.25, 0.75]]
    """
    probabilities = jax.nn.softmax(jnp.where(shares.known[None, :], scores, -jnp.inf), axis=-1)
    if kind == "none":
        return probabilities, shares
    factor = shares.target / jnp.maximum(shares.predicted, LEAST)
    result = probabilities * factor[None, :]
    result = result / jnp.maximum(result.sum(axis=-1, keepdims=True), jnp.finfo(result.dtype).tiny)
    predicted = moving_average(shares.predicted, probabilities, valid, DECAY)
    target = (
        moving_average(shares.target, result, valid, SLOW) if kind == "running" else shares.target
    )
    return result, Shares(predicted, target, shares.known)


def moving_average(
    before: Float[Array, " classes"],
    probabilities: Float[Array, "batch classes"],
    valid: Bool[Array, " batch"],
    decay: float,
) -> Float[Array, " classes"]:
    """A running mean after one more batch; one without a valid row leaves it as it was.

    Args:
      before: f32[C].
      probabilities: f32[B, C].
      valid: bool[B], rows that enter the mean.
      decay: the weight of `before`, in [0, 1].

    >>> all_rows = jnp.array([True])
    >>> moving_average(jnp.array([1.0, 0.0]), jnp.array([[0.0, 1.0]]), all_rows, 0.5).tolist()
    [0.5, 0.5]
    """
    now = jax.vmap(lambda column: masks.mean(column, valid), in_axes=1)(probabilities)
    return jnp.where(valid.any(), decay * before + (1 - decay) * now, before)
