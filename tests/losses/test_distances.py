import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml import distances
from jaxdml.distances import DISTANCES


def naive(name, x):
    """Distances by differences in float64."""
    x = np.asarray(x, np.float64)
    if name == "cosine":
        x = x / np.sqrt((x * x).sum(axis=1, keepdims=True))
    squared = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    return {"euclidean": np.sqrt(squared), "cosine": squared / 2}.get(name, squared)


def naive_slope(name, x, cotangent):
    """Of Σ cotangent · distance by x, from its formula in float64, row by row."""
    x, g = np.asarray(x, np.float64), np.asarray(cotangent, np.float64)
    symmetric = g + g.T
    if name == "euclidean":
        distance = naive(name, x)
        symmetric = np.divide(
            symmetric, 2 * distance, out=np.zeros_like(symmetric), where=distance > 0
        )
    if name != "cosine":
        return np.stack([2 * symmetric[i] @ (x[i] - x) for i in range(len(x))])
    length = np.sqrt((x * x).sum(axis=1, keepdims=True))
    unit = x / length
    by_unit = -symmetric @ unit
    return (by_unit - (by_unit * unit).sum(axis=1, keepdims=True) * unit) / length


def batch(size, dim, seed=0):
    x, g = jax.random.split(jax.random.key(seed))
    return jax.random.normal(x, (size, dim)), jax.random.normal(g, (size, size))


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize(
    "block", [pytest.param(1, marks=pytest.mark.slow), 7 * 13 * 5, 13 * 13 * 5]
)
def test_blocks_of_rows_give_the_value_and_the_gradient_of_naive_loops(
    name, block, monkeypatch, float64
):
    monkeypatch.setattr(distances, "BLOCK", block)
    x, g = batch(13, 5)
    value, pull = jax.vjp(DISTANCES[name], x)
    np.testing.assert_allclose(value, naive(name, x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(pull(g)[0], naive_slope(name, x, g), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", DISTANCES)
def test_one_entry_of_each_row_has_the_value_and_the_gradient_of_naive_loops(name, float64):
    x, g = batch(13, 5)
    columns = np.array([0, 3, 3, 3, 2, 1, 0, 12, 11, 9, 9, 9, 10])
    picked = np.zeros((13, 13))
    picked[np.arange(13), columns] = 1
    value, pull = jax.vjp(lambda x: DISTANCES[name](x, jnp.array(columns)), x)
    np.testing.assert_allclose(value, (naive(name, x) * picked).sum(axis=1), rtol=1e-12, atol=1e-14)
    slope = naive_slope(name, x, picked * g)
    np.testing.assert_allclose(pull(g[np.arange(13), columns])[0], slope, rtol=1e-10, atol=1e-12)


def test_a_row_of_zeros_is_at_cosine_distance_1_from_any_one_row():
    x = jnp.array([[0.0, 0.0], [3.0, 4.0], [3.0, 4.0]])
    assert distances.cosine(x, jnp.array([1, 0, 1])).tolist() == [1.0, 1.0, 0.0]


def test_blocks_change_no_bit_of_a_value_and_float32_gradients_stay_accurate(monkeypatch):
    x, g = batch(60, 33)
    whole = jax.jit(DISTANCES["euclidean"])(x)
    monkeypatch.setattr(distances, "BLOCK", 60 * 33 * 7)
    value, pull = jax.vjp(jax.jit(lambda x: DISTANCES["euclidean"](x)), x)
    np.testing.assert_array_equal(value, whole)
    exact = naive_slope("euclidean", x, g)
    np.testing.assert_allclose(pull(g)[0], exact, rtol=1e-4, atol=1e-5)


def test_near_rows_keep_their_gradient_in_blocks(monkeypatch):
    """The Gram matrix would lose it: 1000² − 1000² in float32."""
    monkeypatch.setattr(distances, "BLOCK", 1)
    x = 1000 + jnp.array([[0.0, 0.0], [0.001, 0.0], [0.0, 0.0]])
    value, slope = jax.value_and_grad(lambda x: DISTANCES["euclidean"](x).sum())(x)
    np.testing.assert_allclose(value, 4 * (x[1, 0] - x[0, 0]), rtol=1e-6)
    np.testing.assert_allclose(slope, [[-2, 0], [4, 0], [-2, 0]], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", DISTANCES)
def test_gradients_in_blocks_are_finite_for_equal_rows_and_entries_of_1e15(name, monkeypatch):
    monkeypatch.setattr(distances, "BLOCK", 1)
    for x in (jnp.ones((5, 3)), jnp.zeros((5, 3)), 1e15 * jnp.sign(batch(5, 3)[0])):
        value, slope = jax.value_and_grad(lambda x: DISTANCES[name](x).mean())(x)
        assert jnp.isfinite(value)
        assert jnp.isfinite(slope).all()
        if (x == x[:1]).all():
            assert not slope.any()


@pytest.mark.slow
def test_blocks_may_be_batched_and_differentiated_forwards(monkeypatch, float64):
    def value(x):
        return jnp.sum(DISTANCES["euclidean"](x) ** 3)

    xs = jnp.stack([batch(6, 3, seed)[0] for seed in range(3)])
    monkeypatch.setattr(distances, "BLOCK", 6 * 3 * 4)
    together = jax.jit(jax.vmap(jax.grad(value)))(xs)
    for x, slope in zip(xs, together, strict=True):
        np.testing.assert_allclose(slope, jax.grad(value)(x), rtol=1e-12)
        np.testing.assert_allclose(jax.jvp(value, (x,), (x,))[1], 3 * value(x), rtol=1e-12)


def test_a_cosine_distance_is_never_below_0_and_accurate_near_it():
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 8)).astype(np.float32)
    for scale in (0.0, 1e-5, 3e-4, 1e-2):  # from one row to the other
        rows = np.concatenate([x, (3 * x * (1 + scale * random.normal(size=x.shape)))])
        rows = jnp.array(rows, jnp.float32)
        result, exact = np.array(distances.cosine(rows)), naive("cosine", rows)
        assert result.min() >= 0
        assert result.max() <= 2
        assert not np.diag(result).any()
        np.testing.assert_allclose(result, exact, rtol=1e-3, atol=1e-11)


def test_a_zero_row_is_at_the_cosine_distance_1_of_every_row_and_itself():
    x = jnp.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0], [-6.0, -8.0], [1e-30, 0.0]])
    expected = np.ones((5, 5))
    expected[1, 1] = expected[3, 3] = 0
    expected[1, 3] = expected[3, 1] = 2
    np.testing.assert_allclose(distances.cosine(x), expected, rtol=1e-6)
    slope = jax.grad(lambda x: jnp.sum(distances.cosine(x)))(x)
    assert jnp.isfinite(slope).all()
    assert not slope[jnp.array([0, 2, 4])].any()


def test_a_row_that_is_not_a_number_has_no_cosine_distance():
    result = distances.cosine(jnp.array([[jnp.nan, 1.0], [1.0, 1.0]]))
    np.testing.assert_array_equal(jnp.isnan(result), [[True, True], [True, False]])


@pytest.mark.parametrize("name", DISTANCES)
def test_a_row_that_is_not_a_number_is_at_no_distance_that_is_one(name):
    z = jnp.array([[0.0, 1.0], [jnp.nan, 2.0], [3.0, 1.0]])
    result = np.isnan(DISTANCES[name](z))
    assert result[1, 0] & result[1, 2] & result[0, 1] & result[2, 1]
    assert not result[0, 2]
