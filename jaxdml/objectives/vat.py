"""Virtual adversarial training: class scores change little around an image, whatever the direction.

Miyato et al., "Virtual Adversarial Training: A Regularization Method for Supervised and
Semi-Supervised Learning", 2018 (algorithm 1).

    image x, random unit d → d = direction of the gradient of KL(p(x) ‖ p(x + ξ d)), again and again
                           → loss KL(p(x) ‖ p(x + ε d))
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxdml import masks
from jaxdml.options import at_least, between
from jaxdml.types import Context, Metrics, Params, Role, Term

XI = 0.1  # the norm at which a direction is tried


def make(
    *,
    radius: ArrayLike = 0.3,
    of_each: bool = False,
    xi: ArrayLike = XI,
    power_iterations: int = 1,
    entropy: ArrayLike = 0.0,
) -> Term:
    """Virtual adversarial training as a term, on all images.

    Its metric `entropy` is the mean entropy of the predicted classes, in nats.

    Args:
      radius: ε ≥ 0, the L2 norm of what is added to an image of pixels in [0, 1]. The default is
        that of the authors' code for MNIST with 100 labels; with all labels they take 2.1.
      of_each: whether the radius is of each value, as its root mean square: the norm is ε times the
        root of their number. It suits vectors, whose columns are standardised.
      xi: ξ > 0, the norm at which a direction is tried. The paper's 1e-6 is lost to rounding in
        float32: on MNIST the median cosine to the exact direction was 0.1 to 0.3. With 0.1 it was
        0.98 and more, also where the factors of products were rounded to eleven bits.
      power_iterations: from 1 to 100; how often the direction is improved, by one gradient each.
      entropy: ≥ 0, the weight of the mean entropy in the loss: conditional entropy minimisation
        (Grandvalet and Bengio 2004), the paper's VAT+EntMin.

    Raises:
      ValueError: for a value out of range.

    >>> make(radius=0.5, entropy=1.0).needs
    ('class_scores',)
    """
    at_least("radius", radius, 0)
    at_least("xi", xi, 1e-12)
    between("power_iterations", power_iterations, 1, 100)
    at_least("entropy", entropy, 0)

    def value(
        params: Params, kept: Any, context: Context, key: Array
    ) -> tuple[Array, Any, Metrics]:
        batch = context.batches["images"]

        def log_probabilities(x: Array) -> Array:
            return jax.nn.log_softmax(context.class_scores(context.embed(x)), axis=-1)

        clean = log_probabilities(batch.x)
        fixed = jax.lax.stop_gradient(clean)

        def divergences(change: Array) -> Array:
            return divergence(fixed, log_probabilities(batch.x + change))

        first = unit(jax.random.normal(key, batch.x.shape, batch.x.dtype))
        direction = adversarial(divergences, first, xi, power_iterations)
        values = math.prod(batch.x.shape[1:]) if of_each else 1
        change = jnp.asarray(radius, first.dtype) * math.sqrt(values) * direction
        loss = masks.mean(divergences(change), batch.valid)
        uncertainty = masks.mean(entropies(clean), batch.valid)
        loss += jnp.asarray(entropy, loss.dtype) * uncertainty
        return loss, kept, {"entropy": uncertainty}

    roles = {"images": Role("all")}
    return Term("vat", "unsupervised", roles, value, needs=("class_scores",))


def adversarial(
    divergences: Callable[[Array], Array], first: Array, xi: ArrayLike, power_iterations: int
) -> Array:
    """Unit directions in which each image's divergence grows fastest, without a gradient.

    Args:
      divergences: what is added to images, f32[B, H, W, C] → f32[B], one for each image alone.
      first: f32[B, H, W, C], random unit directions.
      xi, power_iterations: as for `make`.

    Returns:
      f32[B, H, W, C]; an image whose gradient is 0 keeps the direction that it had.

    >>> towards = jnp.array([3.0, 4.0]).reshape(1, 1, 2, 1)  # the divergence grows along it alone
    >>> start = jnp.array([1.0, 0.0]).reshape(1, 1, 2, 1)
    >>> grow = lambda r: (r * towards).sum(axis=(1, 2, 3)) ** 2
    >>> [round(v, 3) for v in adversarial(grow, start, 0.1, 1).ravel().tolist()]
    [0.6, 0.8]
    """

    def total(change: Array) -> Array:
        return divergences(change).sum()

    direction = first
    for _ in range(power_iterations):
        slope = jax.grad(total)(jnp.asarray(xi, direction.dtype) * direction)
        slope = jax.lax.stop_gradient(slope)
        flat = (slope == 0).all(axis=(1, 2, 3), keepdims=True)
        direction = unit(jnp.where(flat, direction, slope))
    return direction


def unit(x: Array) -> Array:
    """The images `x`, f32[B, H, W, C], scaled to the L2 norm 1; an image of zeros stays.

    >>> unit(jnp.array([3e-30, 4e-30, 0.0, 0.0]).reshape(2, 1, 2, 1))[..., 0].round(3).tolist()
    [[[0.6000000238418579, 0.800000011920929]], [[0.0, 0.0]]]
    """
    largest = jnp.abs(x).max(axis=(1, 2, 3), keepdims=True)
    x = x / jnp.where(largest == 0, 1, largest)  # squares of the smallest numbers would be 0
    norm = jnp.sqrt(jnp.sum(x * x, axis=(1, 2, 3), keepdims=True))
    return x / jnp.where(norm == 0, 1, norm)


def divergence(log_p: Array, log_q: Array) -> Array:
    """KL(p ‖ q) in nats, f32[B]; a class with p = 0 adds nothing.

    Args:
      log_p, log_q: log-probabilities f32[B, C].

    >>> half, sure = jnp.log(jnp.array([[0.5, 0.5]])), jnp.log(jnp.array([[1.0, 0.0]]))
    >>> float(divergence(half, half)[0]), round(float(divergence(sure, half)[0]), 4)
    (0.0, 0.6931)
    """
    p = jnp.exp(log_p)
    return jnp.sum(p * jnp.where(p > 0, log_p - log_q, 0), axis=1)


def entropies(log_p: Array) -> Array:
    """−Σ p log p in nats, f32[B], of log-probabilities `log_p`, f32[B, C].

    >>> entropies(jnp.log(jnp.array([[0.5, 0.5], [1.0, 0.0]]))).round(4).tolist()
    [0.6930999755859375, -0.0]
    """
    p = jnp.exp(log_p)
    return -jnp.sum(p * jnp.where(p > 0, log_p, 0), axis=1)
