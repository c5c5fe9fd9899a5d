"""NT-Xent against naive loops, and on batches with little in them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.losses import nt_xent
from tests.losses import oracle

VALID = [True, True, False, True, True, False]


def views(seed=0, shape=(6, 3)):
    return jnp.array(np.random.default_rng(seed).normal(size=(2, *shape)))


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("valid", [VALID, [True] * 6, [True, False, False, False, True, False]])
def test_it_equals_naive_loops(valid, temperature, float64):
    first, second = views()
    result = nt_xent(first, second, valid=jnp.array(valid), temperature=temperature)
    exact = oracle.nt_xent(first, second, valid, temperature=temperature)
    assert float(result) == pytest.approx(exact, rel=1e-12)
    if all(valid):
        assert nt_xent(first, second, temperature=temperature) == result


def test_its_gradient_is_that_of_finite_differences_of_the_loops(float64):
    first, second = map(np.asarray, views())
    sloped = jax.jit(jax.grad(lambda a, b: nt_xent(a, b, valid=jnp.array(VALID)), (0, 1)))
    slopes = sloped(first, second)
    for which, slope in enumerate(slopes):
        for index in np.ndindex(first.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [first.copy(), second.copy()]
                moved[which][index] += step
                ends.append(oracle.nt_xent(*moved, VALID))
            assert float(slope[index]) == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-7)


def test_the_views_may_change_places_and_rows_that_are_not_valid_say_nothing():
    first, second = views()
    valid = jnp.array(VALID)
    sloped = jax.jit(jax.value_and_grad(lambda a: nt_xent(a, second, valid=valid)))
    result, slope = sloped(first)
    np.testing.assert_allclose(nt_xent(second, first, valid=valid), result, rtol=1e-6)
    broken = jnp.where(valid[:, None], first, jnp.nan)
    other = sloped(broken)
    np.testing.assert_array_equal(other[0], result)
    np.testing.assert_array_equal(other[1], slope)
    assert not slope[~valid].any()


def test_compiled_it_is_the_same_and_for_many_batches_and_temperatures_a_loop(float64):
    several = jnp.stack([views(seed) for seed in range(3)])
    numbers = jnp.array([0.1, 0.3, 0.9])

    def value(two, temperature):
        return nt_xent(*two, valid=jnp.array(VALID), temperature=temperature)

    together = jax.jit(jax.vmap(value))(several, numbers)
    alone = [value(two, float(t)) for two, t in zip(several, numbers, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


DEGENERATE = {
    "no valid row": (views(), [False] * 6),
    "one valid row": (views(), [True] + [False] * 5),
    "all rows equal": (jnp.ones((2, 6, 3)), VALID),
    "all rows zero": (jnp.zeros((2, 6, 3)), VALID),
    "large": (1e15 * views(), VALID),
    "no row": (jnp.zeros((2, 0, 3)), []),
}


SLOPED = jax.jit(jax.value_and_grad(lambda two, valid: nt_xent(two[0], two[1], valid=valid)))


@pytest.mark.parametrize("name", DEGENERATE)
def test_value_and_gradient_are_finite_however_little_a_batch_holds(name):
    two, valid = DEGENERATE[name]
    valid = jnp.array(valid, bool)
    value, slope = SLOPED(two, valid)
    assert jnp.isfinite(value)
    assert jnp.isfinite(slope).all()
    if valid.sum() < 2:
        assert value == 0
        assert not slope.any()
    elif name.startswith("all rows"):
        assert float(value) == pytest.approx(np.log(7))  # of 7 others


def test_a_temperature_out_of_range_is_refused():
    with pytest.raises(ValueError, match="temperature must be at least"):
        nt_xent(*views(), temperature=0.0)
