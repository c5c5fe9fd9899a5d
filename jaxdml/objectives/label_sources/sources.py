"""Where the labels of rows come from: labels that are true, and labels that the network gives.

    source      rows                             labels                            weights
    true        labelled images                  theirs                            1
    teacher     all images, strongly augmented   the teacher's, of the weak view   1 if it is sure
    propagated  all images, strongly augmented   those of a graph of all images    their confidence

A metric loss reads the rows of several sources as one batch, so that every loss can be trained with
labelled and with confident images together.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxdml import masks
from jaxdml.objectives.label_sources.alignment import ALIGNMENTS, Shares, aligned, first_shares
from jaxdml.objectives.label_sources.propagated import make_propagated
from jaxdml.objectives.label_sources.source import Rows, Source, SourceRefresh
from jaxdml.objectives.label_sources.thresholds import (
    THRESHOLDS,
    Confidence,
    adaptive_threshold,
    first_confidence,
    fixed_threshold,
)
from jaxdml.options import at_least, between, one_of
from jaxdml.types import Context, InitContext, Metrics, Outputs, Role

__all__ = ["SOURCES", "Rows", "Source", "SourceRefresh", "joined", "make_teacher", "make_true"]


def make_true() -> Source:
    """Labelled images with their labels, each with the weight 1.

    >>> list(make_true().roles)
    ['labelled']
    """

    def rows(
        kept: Any, context: Context, embedding: Callable[[Outputs], Array], key: Array
    ) -> tuple[Rows, Any, Metrics]:
        batch = context.batches["labelled"]
        mask = batch.labelled & batch.valid
        return Rows(embedding(context.outputs["labelled"]), batch.y, mask, None), kept, {}

    return Source({"labelled": Role("labelled")}, rows)


class Teacher(NamedTuple):
    """What the source `teacher` keeps."""

    shares: Shares
    confidence: Confidence


def make_teacher(
    *,
    threshold: ArrayLike = 0.95,
    thresholds: str = "fixed",
    alignment: str = "none",
    smoothing: ArrayLike = 1.0,
    weight: ArrayLike = 1.0,
    sharpness: ArrayLike | None = None,
) -> Source:
    """All images with the labels that the teacher gives to them where it is sure.

    The teacher scores an image's weak view, and its probabilities are aligned. Where the largest is
    `threshold` or more, the strong view is a row of that class (FixMatch, Sohn et al. 2020; with an
    average of the weights as the teacher, Tarvainen and Valpola 2017). Rows below it have the
    weight 0, and still count in a mean over rows. Its metrics are `confident`, the share of rows
    above the threshold, and `confidence`, the mean of the largest probability.

    Args:
      threshold: in [0, 1]; read where it is fixed.
      thresholds: `fixed`, or `adaptive`, see `thresholds`.
      alignment: to which shares of the classes, see `alignment`.
      smoothing: s > 0, of the labelled images' shares, where they are aligned with.
      weight: λ ≥ 0, of these rows' mean loss.
      sharpness: `None`, or > 0: rows have soft labels, the teacher's probabilities to this power
        and normalised, in place of the most probable class; for losses that take them.

    Raises:
      ValueError: for a value out of range, or an option that is not one of the above.

    >>> list(make_teacher(threshold=0.9, alignment="uniform").roles)
    ['weak', 'strong']
    """
    between("threshold", threshold, 0, 1)
    one_of("thresholds", thresholds, THRESHOLDS)
    one_of("alignment", alignment, ALIGNMENTS)
    at_least("smoothing", smoothing, 1e-6)
    at_least("weight", weight, 0)
    if sharpness is not None:
        at_least("sharpness", sharpness, 1e-6)

    def init(context: InitContext) -> Any:
        return Teacher(
            first_shares(alignment, context.class_counts, smoothing),
            first_confidence(context.classes),
        )

    def rows(
        kept: Any, context: Context, embedding: Callable[[Outputs], Array], key: Array
    ) -> tuple[Rows, Any, Metrics]:
        weak, strong = context.batches["weak"], context.batches["strong"]
        scores = context.class_scores(context.embed(weak.x, of="teacher"), of="teacher")
        scores = jax.lax.stop_gradient(scores)
        probabilities, shares = aligned(alignment, kept.shares, scores, weak.valid)
        confidence = probabilities.max(axis=-1)
        needed, means = fixed_threshold(threshold, probabilities), kept.confidence
        if thresholds == "adaptive":
            needed, means = adaptive_threshold(means, probabilities, weak.valid)
        kept = Teacher(shares, means)
        labels = probabilities.argmax(axis=-1).astype(jnp.int32)
        if sharpness is not None:
            powers = probabilities ** jnp.asarray(sharpness, probabilities.dtype)
            labels = powers / powers.sum(axis=-1, keepdims=True)
        weights = (confidence >= needed).astype(confidence.dtype)
        result = Rows(embedding(context.outputs["strong"]), labels, strong.valid, weights)
        metrics = {
            "confident": masks.mean(weights, strong.valid),
            "confidence": masks.mean(confidence, strong.valid),
        }
        return result, kept, metrics

    roles = {"weak": Role("all", "weak"), "strong": Role("all", "strong")}
    soft = sharpness is not None
    return Source(roles, rows, init, weight, needs=("class_scores",), soft=soft)


SOURCES: dict[str, Callable[..., Source]] = {
    "true": make_true,
    "teacher": make_teacher,
    "propagated": make_propagated,
}


def joined(parts: Mapping[str, tuple[Rows, ArrayLike]], normalizer: str) -> Rows:
    """The rows of several sources as one batch.

    Args:
      parts: source → its rows, and its weight λ.
      normalizer: of the loss. By `rows` each source counts with the mean over its own rows, times
        λ; by `weights` a row counts with its weight times λ, of whatever source.

    >>> z = jnp.zeros((3, 1))
    >>> known = Rows(z[:1], jnp.array([4]), jnp.array([True]), None)
    >>> guessed = Rows(z, jnp.array([0, 1, 2]), jnp.ones(3, bool), jnp.array([1.0, 0.0, 1.0]))
    >>> joined({"true": (known, 1.0), "teacher": (guessed, 0.75)}, "rows").weights.tolist()
    [4.0, 1.0, 0.0, 1.0]
    """
    rows = [part for part, _ in parts.values()]
    dtype = jnp.result_type(*(part.embeddings.dtype for part in rows))
    classes = max((part.labels.shape[1] for part in rows if part.labels.ndim == 2), default=0)
    total = sum(part.mask.sum() for part in rows)
    weights, labels = [], []
    for part, weight in parts.values():
        each = jnp.ones(part.mask.shape, dtype) if part.weights is None else part.weights
        each = each * jnp.asarray(weight, dtype)
        if normalizer == "rows":
            each = each * (total / jnp.maximum(part.mask.sum(), 1)).astype(dtype)
        weights.append(each)
        soft = classes and part.labels.ndim == 1
        labels.append(jax.nn.one_hot(part.labels, classes, dtype=dtype) if soft else part.labels)
    return Rows(
        jnp.concatenate([part.embeddings for part in rows]),
        jnp.concatenate(labels),
        jnp.concatenate([part.mask for part in rows]),
        jnp.concatenate(weights),
    )
