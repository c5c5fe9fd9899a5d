"""Interpolation consistency: its value by naive loops, its partners, and its weight."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.objectives import interpolation
from tests.objectives import oracle, small

KEY = jax.random.key(0)


def probabilities(params, image):
    """The class probabilities of one image, by numpy in float64."""
    z = np.tanh(np.asarray(image, np.float64).reshape(-1) @ np.asarray(params["w"]))
    return np.array(oracle.softmax(list(z @ np.asarray(params["c"]))))


@pytest.mark.parametrize("concentration", [0.1, 1.0, 5.0])
def test_it_equals_naive_loops_over_valid_rows(concentration, float64):
    student, teacher, x = small.network(0), small.network(1), np.asarray(small.images())
    term = interpolation.make(concentration=concentration)
    result = small.value(term, student, teacher=teacher)
    of_pairs, of_shares = jax.random.split(KEY)
    other = np.asarray(interpolation.partners(of_pairs, small.VALID))
    shares = np.asarray(jax.random.beta(of_shares, concentration, concentration, (small.ROWS,)))
    values = []
    for i in np.flatnonzero(small.VALID):
        j, share = other[i], shares[i]
        assert small.VALID[j]
        target = sum(w * probabilities(teacher, x[k]) for w, k in ((share, i), (1 - share, j)))
        mixed = probabilities(student, share * x[i] + (1 - share) * x[j])
        values.append(np.mean((mixed - target) ** 2))
    assert float(result) == pytest.approx(np.mean(values), rel=1e-12)


def test_partners_are_a_permutation_of_the_valid_rows_and_each_comes_as_often():
    there = np.flatnonzero(small.VALID)
    permutations = jax.vmap(lambda key: interpolation.partners(key, small.VALID))(
        jax.random.split(KEY, 2000)
    )
    permutations = np.asarray(permutations)[:, there]
    assert (np.sort(permutations, axis=1) == there[None, :]).all()
    for column in permutations.T:
        shares = [(column == row).mean() for row in there]
        np.testing.assert_allclose(shares, 0.25, atol=0.05)


def test_rows_that_are_not_valid_enter_nothing():
    params, x = small.network(), small.images()
    other = jnp.where(small.VALID[:, None, None, None], x, 1e3)
    values = [small.value(interpolation.make(), params, x=rows) for rows in (x, other)]
    np.testing.assert_array_equal(*values)


def test_no_gradient_flows_to_the_teacher(float64):
    student, teacher = small.network(0), small.network(1)
    term = interpolation.make()
    slopes = jax.grad(lambda s, t: small.value(term, s, teacher=t), (0, 1))(student, teacher)
    assert all(leaf.any() for leaf in jax.tree.leaves(slopes[0]))
    assert not any(leaf.any() for leaf in jax.tree.leaves(slopes[1]))
    # without an average of the weights the student is the teacher, and its target is a constant
    alone = jax.grad(lambda s: small.value(term, s))(student)
    fixed = jax.grad(lambda s: small.value(term, s, teacher=student))(student)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), alone, fixed)


def test_a_network_of_constant_scores_costs_nothing():
    params = small.network() | {"c": jnp.zeros((small.DIM, small.CLASSES))}
    assert float(small.value(interpolation.make(), params)) == pytest.approx(0, abs=1e-12)


def test_compiled_it_is_the_same_and_for_many_networks_and_numbers_a_loop(float64):
    params, numbers = [small.network(seed) for seed in range(3)], [0.3, 1.0, 2.0]

    def value(params, concentration):
        return small.value(interpolation.make(concentration=concentration), params)

    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *params)
    together = jax.jit(jax.vmap(value))(stacked, jnp.array(numbers))
    alone = [value(*pair) for pair in zip(params, numbers, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-9)


@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_value_and_gradient_are_finite_however_little_a_batch_holds(scale):
    values = small.degenerate_values(interpolation.make(concentration=0.1), scale)
    for name in ("no valid row", "one valid row", "one row"):
        assert float(values[name]) == pytest.approx(0, abs=1e-12)


def test_its_weight_rises_over_the_first_steps():
    def weights(**options):
        term = interpolation.make(**options)
        return [float(term.weight(jnp.int32(step))) for step in (0, 25, 100, 400)]

    assert weights() == [1.0] * 4
    np.testing.assert_allclose(weights(ramp_steps=100), [0, 0.25, 1, 1])
    traced = jax.jit(lambda n: interpolation.make(ramp_steps=n).weight(jnp.int32(25)))(50.0)
    assert float(traced) == 0.5


@pytest.mark.parametrize("options", [{"concentration": 0.0}, {"ramp_steps": 0}])
def test_a_number_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be at least"):
        interpolation.make(**options)
