"""What every metric loss promises, whoever wrote it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdml.losses import METRIC
from jaxdml.losses.triplet import make as triplet
from jaxdml.options import defaults
from tests.third_party import spring

NAMES = ("mining", "form", "distance")
LOSSES = {
    **{name: make() for name, make in METRIC.items()},
    **{
        "-".join(("triplet", *options)): triplet(**dict(zip(NAMES, options, strict=True)))
        for options in (
            ("semihard", "hinge", "euclidean"),
            ("hard", "hinge", "euclidean"),
            ("all", "softplus", "cosine"),
            ("hard", "softplus", "cosine"),
            ("all", "abs", "euclidean"),
        )
    },
    "third-party": spring.make(),
}
each = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def batch(seed, size=12, dim=4, classes=3):
    z, y, keep = jax.random.split(jax.random.key(seed), 3)
    return (
        jax.random.normal(z, (size, dim)),
        jax.random.randint(y, (size,), 0, classes),
        jax.random.bernoulli(keep, 0.7, (size,)),
    )


def value_and_gradient(loss, z, y, labelled):
    return jax.value_and_grad(lambda z: loss(z, y, labelled=labelled))(z)


@each
def test_compiled_and_eager_agree(loss):
    z, y, labelled = batch(0)
    eager = loss(z, y, labelled=labelled)
    compiled = jax.jit(lambda z, y, keep: loss(z, y, labelled=keep))(z, y, labelled)
    np.testing.assert_allclose(eager, compiled, rtol=1e-5, atol=1e-7)
    assert eager.shape == ()


@each
def test_a_batch_of_batches_equals_a_loop(loss):
    z, y, labelled = (jnp.stack(parts) for parts in zip(*map(batch, range(4)), strict=True))
    both = jax.vmap(lambda z, y, keep: value_and_gradient(loss, z, y, keep))(z, y, labelled)
    for i in range(4):
        alone = value_and_gradient(loss, z[i], y[i], labelled[i])
        np.testing.assert_allclose(both[0][i], alone[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(both[1][i], alone[1], rtol=1e-4, atol=1e-6)


@each
def test_value_and_gradient_are_finite_on_degenerate_batches(loss):
    z, y, everything = *batch(1)[:2], jnp.ones(12, bool)
    one = jnp.arange(12) == 3
    cases = {
        "no labelled rows": (z, y, ~everything),
        "one row": (z, y, one),
        "one class": (z, jnp.zeros_like(y), everything),
        "all distinct": (z, jnp.arange(12), everything),
        "identical": (jnp.ones_like(z), y, everything),
        "zero": (jnp.zeros_like(z), y, everything),
        "duplicates": (z[jnp.arange(12) // 2], y[jnp.arange(12) // 2], everything),
    }
    for name, case in cases.items():
        value, gradient = value_and_gradient(loss, *case)
        assert jnp.isfinite(value), name
        assert jnp.isfinite(gradient).all(), name


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "third-party"])
def test_value_and_gradient_are_finite_for_entries_of_1e15(name):
    z, y, _ = batch(1)
    for case in (1e15 * jnp.sign(z), 1e15 * z / jnp.abs(z).max()):
        value, gradient = value_and_gradient(LOSSES[name], case, y, None)
        assert jnp.isfinite(value)
        assert jnp.isfinite(gradient).all()


@each
def test_with_nothing_to_compare_the_value_is_exactly_zero(loss):
    z, y, _ = batch(2)
    value, gradient = value_and_gradient(loss, z, y, jnp.zeros(12, bool))
    assert value == 0
    assert not gradient.any()


@each
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_unlabelled_rows_change_nothing_whatever_they_say(loss, seed):
    z, y, labelled = batch(seed % 97)
    other_z, other_y, _ = batch(100 + seed % 89)
    changed_z = jnp.where(labelled[:, None], z, 50 * other_z)
    changed_y = jnp.where(labelled, y, other_y - seed % 5)
    value, gradient = value_and_gradient(loss, z, y, labelled)
    changed_value, changed_gradient = value_and_gradient(loss, changed_z, changed_y, labelled)
    np.testing.assert_allclose(value, changed_value, rtol=1e-6)
    np.testing.assert_allclose(gradient, changed_gradient, rtol=1e-5, atol=1e-7)
    assert not gradient[~labelled].any()


@each
def test_the_order_of_rows_changes_nothing(loss):
    z, y, labelled = batch(4)
    order = jax.random.permutation(jax.random.key(0), 12)
    np.testing.assert_allclose(
        loss(z, y, labelled=labelled),
        loss(z[order], y[order], labelled=labelled[order]),
        rtol=1e-5,
        atol=1e-7,
    )


@pytest.mark.parametrize("make", [*METRIC.values(), spring.make], ids=[*METRIC, "third-party"])
def test_its_numbers_may_be_traced(make):
    z, y, labelled = batch(5)
    numbers = {name: value for name, value in defaults(make).items() if isinstance(value, float)}
    traced = jax.jit(lambda numbers: make(**numbers)(z, y, labelled=labelled))(numbers)
    np.testing.assert_allclose(traced, make()(z, y, labelled=labelled), rtol=1e-5)
