"""Group normalisation and its gradient, against Flax's layer and against float64 loops."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.models.normalisation import GroupNorm, norm_relu

GROUPS, CHANNELS = 3, 6


@pytest.fixture
def drawn():
    """Images, what their gradient is multiplied by, scales and shifts, some of them negative."""
    random = np.random.default_rng(0)
    x, slope = random.normal(2.0, 3.0, size=(2, 4, 3, 5, CHANNELS))
    return x, slope, random.normal(size=CHANNELS), random.normal(size=CHANNELS)


def in_loops(x, scale, shift):
    out = np.empty_like(x)
    size = CHANNELS // GROUPS
    for image in range(len(x)):
        for group in range(GROUPS):
            part = slice(group * size, (group + 1) * size)
            numbers = x[image, ..., part]
            normal = (numbers - numbers.mean()) / np.sqrt(numbers.var() + 1e-5)
            out[image, ..., part] = np.maximum(normal * scale[part] + shift[part], 0)
    return out


def test_the_value_is_that_of_loops(drawn, float64):
    x, _, scale, shift = drawn
    out = norm_relu(jnp.array(x), scale, shift, GROUPS)
    np.testing.assert_allclose(out, in_loops(x, scale, shift), rtol=1e-12, atol=1e-12)


def test_the_gradient_is_that_of_differences(drawn, float64):
    x, slope, scale, shift = drawn

    def total(x, scale, shift):
        return (slope * in_loops(x, scale, shift)).sum()

    found = jax.grad(lambda *a: (slope * norm_relu(*a, GROUPS)).sum(), argnums=(0, 1, 2))(
        jnp.array(x), jnp.array(scale), jnp.array(shift)
    )
    step = 1e-6
    for number, by in enumerate(found):
        for place in list(np.ndindex(*by.shape))[:: max(1, by.size // 40)]:
            moved = []
            for sign in (1, -1):
                arrays = [np.array(a) for a in (x, scale, shift)]
                arrays[number][place] += sign * step
                moved.append(total(*arrays))
            assert by[place] == pytest.approx((moved[0] - moved[1]) / (2 * step), abs=1e-6)


def test_value_gradients_and_parameters_are_those_of_flax(drawn):
    x, slope, scale, shift = (jnp.array(a, jnp.float32) for a in drawn)
    theirs = nn.GroupNorm(GROUPS, epsilon=1e-5, use_fast_variance=False)
    ours = GroupNorm(GROUPS)
    names = jax.tree.structure(theirs.init(jax.random.key(0), x))
    assert jax.tree.structure(ours.init(jax.random.key(0), x)) == names
    params = {"params": {"scale": scale, "bias": shift}}

    def of(apply):
        return jax.value_and_grad(lambda p, x: (slope * apply(p, x)).sum(), argnums=(0, 1))(
            params, x
        )

    for one, other in zip(
        jax.tree.leaves(of(ours.apply)),
        jax.tree.leaves(of(lambda p, x: nn.relu(theirs.apply(p, x)))),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_an_image_of_one_value_is_shifted_only_and_has_a_finite_gradient():
    x = jnp.full((1, 2, 2, 2), 7.0)
    value, slope = jax.value_and_grad(lambda x: norm_relu(x, jnp.ones(2), jnp.ones(2), 1).sum())(x)
    assert value == 8
    assert jnp.isfinite(slope).all()


def test_of_many_points_each_has_its_own(drawn):
    x, _, scale, shift = (jnp.array(a, jnp.float32) for a in drawn)
    scales = jnp.stack([scale, -scale])
    many = jax.vmap(norm_relu, in_axes=(None, 0, None, None))(x, scales, shift, GROUPS)
    for out, own in zip(many, scales, strict=True):
        np.testing.assert_allclose(out, norm_relu(x, own, shift, GROUPS), rtol=1e-5, atol=1e-6)
