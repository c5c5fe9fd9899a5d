import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdml import losses
from jaxdml.losses.triplet import make
from tests.losses import oracle

OPTIONS = [
    {"mining": mining, "form": form, "distance": distance, "reduction": reduction}
    for mining in ("all", "semihard", "hard")
    for form in ("hinge", "softplus", "abs")
    for distance in ("euclidean", "squared_euclidean", "cosine")
    for reduction in ("mean_nonzero", "mean", "sum")
]


def batch(seed, size=14, dim=3, classes=3):
    random = np.random.default_rng(seed)
    return (
        jnp.array(random.normal(size=(size, dim))),
        jnp.array(random.integers(0, classes, size), jnp.int32),
        jnp.array(random.random(size) < 0.8),
    )


def naive(z, y, labelled, options, margin):
    words = dict(options)
    return oracle.triplet(
        z, y, labelled, margin=margin, distance_kind=words.pop("distance"), **words
    )


@pytest.mark.one_in(3)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o.values()))
def test_it_equals_naive_loops_in_float64(options, float64):
    for seed in range(3):
        z, y, labelled = batch(seed)
        ours = losses.triplet(z, y, labelled=labelled, margin=0.4, **options)
        np.testing.assert_allclose(ours, naive(z, y, labelled, options, 0.4), rtol=1e-12)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("options", OPTIONS[::4], ids=lambda o: "-".join(o.values()))
def test_its_gradient_is_the_slope_of_the_naive_loops(options, float64):
    z, y, labelled = batch(7, size=9)
    margin = 0.4

    def ours(z, margin):
        return losses.triplet(z, y, labelled=labelled, margin=margin, **options)

    by_z, by_margin = jax.grad(ours, argnums=(0, 1))(jnp.array(z), margin)
    step = 1e-6
    direction = np.random.default_rng(1).normal(size=z.shape)
    if options["reduction"] == "mean_nonzero" or options["mining"] == "semihard":
        step = 1e-8  # the number of triplets must not change on the way
    ahead, behind = (naive(z + s * direction, y, labelled, options, margin) for s in (step, -step))
    np.testing.assert_allclose(
        np.sum(by_z * direction), (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-6
    )
    ahead, behind = (naive(z, y, labelled, options, margin + s) for s in (step, -step))
    np.testing.assert_allclose(by_margin, (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-6)


def test_float32_agrees_with_float64_on_a_full_batch():
    z, y, labelled = batch(3, size=128, dim=10, classes=10)
    for mining in ("all", "semihard", "hard"):
        exact = oracle.triplet(z[:40], y[:40], labelled[:40], margin=0.2, mining=mining)
        ours = losses.triplet(
            jnp.array(z[:40], jnp.float32), y[:40], labelled=labelled[:40], mining=mining
        )
        np.testing.assert_allclose(ours, exact, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("compile_fully")
def test_blocks_of_anchors_change_nothing_and_keep_memory_below_the_cube(monkeypatch, float64):
    z, y, labelled = batch(5, size=50)
    f = functools.partial(losses.triplet, mining="all", margin=1.0)
    whole = jax.value_and_grad(f)(z, y, labelled=labelled)
    monkeypatch.setattr(sys.modules["jaxdml.losses.triplet"], "BLOCK", 7 * 50 * 50)
    blocks = jax.value_and_grad(f)(z, y, labelled=labelled)
    np.testing.assert_allclose(whole[0], blocks[0], rtol=1e-12)
    np.testing.assert_allclose(whole[1], blocks[1], rtol=1e-9, atol=1e-12)
    monkeypatch.undo()
    z, y, _ = batch(6, size=512)
    compiled = jax.jit(jax.grad(f)).lower(jnp.array(z, jnp.float32), y).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 4 * 512**3 / 8


@pytest.mark.parametrize("broken", range(4))
def test_a_hard_triplet_that_is_not_finite_is_not_passed_over(broken):
    z = jnp.array([[0.0], [1.0], [0.5], [1.5]]).at[broken].set(jnp.nan)
    assert jnp.isnan(losses.triplet(z, jnp.array([0, 0, 0, 1]), mining="hard"))


def test_the_first_of_the_largest_is_found():
    matrix = np.random.default_rng(0).integers(0, 4, (50, 20)).astype(np.float32)
    matrix[3] = -np.inf
    matrix[4, 7] = np.nan
    largest = sys.modules["jaxdml.losses.triplet"]._largest(jnp.array(matrix))
    np.testing.assert_array_equal(largest, matrix.argmax(axis=1))


def test_a_tie_between_identical_rows_has_one_hardest_pair():
    z = jnp.array([[0.0], [1.0], [1.0], [1.5]])
    slope = jax.grad(lambda z: losses.triplet(z, jnp.array([0, 0, 0, 1]), mining="hard"))(z)
    assert jnp.isfinite(slope).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**16), mining=st.sampled_from(("all", "semihard", "hard")))
def test_the_loss_falls_when_impostors_move_away(seed, mining):
    z, y, _ = batch(seed, size=8, classes=2)
    apart = jnp.array(z) + 100.0 * y[:, None]
    assert losses.triplet(apart, y, mining=mining) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mining": "hardest"}, "mining must be one of all, semihard, hard, but is 'hardest'"),
        ({"form": "relu"}, "form must be one of"),
        ({"distance": "l1"}, "distance must be one of"),
        ({"reduction": "max"}, "reduction must be one of"),
        ({"margin": -1.0}, "margin must be at least 0 and finite, but is -1.0"),
    ],
)
def test_an_option_that_is_not_allowed_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)
    with pytest.raises(ValueError, match=message):
        losses.triplet(jnp.zeros((2, 2)), jnp.array([0, 1]), **options)
