"""Thresholds: how sure the teacher must be of an image for its label to be used.

fixed       the same for every class in every step (Sohn et al., "FixMatch", 2020)
adaptive    follows how sure the teacher is; lower for classes that it predicts less often
            (Wang et al., "FreeMatch", 2023, equations 5 to 8)
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.objectives.label_sources.alignment import moving_average

THRESHOLDS = ("fixed", "adaptive")
DECAY = 0.999  # FreeMatch's


class Confidence(NamedTuple):
    """What adaptive thresholds keep from step to step."""

    mean: Float[Array, ""]  # of the largest probabilities
    by_class: Float[Array, " classes"]  # mean probability of each class


def first_confidence(classes: int) -> Confidence:
    """The running means before the first step, when all `classes` are equally probable.

    >>> first_confidence(4).mean.item()
    0.25
    """
    return Confidence(jnp.full((), 1 / classes), jnp.full(classes, 1 / classes))


@checked
def adaptive_threshold(
    kept: Confidence,
    probabilities: Float[Array, "batch classes"],
    valid: Bool[Array, " batch"],
) -> tuple[Float[Array, " batch"], Confidence]:
    """The threshold of each row, which is that of its most probable class, and what is kept then.

    τ(c) = mean confidence · p(c) / max p, of running means that this batch enters first.

    Args:
      kept: before this step.
      probabilities: f32[B, C], the teacher's.
      valid: rows that enter the means.

    >>> sure = Confidence(jnp.array(0.8), jnp.array([0.6, 0.3, 0.1]))
    >>> rows = jnp.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3]])
    >>> [round(t, 2) for t in adaptive_threshold(sure, rows, jnp.array([True, True]))[0].tolist()]
    [0.8, 0.4]
    """
    largest = masks.mean(probabilities.max(axis=-1), valid)
    mean = jnp.where(valid.any(), DECAY * kept.mean + (1 - DECAY) * largest, kept.mean)
    by_class = moving_average(kept.by_class, probabilities, valid, DECAY)
    each = mean * by_class / by_class.max()
    return each[probabilities.argmax(axis=-1)], Confidence(mean, by_class)


@checked
def fixed_threshold(
    threshold: ArrayLike, probabilities: Float[Array, "batch classes"]
) -> Float[Array, " batch"]:
    """The same threshold for each row.

    Args:
      threshold: in [0, 1].
      probabilities: f32[B, C].

    >>> fixed_threshold(0.5, jnp.ones((2, 1))).tolist()
    [0.5, 0.5]
    """
    return jnp.full(probabilities.shape[0], jnp.asarray(threshold, probabilities.dtype))
