"""Virtual adversarial training: its value by naive loops, and the direction that it finds."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.objectives import vat
from tests.objectives import oracle, small

KEY = jax.random.key(0)


def probabilities(params, image):
    """The class probabilities of one image, by numpy in float64."""
    z = np.tanh(np.asarray(image, np.float64).reshape(-1) @ np.asarray(params["w"]))
    return np.array(oracle.softmax(list(z @ np.asarray(params["c"]))))


def divergence(params, image, change):
    p, q = probabilities(params, image), probabilities(params, image + change)
    return math.fsum(p * (np.log(p) - np.log(q)))


def naive_direction(params, image, first, xi, iterations):
    """The direction of the divergence's gradient, by finite differences."""
    d = first / math.sqrt((first**2).sum())
    for _ in range(iterations):
        slope = np.zeros_like(d)
        for index in np.ndindex(d.shape):
            unit_change = np.zeros_like(d)
            unit_change[index] = 1e-5
            ends = [divergence(params, image, xi * d + s * unit_change) for s in (1, -1)]
            slope[index] = (ends[0] - ends[1]) / 2e-5
        d = slope / math.sqrt((slope**2).sum())
    return d


@pytest.mark.parametrize(("iterations", "entropy"), [(1, 0.0), (1, 0.7), (3, 0.0)])
def test_it_equals_naive_loops(iterations, entropy, float64):
    params, x = small.network(), np.asarray(small.images())
    term = vat.make(radius=0.4, xi=0.05, power_iterations=iterations, entropy=entropy)
    result = jax.jit(lambda params: small.value(term, params))(params)
    first = np.asarray(jax.random.normal(KEY, x.shape, x.dtype))
    values = []
    for i in np.flatnonzero(small.VALID):
        d = naive_direction(params, x[i], first[i], 0.05, iterations)
        p = probabilities(params, x[i])
        values.append(divergence(params, x[i], 0.4 * d) - entropy * math.fsum(p * np.log(p)))
    assert float(result) == pytest.approx(sum(values) / len(values), rel=1e-6)


def test_a_radius_of_each_value_is_a_norm_that_grows_with_their_number():
    params, x = small.network(), small.images()
    values = math.prod(x.shape[1:])
    of_each = small.value(vat.make(radius=0.1, of_each=True), params)
    of_all = small.value(vat.make(radius=0.1 * math.sqrt(values)), params)
    assert float(of_each) == pytest.approx(float(of_all), rel=1e-6)
    assert float(of_each) > float(small.value(vat.make(radius=0.1), params))


def directions(params, x, xi=0.1, iterations=1):
    """The function of divergences, and the adversarial direction of each image."""

    def log_probabilities(x):
        return jax.nn.log_softmax(small.embedded(params, x) @ params["c"])

    def divergences(change):
        return vat.divergence(log_probabilities(x), log_probabilities(x + change))

    first = jnp.array(np.random.default_rng(2).normal(size=x.shape), x.dtype)
    return divergences, vat.adversarial(divergences, vat.unit(first), xi, iterations)


@pytest.mark.parametrize("radius", [0.1, 0.3])
def test_the_direction_raises_the_divergence_more_than_random_ones_of_its_norm(radius):
    divergences, result = directions(small.network(), small.images(rows=64), iterations=2)
    np.testing.assert_allclose(jnp.sum(result**2, axis=(1, 2, 3)), 1, rtol=1e-5)
    adversarial = divergences(radius * result)
    draws = jax.random.normal(jax.random.key(1), (50, *result.shape))
    random_divergences = jax.jit(jax.vmap(lambda d: divergences(radius * vat.unit(d))))(draws)
    assert adversarial.mean() > 2 * random_divergences.mean()
    # of both signs: a gradient near 0 tells the line, and not which way along it is worse
    either = jnp.maximum(adversarial, divergences(-radius * result))
    assert (either > jnp.quantile(random_divergences, 0.9, axis=0)).mean() > 0.9


def test_the_usual_xi_finds_in_float32_what_float64_finds_with_a_small_one():
    def direction(dtype, xi):
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), small.network())
        x = small.images(rows=32).astype(dtype)
        return np.asarray(jax.jit(lambda: directions(params, x, xi)[1])(), float)

    with jax.enable_x64(True):
        exact = direction("float64", 1e-6)
    cosines = (direction("float32", vat.XI) * exact).sum(axis=(1, 2, 3))
    assert np.median(cosines) > 0.98


