import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.options import ConfigError
from jaxdml.priors import hypercube, sphere, vamp


def energy(points):
    return sum(1 / math.dist(a, b) for a, b in itertools.combinations(points, 2))


@pytest.mark.parametrize(
    ("count", "least_energy"),
    # Thomson's problem on the usual sphere: octahedron, square antiprism, icosahedron
    [(6, 9.985281374), (8, 19.675287861), (12, 49.165253058)],
)
def test_points_on_the_sphere_reach_the_known_least_energy(count, least_energy):
    points = sphere.directions(count, 3)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)
    np.testing.assert_allclose(energy(points), least_energy, rtol=1e-8)


def test_ten_points_on_a_circle_are_a_decagon():
    angles = np.sort(np.arctan2(*sphere.directions(10, 2).T))
    np.testing.assert_allclose(np.diff(angles), 2 * math.pi / 10, atol=1e-4)


@pytest.mark.parametrize(("count", "dim"), [(2, 1), (2, 3), (5, 4), (10, 9), (10, 12), (1, 3)])
def test_up_to_one_more_than_the_dimensions_are_a_simplex(count, dim):
    points = sphere.directions(count, dim)
    expected = np.full((count, count), -1 / max(count - 1, 1))
    np.fill_diagonal(expected, 1)
    np.testing.assert_allclose(points @ points.T, expected, atol=1e-12)


def test_a_line_has_two_directions_only():
    with pytest.raises(ValueError, match="components must be at most 2 where latent_dim is 1"):
        sphere.make(1, 10)


def test_an_axis_of_the_hypercube_has_two_modes_only_below_a_width_of_one():
    axis = jnp.linspace(-3, 3, 601)[:, None]
    for std, modes in ((0.3, 2), (0.5, 2), (0.99, 2), (1.0, 1), (math.sqrt(math.e), 1)):
        with jax.enable_x64(True):
            line = jnp.asarray(axis, float)
            density = hypercube.make(1, 10, component_std=std).log_prob({}, line, None)
        slope = np.diff(density)
        assert ((slope[:-1] > 0) & (slope[1:] <= 0)).sum() == modes, std


def test_the_hypercube_costs_no_more_than_its_axes_and_lists_few_corners_only():
    prior = hypercube.make(100, 10)  # 2¹⁰⁰ components
    assert jnp.isfinite(prior.log_prob({}, jnp.ones((2, 100)), None)).all()
    assert prior.sample({}, jax.random.key(0), 3, None).shape == (3, 100)
    with pytest.raises(ConfigError, match="has 2\\^100 components"):
        prior.components({}, None)


def test_pseudo_inputs_begin_as_training_images_or_as_noise():
    images = jnp.arange(8.0).reshape(4, 2, 1, 1) / 8

    def examples(key, count):
        return images[:count]

    data = vamp.make(2, 10, pseudo_inputs=3).init(jax.random.key(0), examples)
    np.testing.assert_array_equal(data["pseudo_inputs"], images[:3])
    noise = vamp.make(2, 10, pseudo_inputs=3, initial="noise").init(jax.random.key(0), examples)
    assert noise["pseudo_inputs"].shape == (3, 2, 1, 1)
    assert 0 <= noise["pseudo_inputs"].min() < noise["pseudo_inputs"].max() <= 1


def test_pseudo_inputs_are_seen_within_zero_and_one_and_come_back_from_outside():
    prior = vamp.make(1, 10, pseudo_inputs=2)
    inputs = []

    def encode(x):
        inputs.append(x)
        return x.reshape(2, -1)[:, :1], jnp.zeros((2, 1))

    outside = {"pseudo_inputs": jnp.array([-0.5, 2.0]).reshape(2, 1, 1, 1)}
    prior.components(outside, encode)
    assert inputs[0].ravel().tolist() == [0.0, 1.0]
    inwards = jax.grad(lambda p: jnp.sum((vamp.bounded(p) - 0.5) ** 2))(jnp.array([-0.5, 2.0]))
    assert inwards.tolist() == [-1.0, 1.0]  # descent leads back


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hypercube.make(2, 10, component_std=0.0), "component_std must be at least"),
        (lambda: sphere.make(2, 10, components=0), "components must be at least 1"),
        (lambda: vamp.make(2, 10, pseudo_inputs=0), "pseudo_inputs must be at least 1"),
        (lambda: vamp.make(2, 10, initial="mean"), "initial must be one of data, noise"),
    ],
)
def test_what_is_not_allowed_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
