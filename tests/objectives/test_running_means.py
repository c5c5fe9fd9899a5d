"""Running means of classes, and class scores from them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.objectives import running_means
from tests.objectives import oracle

CLASSES, DIM = 4, 3


def batches(count=5, size=7, seed=0):
    """Labelled and unlabelled rows; class 3 is never seen, class 2 in the first batch only."""
    random = np.random.default_rng(seed)
    for number in range(count):
        labels = random.integers(0, 3 if number == 0 else 2, size)
        labels[-1] = -1
        labelled = random.random(size) < 0.7
        labelled[0] = True
        if number == 0:
            labels[0] = 2
        yield random.normal(size=(size, DIM)) + labels[:, None], labels, labelled


@functools.cache
def summed(precise=False):
    """The sums after all batches; `precise`: made in double precision."""
    sums = running_means.empty(CLASSES, DIM)
    for batch in batches():
        sums = jax.jit(running_means.updated)(sums, *map(jnp.asarray, batch))
    return sums


def test_sums_follow_a_naive_loop(float64):
    sums = summed(True)
    total, count = oracle.class_means(batches(), CLASSES, DIM)
    np.testing.assert_allclose(sums.total, total, rtol=1e-12)
    np.testing.assert_allclose(sums.rows, count, rtol=1e-12)
    expected = [total[c] / count[c] if count[c] else np.zeros(DIM) for c in range(CLASSES)]
    np.testing.assert_allclose(sums.means, expected, rtol=1e-12)


def test_a_class_that_a_batch_does_not_hold_keeps_its_mean(float64):
    first = running_means.updated(
        running_means.empty(CLASSES, DIM), *map(jnp.asarray, next(batches()))
    )
    batch = jnp.ones((2, DIM)), jnp.zeros(2, int), jnp.array([True, False])
    after = jax.lax.fori_loop(0, 3000, lambda _, sums: running_means.updated(sums, *batch), first)
    np.testing.assert_allclose(after.means[2], first.means[2], rtol=1e-9)
    np.testing.assert_allclose(after.means[0], jnp.ones(DIM), atol=1e-6)
    assert float(after.rows[0]) == pytest.approx(1 / (1 - running_means.DECAY))


@pytest.mark.parametrize("kind", running_means.SCORES)
@pytest.mark.parametrize("temperature", [0.2, 3.0])
def test_scores_follow_a_naive_loop(kind, temperature, float64):
    z = np.random.default_rng(1).normal(size=(6, DIM))
    result = running_means.class_scores(jnp.asarray(z), summed(True), temperature, kind)
    total, count = oracle.class_means(batches(), CLASSES, DIM)
    expected = oracle.class_scores(z, total, count, temperature, kind)
    np.testing.assert_allclose(result, expected, rtol=1e-10)
    together = jax.jit(
        jax.vmap(lambda t: running_means.class_scores(jnp.asarray(z), summed(True), t, kind))
    )
    np.testing.assert_allclose(together(jnp.array([temperature]))[0], expected, rtol=1e-10)


@pytest.mark.parametrize("kind", running_means.SCORES)
def test_an_unseen_class_has_no_chance(kind):
    z = jax.random.normal(jax.random.key(0), (6, DIM))
    probabilities = jax.nn.softmax(running_means.class_scores(z, summed(), 0.2, kind))
    assert (probabilities[:, 3] == 0).all()
    np.testing.assert_allclose(probabilities[:, :3].sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("kind", running_means.SCORES)
def test_the_length_of_embeddings_changes_no_score(kind, float64):
    z, sums = jax.random.normal(jax.random.key(0), (6, DIM)), summed(True)
    for scale in (1e-6, 1e6):
        scaled = sums._replace(total=sums.total * scale)
        np.testing.assert_allclose(
            running_means.class_scores(z * scale, scaled, kind=kind)[:, :3],
            running_means.class_scores(z, sums, kind=kind)[:, :3],
            rtol=1e-9,
        )


@pytest.mark.parametrize("kind", running_means.SCORES)
@pytest.mark.parametrize(
    "sums",
    [
        running_means.empty(CLASSES, DIM),
        running_means.ClassMeans(jnp.ones((CLASSES, DIM)), jnp.ones(CLASSES)),
        running_means.ClassMeans(jnp.zeros((CLASSES, DIM)), jnp.array([1.0, 0, 0, 0])),
    ],
    ids=["none seen", "all at one point", "one class at the origin"],
)
def test_degenerate_means_give_finite_scores_and_slopes(kind, sums):
    z = jnp.zeros((2, DIM)).at[1].set(1e3)
    result = running_means.class_scores(z, sums, kind=kind)
    assert jnp.isfinite(result).all()
    slope = jax.grad(
        lambda z: jax.nn.log_softmax(running_means.class_scores(z, sums, kind=kind))[:, 0].sum()
    )
    assert jnp.isfinite(slope(z)).all()


def test_an_empty_batch_only_lets_what_was_seen_fade(float64):
    before = summed(True)
    after = running_means.updated(
        before, jnp.zeros((0, DIM)), jnp.zeros(0, int), jnp.zeros(0, bool)
    )
    np.testing.assert_allclose(after.rows, running_means.DECAY * before.rows)
    np.testing.assert_allclose(after.means, before.means)
