"""What every prior promises: it scores, samples, and lists its components."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.options import defaults
from jaxdml.priors import PRIORS
from tests.third_party import wall

MAKES = {**PRIORS, "third-party": wall.make}
OPTIONS = {"sphere": {"components": 4}, "learned_mixture": {"components": 4},
           "vamp": {"pseudo_inputs": 5}}  # fmt: skip
each = pytest.mark.parametrize("name", MAKES)
DIM = 2


def make(name, dim=DIM, **options):
    return MAKES[name](dim, 3, **OPTIONS.get(name, {}) | options)


def examples(key, count):
    return jax.random.uniform(key, (count, 3, 3, 1))


def encode(x):
    """A stand-in for an encoder: two linear maps of the image."""
    flat = x.reshape(len(x), -1)
    weights = jax.random.normal(jax.random.key(3), (9, 2 * DIM))
    out = flat @ weights
    return out[:, :DIM], 0.3 * out[:, DIM:] - 1


def params(name, seed=0):
    """Parameters away from their first values, as training leaves them."""
    first = make(name).init(jax.random.key(seed), examples)
    return jax.tree.map(lambda leaf: leaf + 0.3 * jnp.sin(7 * jnp.arange(leaf.size)).reshape(
        leaf.shape), first)  # fmt: skip


@functools.cache
def scored(name):
    return jax.jit(
        jax.value_and_grad(
            lambda params, z: make(name).log_prob(params, z, encode).sum(), argnums=(0, 1)
        )
    )


@functools.cache
def density(name):
    """An axis, the grid of its points in the plane, and the density there."""
    axis = jnp.linspace(-15, 15, 601)
    grid = jnp.stack(jnp.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    prior, prior_params = make(name), params(name)
    return axis, grid, jnp.exp(jax.jit(lambda z: prior.log_prob(prior_params, z, encode))(grid))


@pytest.mark.default_variants("hypercube", "vamp")
@each
def test_compiled_and_eager_agree_and_a_batch_of_batches_is_a_loop(name):
    prior, prior_params = make(name), params(name)
    z = jax.random.normal(jax.random.key(1), (3, 6, DIM))
    each_batch = jax.jit(jax.vmap(lambda z: prior.log_prob(prior_params, z, encode)))(z)
    for i in range(3):
        eager = prior.log_prob(prior_params, z[i], encode)
        assert eager.shape == (6,)
        np.testing.assert_allclose(each_batch[i], eager, rtol=1e-5, atol=1e-5)


@each
def test_its_density_integrates_to_one(name, float64):
    axis, _, mass = density(name)
    np.testing.assert_allclose(mass.sum() * (axis[1] - axis[0]) ** 2, 1, atol=1e-4)


@each
def test_its_samples_have_the_moments_of_its_density(name, float64):
    prior, prior_params = make(name), params(name)
    draws = jax.jit(lambda key: prior.sample(prior_params, key, 20_000, encode))(jax.random.key(5))
    assert draws.shape == (20_000, DIM)
    draws = np.asarray(draws)
    _, grid, mass = map(np.asarray, density(name))
    mass = mass / mass.sum()
    for moment in (lambda z: z, lambda z: z**2, lambda z: np.abs(z - 1)):
        exact = (mass[:, None] * moment(grid)).sum(axis=0)
        values = moment(draws)
        error = values.std(axis=0) / np.sqrt(len(values))
        assert (np.abs(values.mean(axis=0) - exact) < 4 * error + 1e-3).all()


@each
def test_value_and_gradient_are_finite_however_far_a_point_lies(name):
    points = jnp.array([[0.0, 0.0], [1e15, -1e15], [1e15, 0.0], [1e-20, -1e-20], [1.0, 1.0]])
    value, slopes = scored(name)(params(name), points)
    assert jnp.isfinite(value)
    for slope in jax.tree.leaves(slopes):
        assert jnp.isfinite(slope).all()


@pytest.mark.parametrize("name", [name for name in MAKES if name != "third-party"])
def test_its_density_is_the_naive_mixture_of_its_components(name, float64):
    prior, prior_params = make(name), params(name)
    weights, means, logvars = map(np.asarray, prior.components(prior_params, encode))
    np.testing.assert_allclose(np.exp(weights).sum(), 1)
    z = np.random.default_rng(0).normal(size=(7, DIM))
    for point, log_density in zip(
        z, prior.log_prob(prior_params, jnp.array(z), encode), strict=True
    ):
        total = 0.0
        for w, mean, logvar in zip(weights, means, logvars, strict=True):
            density = 1.0
            for x, m, v in zip(point, mean, np.exp(logvar), strict=True):
                density *= np.exp(-((x - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)
            total += np.exp(w) * density
        np.testing.assert_allclose(log_density, np.log(total), rtol=1e-10)


@pytest.mark.default_variants("sphere", "vamp", "third-party")
@each
def test_its_numbers_may_be_traced(name):
    numbers = {o: d for o, d in defaults(MAKES[name]).items() if isinstance(d, float)}
    z = jax.random.normal(jax.random.key(1), (4, DIM))

    @jax.jit
    def traced(numbers):
        prior = make(name, **numbers)
        return prior.log_prob(prior.init(jax.random.key(0), examples), z, encode)

    prior = make(name)
    exact = prior.log_prob(prior.init(jax.random.key(0), examples), z, encode)
    np.testing.assert_allclose(traced(numbers), exact, rtol=1e-5)


def test_only_the_learned_priors_learn():
    learns = {name for name in PRIORS if jax.tree.leaves(params(name))}
    assert learns == {"learned_mixture", "vamp"}
