"""Distribution alignment and thresholds of the teacher's labels, against loops over images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.objectives.label_sources import alignment, thresholds

CLASSES, BATCH, STEPS = 4, 6, 5
COUNTS = np.array([5.0, 2.0, 0.0, 1.0])  # nobody labelled class 2
KINDS = pytest.mark.parametrize("kind", alignment.ALIGNMENTS)


def batches(seed=0):
    random = np.random.default_rng(seed)
    valid = random.random((STEPS, BATCH)) < 0.7
    valid[2] = False  # a batch of padding
    return 3 * random.normal(size=(STEPS, BATCH, CLASSES)), valid


def softmax(scores, known_classes):
    powers = [np.exp(s) if k else 0.0 for s, k in zip(scores, known_classes, strict=True)]
    return np.array(powers) / sum(powers)


def running_mean(before, rows, valid, decay):
    rows = [row for row, there in zip(rows, valid, strict=True) if there]
    return decay * before + (1 - decay) * sum(rows) / len(rows) if rows else before


def first_target(kind, counts):
    known_classes = counts > 0
    if kind == "uniform":
        return known_classes / known_classes.sum()
    smoothed = np.array([n + 1 if n else 0.0 for n in counts])
    return smoothed / smoothed.sum()


def aligned_by_loops(kind, counts, scores, valid):
    """The probabilities of every step."""
    known_classes = counts > 0
    predicted, target = known_classes / known_classes.sum(), first_target(kind, counts)
    probabilities = []
    for batch_scores, there in zip(scores, valid, strict=True):
        before = [softmax(row, known_classes) for row in batch_scores]
        after = before
        if kind != "none":
            after = [p * target / np.maximum(predicted, 1e-6) for p in before]
            after = [p / p.sum() for p in after]
            predicted = running_mean(predicted, before, there, 0.99)
            if kind == "running":
                target = running_mean(target, after, there, 0.999)
        probabilities.append(np.array(after))
    return np.array(probabilities)


def aligned(kind, counts, scores, valid):
    def align_batch(shares, batch):
        probabilities, shares = alignment.aligned(kind, shares, *batch)
        return shares, probabilities

    shares = alignment.first_shares(kind, counts)
    return jax.lax.scan(align_batch, shares, (scores, valid))[1]


def test_smoothing_draws_the_shares_of_the_labelled_images_towards_equal_ones():
    shares = alignment.first_shares("labelled", jnp.array([6.0, 2.0, 0.0]), 4.0)
    np.testing.assert_allclose(shares.target, [10 / 16, 6 / 16, 0], rtol=1e-6)


@KINDS
def test_probabilities_are_aligned_as_a_loop_does_it(kind, float64):
    scores, valid = batches()
    result = aligned(kind, jnp.array(COUNTS), jnp.array(scores), jnp.array(valid))
    expected = aligned_by_loops(kind, COUNTS, scores, valid)
    np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(result.sum(axis=-1), 1, rtol=1e-12)
    assert (result[..., 2] == 0).all()


@KINDS
def test_points_side_by_side_are_aligned_as_each_alone(kind, float64):
    scores, valid = batches()
    counts = jnp.array([COUNTS, [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    inputs = jnp.stack([scores, 2 * scores, -scores]), jnp.stack([valid] * 3)
    together = jax.vmap(lambda *point: aligned(kind, *point))(counts, *inputs)
    for i in range(3):
        alone = aligned(kind, counts[i], inputs[0][i], inputs[1][i])
        np.testing.assert_allclose(together[i], alone, rtol=1e-12, atol=1e-14)


def test_a_class_that_is_predicted_too_often_loses_images():
    random = np.random.default_rng(1)
    scores = random.normal(size=(2000, BATCH, 2)) + np.array([1.5, 0.0])  # three quarters are 0
    valid = jnp.ones((2000, BATCH), bool)
    shares = {}
    for kind in ("none", "uniform", "labelled"):
        result = aligned(kind, jnp.array([1.0, 1.0]), jnp.array(scores, jnp.float32), valid)
        shares[kind] = float((result[1000:].argmax(axis=-1) == 0).mean())
    assert shares["none"] > 0.8
    assert shares["uniform"] < 0.65
    assert shares["labelled"] == shares["uniform"]  # as many labels of each


def test_a_running_target_leaves_the_labelled_shares_for_what_images_show():
    random = np.random.default_rng(2)
    truth = random.random((6000, BATCH)) < 0.9  # nine tenths are of class 1
    scores = np.where(truth[..., None], [-6.0, 6.0], [6.0, -6.0])
    shares = alignment.first_shares("running", jnp.array([1.0, 1.0]))
    step = jax.jit(lambda s, x: alignment.aligned("running", s, x, jnp.ones(BATCH, bool))[1])
    for batch_scores in scores:
        shares = step(shares, jnp.array(batch_scores, jnp.float32))
    np.testing.assert_allclose(shares.target, [0.1, 0.9], atol=0.03)


@KINDS
@pytest.mark.parametrize("scale", [0.0, 1e4, 1e30])
def test_extreme_scores_give_probabilities(kind, scale):
    scores = scale * jnp.eye(CLASSES)[jnp.zeros(BATCH, int)]
    shares = alignment.first_shares(kind, jnp.zeros(CLASSES).at[1].set(1.0))
    for valid in (jnp.ones(BATCH, bool), jnp.zeros(BATCH, bool)):
        result, shares = alignment.aligned(kind, shares, scores, valid)
        np.testing.assert_allclose(result.sum(axis=-1), 1, rtol=1e-6)
        assert all(np.isfinite(leaf).all() for leaf in shares)


def test_adaptive_thresholds_are_those_of_the_equations(float64):
    scores, valid = batches(3)
    known_classes = np.ones(CLASSES, bool)
    kept = thresholds.first_confidence(CLASSES)
    mean, by_class = 1 / CLASSES, np.full(CLASSES, 1 / CLASSES)
    for batch_scores, there in zip(scores, valid, strict=True):
        p = np.array([softmax(row, known_classes) for row in batch_scores])
        mean = running_mean(mean, [max(row) for row in p], there, 0.999)
        by_class = running_mean(by_class, p, there, 0.999)
        expected = [mean * by_class[row.argmax()] / max(by_class) for row in p]
        result, kept = thresholds.adaptive_threshold(kept, jnp.array(p), jnp.array(there))
        np.testing.assert_allclose(result, expected, rtol=1e-10)
    np.testing.assert_allclose(kept.by_class.sum(), 1, rtol=1e-12)
