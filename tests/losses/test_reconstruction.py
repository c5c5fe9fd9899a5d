import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml import losses
from jaxdml.losses.reconstruction import make_mse


def test_it_equals_loops_over_valid_rows_and_pixels():
    x, r = np.random.default_rng(0).random((2, 5, 3, 4, 2))
    valid = [True, False, True, True, False]
    pixels = list(itertools.product(range(3), range(4), range(2)))
    rows = [sum((x[i][p] - r[i][p]) ** 2 for p in pixels) for i in range(5) if valid[i]]
    arguments = {"valid": jnp.array(valid)}
    assert losses.mse(jnp.array(x), jnp.array(r), **arguments) == pytest.approx(
        sum(rows) / 3, rel=1e-6
    )
    assert losses.mse(jnp.array(x), jnp.array(r), reduction="mean", **arguments) == pytest.approx(
        sum(rows) / 3 / 24, rel=1e-6
    )


def test_without_a_mask_all_rows_count_and_without_rows_it_is_zero():
    x, r = jnp.ones((3, 2, 2, 1)), jnp.zeros((3, 2, 2, 1))
    assert losses.mse(x, r) == 4
    assert losses.mse(x, r, valid=jnp.zeros(3, bool)) == 0


def test_an_unknown_reduction_is_named():
    with pytest.raises(ValueError, match="reduction must be one of sum, mean, but is 'max'"):
        make_mse(reduction="max")


def images(seed=0):
    random = np.random.default_rng(seed)
    return random.random((5, 3, 4, 2)), 3 * random.normal(size=(5, 3, 4, 2)), VALID


VALID = [True, False, True, True, False]


def rows(function):
    """The mean over valid rows of a sum over pixels, by loops."""
    x, r, valid = images()
    pixels = list(itertools.product(range(3), range(4), range(2)))
    return sum(sum(function(x[i][p], r[i][p]) for p in pixels) for i in range(5) if valid[i]) / 3


def test_bernoulli_equals_loops_and_is_finite_at_any_logit(float64):
    def naive(x, logit):
        p = 1 / (1 + math.exp(-logit))
        return -x * math.log(p) - (1 - x) * math.log(1 - p)

    x, r, valid = map(jnp.array, images())
    np.testing.assert_allclose(losses.bernoulli(x, r, valid=valid), rows(naive), rtol=1e-10)
    np.testing.assert_allclose(
        losses.bernoulli(x, r, valid=valid, reduction="mean"), rows(naive) / 24, rtol=1e-10
    )
    for logit in (1e15, -1e15, 1e3, -1e3, 0.0):
        large = jnp.full(x.shape, logit, jnp.float32)
        value, slope = jax.value_and_grad(lambda r: losses.bernoulli(x, r))(large)
        assert jnp.isfinite(value)
        assert jnp.isfinite(slope).all()


def test_gaussian_is_the_normalised_density_and_best_at_the_mean_squared_error(float64):
    x, r, valid = map(jnp.array, images())
    for logvar in (-1.0, 0.0, 0.7):
        v = math.exp(logvar)

        def naive(x, r, v=v):
            return 0.5 * math.log(2 * math.pi * v) + (x - r) ** 2 / (2 * v)

        result = losses.gaussian(x, r, logvar, valid=valid)
        np.testing.assert_allclose(result, rows(naive), rtol=1e-10)
    best = jnp.log(losses.mse(x, r, valid=valid, reduction="mean"))
    assert abs(jax.grad(lambda v: losses.gaussian(x, r, v, valid=valid))(best)) < 1e-9
    constant = 24 / 2 * (math.log(2 * math.pi) + 1)
    np.testing.assert_allclose(
        losses.optimal_gaussian(x, r, valid=valid) + constant,
        losses.gaussian(x, r, best, valid=valid),
        rtol=1e-10,
    )


def test_a_perfect_reconstruction_and_no_rows_are_finite():
    x = jnp.ones((2, 2, 2, 1))
    for loss in (losses.mse, losses.bernoulli, losses.optimal_gaussian):
        value, slope = jax.value_and_grad(lambda r, loss=loss: loss(x, r))(x)
        assert jnp.isfinite(value)
        assert jnp.isfinite(slope).all()
        assert loss(x, 0 * x, valid=jnp.zeros(2, bool)) == 0
    assert losses.gaussian(x, 0 * x, 0.0, valid=jnp.zeros(2, bool)) == 0
