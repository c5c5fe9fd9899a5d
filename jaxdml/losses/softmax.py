"""Log-sum-exp and cross-entropy, as the losses that are made of a softmax share them.

Arrays whose shapes do not agree are refused with a `ValueError`.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxdml import masks
from jaxdml.arguments import checked
from jaxdml.losses.rows import is_soft


@checked
def log_sum_exp(
    values: Float[Array, "*rows columns"], where: Bool[Array, "*rows columns"] | None = None
) -> Float[Array, "*rows"]:
    """Log Σ exp over the last axis, of the values that the mask names.

    A row of which it names none is summed whole, so that it stays finite; its result means nothing.

    Args:
      values: f32[…, N].
      where: bool[…, N]; `None` means all.

    >>> round(log_sum_exp(jnp.zeros(3), jnp.array([True, True, False])).item(), 4)  # log 2
    0.6931
    """
    if where is not None:
        values = jnp.where(where | ~where.any(axis=-1, keepdims=True), values, -jnp.inf)
    return _log_sum_exp(values)


@jax.custom_jvp
def _log_sum_exp(values: Array) -> Array:
    return values.max(axis=-1) + jnp.log(_shares(values).sum(axis=-1))


def _shares(values: Array) -> Array:
    """Exp(values − their maximum): in (0, 1], and 1 at the maximum, whatever the compiler does.

    It may compute `values` a second time, rounded otherwise (a product fused with the difference):
    values of 1e15 then miss their own maximum by millions.
    """
    top = values.argmax(axis=-1)[..., None] == jax.lax.broadcasted_iota(
        int, values.shape, values.ndim - 1
    )
    most = values.max(axis=-1, keepdims=True)
    return jnp.where(top, 1, jnp.exp(jnp.minimum(values - most, 0)))


@_log_sum_exp.defjvp
def _slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (values,), (tangent,) = primals, tangents
    shares = _shares(values)
    softmax = shares / shares.sum(axis=-1, keepdims=True)
    return _log_sum_exp(values), jnp.sum(softmax * tangent, axis=-1)


@checked
def cross_entropy(
    logits: Float[Array, "batch classes"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    labelled: Bool[Array, " batch"],
    weights: Float[Array, " batch"] | None = None,
    counts: Float[Array, " batch"] | None = None,
) -> Float[Array, ""]:
    """Mean over labelled rows of −log softmax(logits)_y, in nats; 0 where there is none.

    Args:
      logits: f32[B, C].
      labels: i32[B] in [0, C) where labelled; or soft, f32[B, C]: −Σ_c p_c log softmax(logits)_c.
      labelled: bool[B].
      weights, counts: f32[B], of the mean, as `masks.mean` takes them.

    >>> logits = jnp.array([[0.0, 0.0], [9.0, 9.0]])
    >>> round(float(cross_entropy(logits, jnp.array([0, 7]), jnp.array([True, False]))), 4)
    0.6931
    """
    if is_soft(labels):
        target = jnp.sum(jnp.where(labels > 0, labels * logits, 0), axis=1)
    else:
        target = at_label(logits, jnp.where(labelled, labels, 0))
    return masks.mean(log_sum_exp(logits) - target, labelled, weights, counts)


@checked
def at_label(
    values: Float[Array, "batch classes"], labels: Int[Array, " batch"]
) -> Float[Array, " batch"]:
    """Each row's value at its label.

    >>> at_label(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([1, 0])).tolist()
    [2.0, 3.0]
    """
    return jnp.take_along_axis(values, labels[:, None], axis=1)[:, 0]
