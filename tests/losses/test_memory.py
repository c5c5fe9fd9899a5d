"""Values and gradients hold no array of B² D entries: read from the compiled programs."""

import jax
import jax.numpy as jnp
import pytest

from jaxdml.distances import BLOCK, DISTANCES
from jaxdml.losses import METRIC, nt_xent
from jaxdml.objectives.learned import learned

pytestmark = pytest.mark.usefixtures("compile_fully")
BATCH, DIM = 1024, 256
SQUARE = 4 * BATCH**2  # bytes of one [B, B]; of one [B, B, D] it would be 1 GiB
VARIANTS = [
    *((name, {}) for name in METRIC),
    ("contrastive", {"squared": False, "normalize": True}),
    ("contrastive", {"distance": "cosine"}),
    ("triplet", {"mining": "semihard"}),
    ("triplet", {"mining": "hard"}),
    ("triplet", {"mining": "hard", "distance": "squared_euclidean"}),
    ("triplet", {"mining": "hard", "distance": "cosine"}),
]
EMBEDDINGS = jax.ShapeDtypeStruct((BATCH, DIM), jnp.float32)


def temporaries(function, *arguments):
    return jax.jit(function).lower(*arguments).compile().memory_analysis().temp_size_in_bytes


@pytest.mark.one_in(5)
@pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda v: "-".join((v[0], *map(str, v[1].values())))
)
@pytest.mark.parametrize("gradient", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_loss_and_its_gradient_take_memory_for_pairs_and_a_block_only(variant, gradient):
    name, options = variant
    loss = learned(METRIC[name](**options))
    state = jax.eval_shape(lambda key: loss.init(key, 10, DIM), jax.random.key(0))
    labels = jax.ShapeDtypeStruct((BATCH,), jnp.int32)
    labelled = jax.ShapeDtypeStruct((BATCH,), jnp.bool)

    def value(z, params, extra, y, labelled):
        return loss.value(params, extra, z, y, labelled=labelled)[0]

    function = jax.value_and_grad(value, (0, 1)) if gradient else value
    used = temporaries(function, EMBEDDINGS, *state, labels, labelled)
    assert used < 8 * SQUARE + 4 * 4 * BLOCK


def test_two_views_take_memory_for_pairs_only():
    valid = jax.ShapeDtypeStruct((BATCH,), jnp.bool)

    def value(first, second, valid):
        return nt_xent(first, second, valid=valid)

    for function in (value, jax.value_and_grad(value, (0, 1))):
        assert temporaries(function, EMBEDDINGS, EMBEDDINGS, valid) < 4 * 4 * SQUARE


@pytest.mark.slow
@pytest.mark.parametrize("normalizer", ["weights", "rows"])
@pytest.mark.parametrize("name", ["contrastive", "triplet", "supcon", "center"])
def test_weights_and_soft_labels_take_memory_for_pairs_and_a_block_only(name, normalizer):
    loss = learned(METRIC[name]())
    state = jax.eval_shape(lambda key: loss.init(key, BATCH, DIM), jax.random.key(0))
    labels = jax.ShapeDtypeStruct((BATCH, BATCH), jnp.float32)  # as many classes as rows
    weights = jax.ShapeDtypeStruct((BATCH,), jnp.float32)
    labelled = jax.ShapeDtypeStruct((BATCH,), jnp.bool)

    def value(z, params, extra, y, labelled, weights):
        options = {"labelled": labelled, "weights": weights, "normalizer": normalizer}
        return loss.value(params, extra, z, y, **options)[0]

    for function in (value, jax.value_and_grad(value, (0, 1))):
        used = temporaries(function, EMBEDDINGS, *state, labels, labelled, weights)
        assert used < 16 * SQUARE + 4 * 4 * BLOCK


@pytest.mark.slow
@pytest.mark.parametrize("name", DISTANCES)
def test_a_distance_and_its_gradient_take_memory_for_pairs_and_a_block_only(name):
    distance = DISTANCES[name]

    def total(x):
        return jnp.sum(distance(x) ** 2)

    for function in (distance, jax.grad(total)):
        assert temporaries(function, EMBEDDINGS) < 3 * SQUARE + 4 * BLOCK
