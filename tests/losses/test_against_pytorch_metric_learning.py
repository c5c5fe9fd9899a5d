"""Where pytorch-metric-learning has the same loss, ours agrees with it; needs the `bench` extra.

In float64, where no triplet is mined or missed, and no angle passes a threshold, by rounding; the
smooth ones in float32 too.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml import losses

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
DIM, CLASSES = 6, 8


@functools.cache
def theirs():
    """What PyTorch calls: name → (ours, theirs), at matched options."""
    pytest.importorskip("torch")
    pytest.importorskip("pytorch_metric_learning")
    from pytorch_metric_learning import distances, miners
    from pytorch_metric_learning import losses as pml

    raw = distances.LpDistance(normalize_embeddings=False)
    squared = distances.LpDistance(normalize_embeddings=False, power=2)
    unit = distances.LpDistance(normalize_embeddings=True)
    inner = distances.DotProductSimilarity(normalize_embeddings=False)
    cosine = distances.CosineSimilarity()
    linear = functools.partial(losses.contrastive, squared=False)
    pair_by_name = {
        "contrastive": (linear, pml.ContrastiveLoss(0, 1, distance=raw)),
        "contrastive, margin 3": (
            functools.partial(linear, margin=3.0),
            pml.ContrastiveLoss(0, 3, distance=raw),
        ),
        "contrastive, unit": (
            functools.partial(linear, normalize=True),
            pml.ContrastiveLoss(0, 1, distance=unit),
        ),
        "npair": (losses.npair, pml.NPairsLoss(distance=inner)),
        "npair, unit": (
            functools.partial(losses.npair, normalize=True),
            pml.NPairsLoss(distance=distances.DotProductSimilarity()),
        ),
        "supcon": (losses.supcon, pml.SupConLoss(0.1)),
        "supcon, 0.5": (functools.partial(losses.supcon, temperature=0.5), pml.SupConLoss(0.5)),
        "supcon, raw": (
            functools.partial(losses.supcon, temperature=2.0, normalize=False),
            pml.SupConLoss(2.0, distance=inner),
        ),
        "sphereface": (losses.sphereface, pml.SphereFaceLoss(CLASSES, DIM)),
        "sphereface, 3": (
            functools.partial(losses.sphereface, m=3),
            pml.SphereFaceLoss(CLASSES, DIM, margin=3),
        ),
        "cosface": (losses.cosface, pml.CosFaceLoss(CLASSES, DIM)),
        "cosface, 0.2": (
            functools.partial(losses.cosface, margin=0.2, scale=10.0),
            pml.CosFaceLoss(CLASSES, DIM, margin=0.2, scale=10),
        ),
        "normalized_softmax": (
            losses.normalized_softmax,
            pml.NormalizedSoftmaxLoss(CLASSES, DIM, temperature=0.1),
        ),
        "arcface": (losses.arcface, pml.ArcFaceLoss(CLASSES, DIM, margin=np.degrees(0.5))),
        "arcface, 1": (
            functools.partial(losses.arcface, margin=1.0, scale=10.0),
            pml.ArcFaceLoss(CLASSES, DIM, margin=np.degrees(1.0), scale=10),
        ),
    }
    for power, distance in (("euclidean", raw), ("squared_euclidean", squared)):
        mine = {
            "all": None,
            "hard": miners.BatchHardMiner(distance=distance),
            "semihard": miners.TripletMarginMiner(
                0.3, type_of_triplets="semihard", distance=distance
            ),
        }
        for mining, miner in mine.items():
            for form in ("hinge", "softplus"):
                ours = functools.partial(
                    losses.triplet, margin=0.3, mining=mining, form=form, distance=power
                )
                loss = pml.TripletMarginLoss(0.3, distance=distance, smooth_loss=form == "softplus")
                pair_by_name[f"triplet, {mining}, {form}, {power}"] = (ours, mined(loss, miner))
    pair_by_name["triplet, all, cosine"] = (
        functools.partial(losses.triplet, distance="cosine", margin=0.1),
        pml.TripletMarginLoss(0.1, distance=cosine),
    )
    return pair_by_name


def mined(loss, miner):
    return lambda z, y: loss(z, y, miner(z, y) if miner else None)


NAMES = [
    "contrastive", "contrastive, margin 3", "contrastive, unit", "npair", "npair, unit", "supcon",
    "supcon, 0.5", "supcon, raw", "sphereface", "sphereface, 3", "cosface", "cosface, 0.2",
    "normalized_softmax", "arcface", "arcface, 1", "triplet, all, cosine",
    *(
        f"triplet, {mining}, {form}, {distance}"
        for mining in ("all", "semihard", "hard")
        for form in ("hinge", "softplus")
        for distance in ("euclidean", "squared_euclidean")
    ),
]  # fmt: skip
SMOOTH = [
    "contrastive", "npair", "npair, unit", "supcon", "supcon, 0.5", "supcon, raw", "sphereface",
    "cosface", "cosface, 0.2", "normalized_softmax", "arcface",
]  # fmt: skip


def agree(name, dtype):
    import torch

    ours, other = theirs()[name]
    with_weights = hasattr(other, "W")

    def call(z, weights, y):
        return ours(z, y, weights) if with_weights else ours(z, y)

    value_and_slopes = jax.jit(jax.value_and_grad(call, (0, 1)))
    for seed in range(50):
        random = np.random.default_rng(seed)
        z = (random.normal(size=(48, DIM)) * random.choice([0.1, 1, 3])).astype(dtype)
        y = random.integers(0, random.integers(2, CLASSES + 1), 48)
        weights = random.normal(size=(DIM, CLASSES)).astype(dtype)
        value, slopes = value_and_slopes(jnp.array(z), jnp.array(weights), jnp.array(y, jnp.int32))
        tensor = torch.tensor(z, requires_grad=True)
        if with_weights:
            other.W = torch.nn.Parameter(torch.tensor(weights))
        exact = other(tensor, torch.tensor(y))
        exact.backward()
        assert value.dtype == dtype
        np.testing.assert_allclose(value, exact.item(), rtol=1e-5)
        gradients = [tensor.grad, *([other.W.grad] if with_weights else [])]
        for slope, gradient in zip(slopes, gradients, strict=False):
            gradient = gradient.numpy()
            np.testing.assert_allclose(slope, gradient, rtol=1e-4, atol=1e-4 * abs(gradient).max())


@pytest.mark.parametrize("name", NAMES)
def test_fifty_random_batches_agree(name, float64):
    agree(name, np.float64)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_smooth_ones_agree_in_float32(name):
    agree(name, np.float32)


def test_all_that_is_compared_is_named():
    assert set(NAMES) == set(theirs())
