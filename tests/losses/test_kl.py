import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.losses import kl
from jaxdml.priors import PRIORS
from jaxdml.types import Components

MEAN = np.array([[0.7, -1.2], [2.0, 0.1]])
LOGVAR = np.array([[-1.0, 0.4], [0.2, -3.0]])


def prior(name, dim=2, **options):
    density = PRIORS[name](dim, 3, **options)
    params = density.init(jax.random.key(0), None)
    return lambda z: density.log_prob(params, z, None)


def quadrature(mean, logvar, log_prob):
    """KL by the trapezoid rule on a grid of eight standard deviations, in one or two dimensions."""
    std = np.exp(0.5 * logvar)
    axes = [np.linspace(m - 8 * s, m + 8 * s, 801) for m, s in zip(mean, std, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(mean))
    log_q = np.sum(
        -0.5 * ((grid - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi), axis=1
    )
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    return np.sum(np.exp(log_q) * (log_q - np.asarray(log_prob(jnp.array(grid))))) * cell


def test_the_analytic_one_equals_loops_and_quadrature(float64):
    result = kl.analytic(jnp.array(MEAN), jnp.array(LOGVAR))
    for row in range(2):
        naive = 0.0
        for m, v in zip(MEAN[row], LOGVAR[row], strict=True):
            naive -= 0.5 * (1 + v - m**2 - np.exp(v))
        np.testing.assert_allclose(result[row], naive, rtol=1e-12)
        exact = quadrature(MEAN[row], LOGVAR[row], prior("unit"))
        np.testing.assert_allclose(result[row], exact, rtol=1e-6)


def test_the_analytic_one_is_exact_near_the_prior():
    tiny = jnp.full((1, 1), 1e-4)
    np.testing.assert_allclose(kl.analytic(0 * tiny, tiny), 2.5e-9, rtol=1e-2)  # l²/4


def standard_error(log_prob, key, mean, logvar):
    """The mean of 10⁵ estimates of one sample each, and its standard error."""
    rows = 100_000
    repeated = (jnp.broadcast_to(part, (rows, len(mean))) for part in (mean, logvar))
    each = jax.jit(lambda *posterior: kl.monte_carlo(key, *posterior, log_prob))(*repeated)
    return each.mean(), each.std() / np.sqrt(rows)


@pytest.mark.slow
def test_the_estimate_for_the_unit_prior_converges_to_the_analytic_one(float64):
    for row in range(2):
        mean, logvar = jnp.array(MEAN[row]), jnp.array(LOGVAR[row])
        many = kl.monte_carlo(
            jax.random.key(row), mean[None], logvar[None], prior("unit"), samples=100_000
        )[0]
        _, error = standard_error(prior("unit"), jax.random.key(9), mean, logvar)
        exact = kl.analytic(mean[None], logvar[None])[0]
        assert 1e-4 < error < 0.05
        assert abs(many - exact) < 4 * error


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hypercube", {"component_std": 0.5}),
        ("sphere", {"components": 2, "radius": 2.0}),
        ("learned_mixture", {"components": 2, "component_std": 0.8}),
    ],
)
def test_the_estimate_for_mixtures_converges_to_quadrature(name, options, dim, float64):
    log_prob = prior(name, dim, **options)
    mean, logvar = MEAN[0][:dim], LOGVAR[0][:dim]
    result, error = standard_error(log_prob, jax.random.key(1), jnp.array(mean), jnp.array(logvar))
    assert abs(result - quadrature(mean, logvar, log_prob)) < 4 * error


def test_its_gradient_is_that_of_the_analytic_one_on_average(float64):
    mean, logvar = jnp.array(MEAN[:1]), jnp.array(LOGVAR[:1])
    log_prob, key = prior("unit"), jax.random.key(0)
    estimate = jax.jit(
        jax.grad(lambda m, v: kl.monte_carlo(key, m, v, log_prob, samples=50_000)[0], (0, 1))
    )(mean, logvar)
    exact = jax.grad(lambda m, v: kl.analytic(m, v)[0], (0, 1))(mean, logvar)
    for a, b in zip(estimate, exact, strict=True):
        np.testing.assert_allclose(a, b, atol=0.03)


UNIT = Components(jnp.zeros(1), jnp.zeros((1, 2)), jnp.zeros((1, 2)))


def test_the_printed_form_is_unbounded_below_and_its_sign_is_the_reverse():
    key, logvar = jax.random.key(0), jnp.zeros((1, 2))
    values = [
        float(kl.printed(key, jnp.full((1, 2), size), logvar, UNIT)[0]) for size in (1.0, 1e2, 1e4)
    ]
    assert values[0] > values[1] > values[2]
    assert values[2] < -9e7  # about −‖μ‖²/2, while the divergence grows
    assert kl.analytic(jnp.full((1, 2), 1e4), logvar)[0] > 9e7
    # descent runs away
    mean = jnp.full((1, 2), 0.1)
    slope = jax.jit(jax.grad(lambda m: kl.printed(key, m, logvar, UNIT, samples=64).sum()))
    for _ in range(40):
        mean = mean - 0.5 * slope(mean)
    assert jnp.abs(mean).min() > 1e3
    np.testing.assert_allclose(
        kl.printed(key, mean, logvar, UNIT), -kl.unnormalised(key, mean, logvar, UNIT)
    )


def test_the_unnormalised_form_is_the_difference_of_the_quadratic_forms(float64):
    """Averaged over z ~ N(μ, σ²): −D/2 + ½ Σ_k w_k Σ (σ² + (μ − μ_k)²) / s_k²."""
    components = PRIORS["hypercube"](2, 3, component_std=0.7).components({}, None)
    result = kl.unnormalised(
        jax.random.key(0), jnp.array(MEAN), jnp.array(LOGVAR), components, samples=200_000
    )
    for row in range(2):
        exact = -1.0
        for corner in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            squares = np.exp(LOGVAR[row]) + (MEAN[row] - corner) ** 2
            exact += 0.25 * 0.5 * np.sum(squares) / 0.7**2
        np.testing.assert_allclose(result[row], exact, rtol=1e-2)


@pytest.mark.parametrize("name", ["monte_carlo", "unnormalised", "printed"])
def test_no_samples_are_refused(name):
    with pytest.raises(ValueError, match="samples must be at least 1"):
        getattr(kl, f"make_{name}")(samples=0)


def test_a_narrow_posterior_loses_nothing_to_rounding():
    mean, key, log_prob = jnp.full((1, 4), 3.0), jax.random.key(0), prior("unit", 4)

    @jax.jit
    @jax.value_and_grad
    def estimate(v):
        return kl.monte_carlo(key, mean, v, log_prob, samples=4000)[0]

    for logvar in (-30.0, -40.0, -90.0):
        narrow = jnp.full((1, 4), logvar)
        value, slope = estimate(narrow)
        np.testing.assert_allclose(value, kl.analytic(mean, narrow)[0], atol=0.1)
        np.testing.assert_allclose(slope, -0.5, atol=1e-3)
