"""What losses keep from step to step, by loops."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdml import losses
from jaxdml.losses.classification.adacos import first_scale
from jaxdml.losses.classification.center import moved
from tests.losses import oracle


def batch(seed, size=14, classes=4):
    random = np.random.default_rng(seed)
    z, labelled = random.normal(size=(size, 3)), random.random(size) < 0.7
    return z, random.integers(0, classes, size), labelled, random.normal(size=(classes, 3))


def test_centres_move_as_in_loops(float64):
    for seed in range(4):
        z, y, labelled, centres = batch(seed)
        for rate in (0.0, 0.5, 1.0):
            result = moved(
                jnp.array(centres), jnp.array(z), jnp.array(y), labelled=jnp.array(labelled),
                centre_rate=rate,
            )  # fmt: skip
            exact = oracle.moved_centres(z, y, labelled, centres, rate=rate)
            np.testing.assert_allclose(result, exact, rtol=1e-12)


def test_repeated_steps_bring_centres_to_the_means_of_their_classes():
    z, y, labelled, centres = (jnp.array(part) for part in batch(0))
    for _ in range(60):
        centres = moved(centres, z, y, labelled=labelled)
    for c in range(4):
        mine = z[labelled & (y == c)]
        np.testing.assert_allclose(centres[c], mine.mean(axis=0), atol=1e-4)


def test_the_scale_of_adacos_is_that_of_loops_and_has_no_gradient(float64):
    adacos = jax.jit(losses.adacos)
    slope = jax.jit(jax.grad(lambda z, s, *rest: losses.adacos(z, *rest, s)[1]))
    scale = first_scale(4)
    np.testing.assert_allclose(scale, np.sqrt(2) * np.log(3))
    for seed in range(4):
        z, y, labelled, weights = batch(seed)
        arrays = jnp.array(z), jnp.array(y), jnp.array(weights.T)
        _, result = adacos(*arrays, jnp.asarray(scale), labelled=jnp.array(labelled))
        _, exact = oracle.adacos(z, y, labelled, weights.T, scale)
        np.testing.assert_allclose(result, exact, rtol=1e-12)
        assert not slope(arrays[0], jnp.asarray(scale), *arrays[1:]).any()
        scale = exact


def test_the_scale_of_adacos_stays_bounded_with_many_classes_in_two_dimensions():
    angles = jnp.arange(10) * 2 * jnp.pi / 10
    corners = jnp.stack([jnp.cos(angles), jnp.sin(angles)])
    scale, scales = jnp.asarray(first_scale(10)), []
    adacos = jax.jit(losses.adacos)
    for _ in range(60):  # each embedding lies at the corner after the next
        loss, scale = adacos(jnp.roll(corners.T, 2, axis=0), jnp.arange(10), corners, scale)
        scales.append(float(scale))
        assert jnp.isfinite(loss)
    assert max(scales) == 64
    three = jnp.eye(3) - 1 / 3  # a simplex: from a large scale the paper's rule turns negative
    assert losses.adacos(three, jnp.arange(3), three, jnp.asarray(50.0))[1] == 0
