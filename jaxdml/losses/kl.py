"""The divergence KL(q(z|x) ‖ p(z)) of a diagonal normal posterior from a prior, in nats a row.

Kingma and Welling, "Auto-Encoding Variational Bayes", 2014 (appendix B). An estimator that a
config can select is `estimate(key, mean, logvar, log_prob, components) → f32[B]`, where
`log_prob(z) → f32[B]` and `components() → Components` are the prior's. Arrays whose shapes
do not agree are refused with a `ValueError`, and narrow floats are computed in float32.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdml.arguments import checked, must_have
from jaxdml.distributions import log_normal
from jaxdml.options import at_least, part
from jaxdml.types import Components

LogProb = Callable[[Array], Array]


@checked
def analytic(
    mean: Float[Array, "batch dim"], logvar: Float[Array, "batch dim"]
) -> Float[Array, " batch"]:
    """KL(N(μ, diag σ²) ‖ N(0, I)) = −½ Σ (1 + log σ² − μ² − σ²).

    Args:
      mean: μ, f32[B, D].
      logvar: log σ², f32[B, D]; above 88 its exponential is not finite in float32.

    Returns:
      f32[B] in nats, ≥ 0.

    Raises:
      ValueError: for shapes that do not agree.

    >>> analytic(jnp.array([[0.0, 0.0], [1.0, 1.0]]), jnp.zeros((2, 2))).tolist()
    [0.0, 1.0]
    """
    # expm1: 1 + l − e^l without cancellation near l = 0
    return 0.5 * jnp.sum(mean**2 + jnp.expm1(logvar) - logvar, axis=1)


@checked
def monte_carlo(
    key: Array,
    mean: Float[Array, "batch dim"],
    logvar: Float[Array, "batch dim"],
    log_prob: LogProb,
    *,
    samples: int = 1,
) -> Float[Array, " batch"]:
    """Mean over samples z ~ q of log q(z|x) − log p(z), both normalised log densities.

    Unbiased for every prior that has a density; a single estimate may be negative.

    Args:
      key: for the samples.
      mean, logvar: of q, f32[B, D].
      log_prob: log p, f32[B, D] → f32[B].
      samples: ≥ 1 a row; time and memory grow with it.

    Returns:
      f32[B] in nats.

    Raises:
      ValueError: for no samples, or shapes that do not agree: also that of `log_prob`'s result.

    >>> q = jnp.zeros((1, 2)), jnp.zeros((1, 2))
    >>> p = lambda z: log_normal(z, jnp.zeros_like(z), jnp.zeros_like(z))
    >>> monte_carlo(jax.random.key(0), *q, p, samples=3).tolist()  # p = q
    [0.0]
    """

    def difference(z: Array, noise: Array) -> Array:
        # log q in terms of the noise: z − μ would lose it to rounding where σ is small
        log_q = log_normal(noise, 0 * noise, 0 * noise) - 0.5 * logvar.sum(axis=1)
        prior = must_have("log_prob(z)", log_prob(z), log_q.shape, "one number for each row of z")
        return log_q - prior

    return _mean_over_samples(key, mean, logvar, samples, difference)


@checked
def unnormalised(
    key: Array,
    mean: Float[Array, "batch dim"],
    logvar: Float[Array, "batch dim"],
    components: Components,
    *,
    samples: int = 1,
) -> Float[Array, " batch"]:
    """−½ Σ (z−μ)²/σ² + ½ Σ (z−μ_p)²/σ_p²: the quadratic forms of the two densities alone.

    No term of it opposes a shrinking σ. Where the prior has several components, it is the mean of
    their values by their weights.

    Args:
      key, mean, logvar, samples: as for `monte_carlo`.
      components: of the prior.

    Returns:
      f32[B].

    Raises:
      ValueError: for no samples, or shapes that do not agree.

    >>> one = Components(jnp.zeros(1), jnp.zeros((1, 2)), jnp.zeros((1, 2)))
    >>> z = jnp.zeros((1, 2))
    >>> unnormalised(jax.random.key(0), z, z, one).tolist()  # p = q
    [0.0]
    """
    weights = jnp.exp(components.log_weights)

    def difference(z: Array, noise: Array) -> Array:
        q_form = -0.5 * jnp.sum(noise**2, axis=1)  # (z − μ)² / σ²
        away = (z[:, None, :] - components.means[None, :, :]) ** 2  # [B, K, D]
        each = -0.5 * jnp.sum(away * jnp.exp(-components.logvars)[None, :, :], axis=2)
        return q_form - jnp.sum(each * weights[None, :], axis=1)

    return _mean_over_samples(key, mean, logvar, samples, difference)


@checked
def printed(
    key: Array,
    mean: Float[Array, "batch dim"],
    logvar: Float[Array, "batch dim"],
    components: Components,
    *,
    samples: int = 1,
) -> Float[Array, " batch"]:
    """Algorithm 4 of the thesis as printed: the negative of `unnormalised`.

    Minimised, it is unbounded below: it pushes z away from the prior for ever. It is kept to study
    what it does.

    Args:
      key, mean, logvar, components, samples: as for `unnormalised`.

    >>> one = Components(jnp.zeros(1), jnp.zeros((1, 2)), jnp.zeros((1, 2)))
    >>> abs(printed(jax.random.key(0), jnp.zeros((1, 2)), jnp.zeros((1, 2)), one)).tolist()  # p = q
    [0.0]
    """
    return -unnormalised(key, mean, logvar, components, samples=samples)


def make_analytic() -> Callable[..., Array]:
    """`kl.name = "analytic"`: exact, for the unit prior only.

    >>> estimate = make_analytic()
    >>> estimate(None, jnp.ones((1, 2)), jnp.zeros((1, 2)), None, None).tolist()
    [1.0]
    """
    return lambda key, mean, logvar, log_prob, components: analytic(mean, logvar)


def _of_log_prob(*, samples: int) -> Callable[..., Array]:
    def estimate(
        key: Array, mean: Array, logvar: Array, log_prob: LogProb, components: Callable[[], object]
    ) -> Array:
        return monte_carlo(key, mean, logvar, log_prob, samples=samples)

    return estimate


def _of_components(estimate: Callable[..., Array]) -> Callable[..., Callable[..., Array]]:
    def make(*, samples: int) -> Callable[..., Array]:
        return lambda key, mean, logvar, log_prob, components: estimate(
            key, mean, logvar, components(), samples=samples
        )

    return make


def _check(*, samples: int) -> None:
    at_least("samples", samples, 1)


make_monte_carlo = part(monte_carlo, check=_check, into=_of_log_prob)  # for every prior
make_unnormalised = part(unnormalised, check=_check, into=_of_components(unnormalised))
make_printed = part(printed, check=_check, into=_of_components(printed))


def _mean_over_samples(
    key: Array, mean: Array, logvar: Array, samples: int, value: Callable[[Array, Array], Array]
) -> Array:
    """The mean of `value(z, noise)`, f32[B], over samples z = mean + σ · noise."""
    _check(samples=samples)

    def one_sample(key: Array) -> Array:
        noise = jax.random.normal(key, mean.shape, mean.dtype)
        return value(mean + jnp.exp(0.5 * logvar) * noise, noise)

    return jnp.mean(jax.vmap(one_sample)(jax.random.split(key, samples)), axis=0)
