"""Interpolation consistency: between two images, class probabilities lie between theirs.

Verma et al., "Interpolation Consistency Training for Semi-Supervised Learning", 2019.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxdml import masks
from jaxdml.options import at_least
from jaxdml.types import Context, Metrics, Params, Role, Term


def make(*, concentration: ArrayLike = 1.0, ramp_steps: ArrayLike | None = None) -> Term:
    """Interpolation consistency training as a term, on all images.

    The value is the mean over images i and classes of (q(λ xᵢ + (1−λ) xⱼ) − λ pᵢ − (1−λ) pⱼ)², with
    the probabilities q of the student and p of the teacher, to which no gradient flows. A random
    permutation of the valid images gives each its partner j. Each has a λ of its own: one for the
    whole batch, as in the paper, has the same mean and a larger variance.

    Args:
      concentration: a > 0 of λ ~ Beta(a, a). The authors take 1 on CIFAR-10, where λ is uniform,
        and 0.1 on SVHN.
      ramp_steps: ≥ 1; the weight grows linearly from 0 over so many steps of the training. The
        authors let it grow over the first quarter, to 100 in their code. `None`: it is constant.

    Raises:
      ValueError: for a value out of range.

    >>> float(make(ramp_steps=100).weight(50))
    0.5
    """
    at_least("concentration", concentration, 1e-3)
    if ramp_steps is not None:
        at_least("ramp_steps", ramp_steps, 1)

    def weight(step: Array) -> ArrayLike:
        return 1.0 if ramp_steps is None else jnp.minimum(step / jnp.asarray(ramp_steps), 1)

    def value(
        params: Params, kept: Any, context: Context, key: Array
    ) -> tuple[Array, Any, Metrics]:
        batch = context.batches["images"]

        def probabilities(x: Array, of: str) -> Array:
            return jax.nn.softmax(context.class_scores(context.embed(x, of=of), of=of), axis=-1)

        of_pairs, of_shares = jax.random.split(key)
        other = partners(of_pairs, batch.valid)
        a = jnp.asarray(concentration, batch.x.dtype)
        share = jax.random.beta(of_shares, a, a, batch.valid.shape, batch.x.dtype)

        def mixed(rows: Array) -> Array:
            each = share.reshape(-1, *[1] * (rows.ndim - 1))
            return each * rows + (1 - each) * rows[other]

        target = mixed(jax.lax.stop_gradient(probabilities(batch.x, "teacher")))
        predicted = probabilities(mixed(batch.x), "student")
        return masks.mean(jnp.mean((predicted - target) ** 2, axis=1), batch.valid), kept, {}

    roles = {"images": Role("all")}
    return Term(
        "interpolation", "unsupervised", roles, value, weight=weight, needs=("class_scores",)
    )


def partners(key: Array, valid: Array) -> Array:
    """A random permutation of the valid rows, i32[B]; what stands in other rows means nothing.

    Args:
      key: of the draw.
      valid: bool[B].

    >>> partners(jax.random.key(0), jnp.array([False, True, False]))[1].item()
    1
    """
    shuffled = jax.random.permutation(key, valid.shape[0])
    first = shuffled[jnp.argsort(~valid[shuffled], stable=True)]  # the valid rows, in random order
    return first[jnp.cumsum(valid) - 1]
