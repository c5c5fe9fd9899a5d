"""Weights of rows, normalisers and soft labels: every formula against naive loops in float64."""

import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml import losses
from jaxdml.losses import METRIC
from jaxdml.losses.classification.center import moved
from jaxdml.objectives.learned import learned
from tests.losses import weighted_oracle as oracle

CLASSES, DIM = 3, 4
SOFT = [
    ("contrastive", {}),
    ("contrastive", {"reduction": "mean", "squared": False}),
    ("contrastive", {"reduction": "sum"}),
    ("triplet", {}),
    ("triplet", {"form": "softplus", "reduction": "mean"}),
    ("triplet", {"mining": "semihard", "margin": 0.8}),
    ("triplet", {"reduction": "sum"}),
    ("supcon", {}),
    ("supcon", {"form": "in", "temperature": 0.5}),
    ("center", {"weight": 0.5}),
]
HARD = [
    ("triplet", {"mining": "hard"}),
    ("triplet", {"mining": "hard", "reduction": "mean", "form": "softplus"}),
    ("triplet", {"mining": "hard", "reduction": "sum"}),
    ("npair", {}),
    ("npair", {"l2": 0.1}),
    ("sphereface", {}),
    ("normalized_softmax", {}),
    ("cosface", {}),
    ("arcface", {}),
    ("adacos", {}),
]


def batch(seed, size=11):
    """Embeddings, certain labels, soft ones, mask, weights of which some are 0."""
    random = np.random.default_rng(seed)
    soft = random.dirichlet(np.full(CLASSES, 0.5), size)
    weights = random.random(size) * (random.random(size) < 0.8)
    labelled = random.random(size) < 0.85
    arrays = random.normal(size=(size, DIM)), random.integers(0, CLASSES, size), soft, labelled
    return *map(jnp.array, arrays), jnp.array(weights)


def naive(name, options, state, z, y, labelled, weights, normalizer):
    z, y, labelled, weights = map(np.asarray, (z, y, labelled, weights))
    p = np.eye(CLASSES)[y] if y.ndim == 1 else y
    w = np.where(labelled, weights, 0)
    n = labelled.astype(float) if normalizer == "rows" else w
    oracle_state = () if name in ("contrastive", "triplet", "npair", "supcon") else state
    return getattr(oracle, name)(z, p, w, n, *oracle_state, **options)


def agree(name, options, kind, normalizer):
    loss = learned(METRIC[name](**options))
    params, extra = loss.init(jax.random.key(1), CLASSES, DIM)
    state = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), (params, extra))
    if name == "center":
        state = state[0], state[1] + jax.random.normal(jax.random.key(2), state[1].shape)

    @jax.jit
    def value(z, y, labelled, weights):
        return loss.value(*state, z, y, labelled=labelled, weights=weights, normalizer=normalizer)

    exact_state = jax.tree.map(np.asarray, state)
    for seed in range(4):
        z, certain, soft, labelled, weights = batch(seed)
        y = soft if kind == "soft" else certain
        result, _ = value(z, y, labelled, weights)
        exact = naive(name, options, exact_state, z, y, labelled, weights, normalizer)
        np.testing.assert_allclose(result, exact, rtol=1e-10)


def named(variant):
    return "-".join((variant[0], *map(str, variant[1].values())))


@pytest.mark.parametrize("normalizer", ["weights", "rows"])
@pytest.mark.parametrize("variant", SOFT + HARD, ids=named)
def test_a_loss_of_weighted_rows_equals_naive_loops(variant, normalizer, float64):
    agree(*variant, "certain", normalizer)


@pytest.mark.parametrize("normalizer", ["weights", "rows"])
@pytest.mark.parametrize("variant", SOFT, ids=named)
def test_a_loss_of_soft_labels_equals_naive_loops(variant, normalizer, float64):
    agree(*variant, "soft", normalizer)


def test_every_loss_has_an_oracle_of_weighted_rows():
    assert {name for name, _ in SOFT + HARD} == set(METRIC)


@pytest.mark.parametrize("options", [{}, {"mining": "semihard", "margin": 0.8}])
@pytest.mark.parametrize("normalizer", ["weights", "rows"])
def test_the_gradient_of_soft_weighted_triplets_is_the_slope_of_the_loops(
    options, normalizer, float64
):
    z, _, soft, labelled, weights = batch(5)
    direction = np.random.default_rng(0).normal(size=z.shape)

    def ours(z):
        return losses.triplet(
            z, soft, labelled=labelled, weights=weights, normalizer=normalizer, **options
        )

    def exact(step):
        moved = z + step * direction
        return naive("triplet", options, (), moved, soft, labelled, weights, normalizer)

    slope = np.sum(jax.jit(jax.grad(ours))(z) * direction)
    np.testing.assert_allclose(slope, (exact(1e-6) - exact(-1e-6)) / 2e-6, rtol=1e-5)


def test_centres_move_by_the_weights_of_rows_and_of_classes(float64):
    centres = jnp.array(np.random.default_rng(9).normal(size=(CLASSES, DIM)))
    for seed in range(2):
        z, certain, soft, labelled, weights = batch(seed)
        for y, p in ((certain, jnp.eye(CLASSES)[certain]), (soft, soft)):
            result = moved(centres, z, y, labelled=labelled, weights=weights)
            w = np.where(labelled, weights, 0)
            exact = oracle.moved(np.asarray(z), np.asarray(p), w, np.asarray(centres))
            np.testing.assert_allclose(result, exact, rtol=1e-12)


def test_the_scale_of_adacos_is_that_of_weighted_statistics(float64):
    w = jnp.array(np.random.default_rng(8).normal(size=(DIM, CLASSES)))
    scale = jnp.asarray(2.0)
    for normalizer in ("weights", "rows"):
        adacos = jax.jit(functools.partial(losses.adacos, normalizer=normalizer))
        for seed in range(3):
            z, y, _, labelled, weights = batch(seed)
            _, result = adacos(z, y, w, scale, labelled=labelled, weights=weights)
            certain = np.where(labelled, weights, 0)
            exact = oracle.adapted(*map(np.asarray, (z, jnp.eye(CLASSES)[y], certain, w)), 2.0)
            np.testing.assert_allclose(result, exact, rtol=1e-12)


def test_blocks_of_anchors_change_nothing_for_weighted_triplets(monkeypatch, float64):
    z, _, soft, labelled, weights = batch(3, size=20)
    options = {"labelled": labelled, "weights": weights, "normalizer": "rows"}
    whole = jax.jit(lambda z: losses.triplet(z, soft, **options))(z)
    monkeypatch.setattr(sys.modules["jaxdml.losses.triplet"], "BLOCK", 3 * 20 * 20)
    blocks = jax.jit(lambda z: losses.triplet(z, soft, **options))(z)
    np.testing.assert_allclose(blocks, whole, rtol=1e-12)