def test_no_gradient_flows_through_the_clean_scores_or_the_direction(float64):
    params, x = small.network(), small.images()
    term = vat.make(radius=0.4)
    slope = jax.jit(jax.grad(lambda params: small.value(term, params)))(params)
    log_p = jax.nn.log_softmax(small.embedded(params, x) @ params["c"])

    def frozen_divergences(params, change):  # both are constants here
        log_q = jax.nn.log_softmax(small.embedded(params, x + change) @ params["c"])
        return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=1)

    first = vat.unit(jax.random.normal(KEY, x.shape, x.dtype))
    change = 0.4 * vat.adversarial(lambda c: frozen_divergences(params, c), first, 0.1, 1)
    expected = jax.jit(jax.grad(lambda p: frozen_divergences(p, change)[small.VALID].mean()))(
        params
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9), slope, expected)


def test_the_entropy_has_a_gradient_and_is_told():
    params = small.network()
    sloped = jax.jit(
        jax.grad(lambda params, w: small.value(vat.make(radius=0.0, entropy=w), params))
    )
    slopes = [sloped(params, w) for w in (0.0, 1.0)]
    sizes = [[jnp.abs(leaf).max() for leaf in jax.tree.leaves(slope)] for slope in slopes]
    assert max(sizes[0]) < 1e-6
    assert min(sizes[1]) > 1e-2
    _, _, metrics = jax.jit(lambda: vat.make().value({}, {}, small.context(params), KEY))()
    rows = [probabilities(params, small.images()[i]) for i in np.flatnonzero(small.VALID)]
    exact = -sum(math.fsum(p * np.log(p)) for p in rows) / len(rows)
    assert float(metrics["entropy"]) == pytest.approx(exact, rel=1e-5)


def test_compiled_it_is_the_same_and_for_many_networks_and_numbers_a_loop(float64):
    params = [small.network(seed) for seed in range(3)]
    numbers = [{"radius": 0.1 * i, "xi": 0.1 + 0.1 * i, "entropy": 0.3 * i} for i in range(3)]

    def value(params, numbers):
        return small.value(vat.make(**numbers), params)

    stacked = [jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees) for trees in (
        params, [jax.tree.map(jnp.asarray, options) for options in numbers])]  # fmt: skip
    together = jax.jit(jax.vmap(value))(*stacked)
    alone = [value(*pair) for pair in zip(params, numbers, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1.5, 1e4])
def test_value_and_gradient_are_finite_however_little_a_batch_holds(scale):
    """Also of a network whose scores are all equal, or so sure that no direction has a slope."""
    values = small.degenerate_values(vat.make(entropy=1.0, power_iterations=2), scale)
    assert values["no valid row"] == 0


def test_scores_of_minus_infinity_add_nothing():
    """A class that cannot be: its probability is 0 in both distributions."""

    def value(scores):
        log_p = jax.nn.log_softmax(jnp.where(jnp.arange(3)[None, :] == 2, -jnp.inf, scores))
        kept = jax.lax.stop_gradient(log_p)
        return vat.divergence(kept, log_p).sum() + vat.entropies(log_p).sum()

    result, slope = jax.value_and_grad(value)(jnp.array([[0.3, -0.2, 0.0]]))
    assert jnp.isfinite(result)
    assert jnp.isfinite(slope).all()


def test_a_direction_without_a_slope_stays_and_a_broken_one_is_seen():
    first = vat.unit(jax.random.normal(KEY, (2, *small.SHAPE)))
    flat = vat.adversarial(lambda change: 0 * change.sum(axis=(1, 2, 3)), first, 0.1, 1)
    np.testing.assert_allclose(flat, first, rtol=1e-6)
    broken = vat.adversarial(lambda change: jnp.nan * change.sum(axis=(1, 2, 3)), first, 0.1, 1)
    assert jnp.isnan(broken).all()


@pytest.mark.parametrize(
    "options", [{"radius": -0.1}, {"xi": 0.0}, {"power_iterations": 0}, {"entropy": -1.0}]
)
def test_a_number_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must (be at least|lie between)"):
        vat.make(**options)
