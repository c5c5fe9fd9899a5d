"""Where pytorch-metric-learning has the same loss, ours agrees with it; needs the `bench` extra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml import losses

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def theirs(z, y, mining, form, power):
    torch = pytest.importorskip("torch")
    pytest.importorskip("pytorch_metric_learning")
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner

    distance = LpDistance(normalize_embeddings=False, power=power)
    loss = TripletMarginLoss(0.3, distance=distance, smooth_loss=form == "softplus")
    miner = {
        "all": None,
        "hard": BatchHardMiner(distance=distance),
        "semihard": TripletMarginMiner(0.3, type_of_triplets="semihard", distance=distance),
    }[mining]
    z, y = torch.tensor(z, requires_grad=True), torch.tensor(y)
    value = loss(z, y, miner(z, y) if miner else None)
    value.backward()
    return value.item(), z.grad.numpy()


@pytest.mark.parametrize("mining", ["all", "semihard", "hard"])
@pytest.mark.parametrize("form", ["hinge", "softplus"])
@pytest.mark.parametrize("power", [1, 2])
def test_triplets_agree_on_fifty_random_batches(mining, form, power, float64):
    ours = jax.jit(
        jax.value_and_grad(
            lambda z, y: losses.triplet(
                z,
                y,
                margin=0.3,
                mining=mining,
                form=form,
                distance="euclidean" if power == 1 else "squared_euclidean",
            )
        )
    )
    for seed in range(50):
        random = np.random.default_rng(seed)
        # in float64, where no triplet is mined or missed by rounding
        z = random.normal(size=(48, 6)) * random.choice([0.1, 1, 3])
        y = random.integers(0, random.integers(2, 9), 48)
        value, slope = ours(jnp.array(z), jnp.array(y, jnp.int32))
        exact, exact_slope = theirs(z, y, mining, form, power)
        np.testing.assert_allclose(value, exact, rtol=1e-5)
        np.testing.assert_allclose(
            slope, exact_slope, rtol=1e-4, atol=1e-4 * abs(exact_slope).max()
        )
