"""Arrays of float16 and bfloat16 give what the same values give in float32."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml import distances, distributions, losses, masks
from jaxdml.losses import METRIC, kl
from jaxdml.losses.classification.center import moved
from jaxdml.objectives.learned import learned
from jaxdml.types import Components

NARROW = ("float16", pytest.param("bfloat16", marks=pytest.mark.slow))
VARIANTS = [
    *((name, {}) for name in METRIC),
    ("triplet", {"mining": "hard"}),
    ("triplet", {"mining": "semihard", "distance": "squared_euclidean", "margin": 500.0}),
    ("contrastive", {"distance": "cosine", "reduction": "sum"}),
    ("npair", {"l2": 0.1, "normalize": True}),
]


def embeddings(dtype, size=128, dim=10):
    """Embeddings of lengths near 100, whose squares float16 cannot hold."""
    random = np.random.default_rng(0)
    return jnp.array(32 * random.normal(size=(size, dim)), dtype)


def narrowed(tree, dtype):
    return jax.tree.map(lambda leaf: leaf.astype(dtype), tree)


@pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda v: "-".join((v[0], *map(str, v[1].values())))
)
def test_a_loss_of_narrow_embeddings_is_that_of_the_same_values_in_float32(variant):
    name, options = variant
    loss, y = learned(METRIC[name](**options)), jnp.arange(128) % 4
    state = loss.init(jax.random.key(0), 4, 10)

    @jax.jit
    def value_and_slopes(z, params, extra):
        def value(z, params):
            return loss.value(params, extra, z, y, labelled=jnp.ones(128, bool))

        return jax.value_and_grad(value, (0, 1), has_aux=True)(z, params)

    z, (params, extra) = embeddings("float16"), narrowed(state, "float16")
    (value, kept), slopes = value_and_slopes(z, params, extra)
    (exact, kept_exact), exact_slopes = value_and_slopes(*narrowed((z, params, extra), jnp.float32))
    assert jnp.isfinite(value)
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), kept, kept_exact)
    for slope, wide in zip(jax.tree.leaves(slopes), jax.tree.leaves(exact_slopes), strict=True):
        assert slope.any()
        step = float(jnp.finfo("float16").eps)
        np.testing.assert_allclose(np.asarray(slope, np.float32), wide, rtol=step, atol=1e-6)
    for dtype in ("float16", "bfloat16"):
        (value, kept), slopes = jax.eval_shape(
            value_and_slopes, *narrowed((z, params, extra), dtype)
        )
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((value, kept)))
        assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(slopes))


def test_the_triplets_of_a_float16_batch_are_counted():
    z = jnp.array(np.random.default_rng(0).normal(size=(128, 2)), jnp.float16)
    value, slope = jax.value_and_grad(losses.triplet)(z, jnp.arange(128) % 4)
    assert value > 0.5
    assert slope.any()


@pytest.mark.parametrize("name", ["contrastive", "triplet", "supcon"])
def test_narrow_weights_and_soft_labels_give_a_value_in_float32(name):
    z, weights = jnp.array(np.eye(6, 4), "float16"), jnp.full(6, 0.5, "float16")
    soft = jnp.array(np.eye(3)[np.arange(6) % 3], "bfloat16")
    value = getattr(losses, name)(z, soft, weights=weights)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, getattr(losses, name)(z, jnp.arange(6) % 3), rtol=1e-6)


POSTERIOR = (np.array([[200.0, -150.0]] * 3), np.full((3, 2), -1.0))
MIXTURE = (np.log([0.25, 0.75]), np.array([[90.0, 1.0], [0.0, 0.0]]), np.zeros((2, 2)))
PIXELS = np.linspace(0.1, 0.9, 2 * 60 * 60).reshape(2, 60, 60, 1)


def far(z):
    return distributions.log_normal(z, 0 * z, 0 * z)


# value of arrays, and the arrays: too large, or too many, for the sums of float16
FUNCTIONS = {
    "squared_euclidean": (distances.squared_euclidean, [300 * np.eye(4)]),
    "euclidean": (distances.euclidean, [300 * np.eye(4)]),
    "cosine": (distances.cosine, [300 * np.eye(4) + 1]),
    "unit": (distances.unit, [np.full((2, 3), 300.0)]),
    "matmul": (distances.matmul, [np.full((2, 3), 300.0), np.full((3, 2), 300.0)]),
    "safe_sqrt": (distances.safe_sqrt, [np.full(3, 2.0)]),
    "mean": (lambda v: masks.mean(v, jnp.ones(v.shape, bool)), [np.ones(70_000)]),
    "moved": (lambda c, z: moved(c, z, jnp.zeros(4, int)), [np.ones((2, 3)), np.full((4, 3), 3e4)]),
    "log_normal": (distributions.log_normal, [*POSTERIOR, POSTERIOR[1]]),
    "log_mixture": (
        lambda z, *parts: distributions.log_mixture(z, Components(*parts)),
        [POSTERIOR[0], *MIXTURE],
    ),
    "sample_mixture": (
        lambda *parts: distributions.sample_mixture(jax.random.key(0), 5, Components(*parts)),
        MIXTURE,
    ),
    "analytic": (kl.analytic, [np.full((3, 2), 300.0), np.zeros((3, 2))]),
    "monte_carlo": (lambda *q: kl.monte_carlo(jax.random.key(0), *q, far), [*POSTERIOR]),
    "unnormalised": (
        lambda m, v, *parts: kl.unnormalised(jax.random.key(0), m, v, Components(*parts)),
        [*POSTERIOR, *MIXTURE],
    ),
    "mse": (losses.mse, [300 * PIXELS, 0 * PIXELS]),
    "bernoulli": (losses.bernoulli, [PIXELS, 300 * PIXELS]),
    "gaussian": (lambda x, r: losses.gaussian(x, r, -9.0), [PIXELS, 0 * PIXELS]),
    "nt_xent": (losses.nt_xent, [300 * np.eye(4), 300 * np.eye(4) + 1]),
    "optimal_gaussian": (losses.optimal_gaussian, [PIXELS, PIXELS + 1e-3]),
}  # fmt: skip


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_narrow_arrays_is_that_of_the_same_values_in_float32(name, dtype):
    function, arrays = FUNCTIONS[name]
    narrow = [jnp.array(array, dtype) for array in arrays]
    result = function(*narrow)
    assert result.dtype == jnp.float32
    assert jnp.isfinite(result).all()
    np.testing.assert_array_equal(result, function(*narrowed(narrow, jnp.float32)))


def test_the_scale_of_adacos_and_the_centres_do_not_become_narrow():
    z, y, w = jnp.eye(3, dtype="float16"), jnp.arange(3), jnp.eye(3, dtype="float16")
    for scale in (jnp.asarray(1.0), jnp.asarray(1.0, "float16")):
        assert jax.eval_shape(losses.adacos, z, y, w, scale)[1].dtype == jnp.float32
    for centres in (w, w.astype(jnp.float32)):
        assert jax.eval_shape(moved, centres, z, y).dtype == jnp.float32


def test_wide_arrays_keep_their_dtype(float64):
    y = jnp.arange(4) % 2
    for dtype in (jnp.float32, jnp.float64):
        z = jnp.eye(4, dtype=dtype)
        assert jax.eval_shape(losses.triplet, z, y).dtype == dtype
        assert jax.eval_shape(distances.cosine, z).dtype == dtype
