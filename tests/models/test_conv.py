import jax
import numpy as np
import pytest

from jaxdml.models.conv import make
from jaxdml.types import ModelSpec
from tests.models import oracle

pytestmark = pytest.mark.usefixtures("compile_quickly", "float64")


def test_encoder_and_decoder_are_the_chains_of_their_layers():
    spec = ModelSpec((5, 6, 1), 10, stochastic=False, decoder=True)
    model = make(spec, channels=(3, 4), kernel=3, stride=2, hidden=(5,), latent_dim=2)
    x = np.random.default_rng(0).normal(size=(3, 5, 6, 1))
    params, out = jax.jit(lambda key, x: (p := model.init(key), model.apply(p, x, key)))(
        jax.random.key(0), x
    )
    params = jax.tree.map(np.asarray, params)

    h = x
    for i in range(2):
        layer = params["encoder"][f"Conv_{i}"]
        h = np.maximum(oracle.convolve(h, layer["kernel"], 2) + layer["bias"], 0)
    assert h.shape == (3, 2, 2, 4)
    layers = params["encoder"]["MLP_0"]
    z = oracle.dense(np.maximum(oracle.dense(h, layers["Dense_0"]), 0), layers["Dense_1"])
    np.testing.assert_allclose(out.z, z, atol=1e-12)

    layers = params["decoder"]["MLP_0"]
    h = oracle.dense(np.maximum(oracle.dense(z, layers["Dense_0"]), 0), layers["Dense_1"])
    h = h.reshape(3, 2, 2, 4)
    for i, size in enumerate([(3, 3), (5, 6)]):
        layer = params["decoder"][f"ConvTranspose_{i}"]
        h = oracle.convolve_transposed(np.maximum(h, 0), layer["kernel"], size, 2) + layer["bias"]
    np.testing.assert_allclose(out.reconstruction, h, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 4, 3), (27, 31, 1), (224, 224, 3)])
@pytest.mark.parametrize("options", [{}, {"channels": (4, 4, 4, 4, 4), "kernel": 5, "stride": 3}])
def test_images_come_back_in_their_size(shape, options):
    model = make(ModelSpec(shape, 10, stochastic=True, decoder=True), **options)
    params = jax.eval_shape(model.init, jax.random.key(0))
    x = jax.ShapeDtypeStruct((2, *shape), float)
    out = jax.eval_shape(model.apply, params, x, jax.random.key(0))
    assert out.reconstruction.shape == (2, *shape)
    assert out.mean.shape == out.logvar.shape == (2, 10)


def test_its_defaults_have_so_many_parameters():
    model = make(ModelSpec((28, 28, 1), 10, stochastic=False, decoder=True))
    params = jax.eval_shape(model.init, jax.random.key(0))
    convolutions = (9 * 1 * 32 + 32) + (9 * 32 * 64 + 64)
    dense = 49 * 64 * 256 + 256, 256 * 10 + 10
    back = (10 * 256 + 256) + (256 * 49 * 64 + 49 * 64) + (9 * 32 * 64 + 32) + (9 * 32 + 1)
    count = {half: sum(a.size for a in jax.tree.leaves(part)) for half, part in params.items()}
    assert count == {"encoder": convolutions + sum(dense), "decoder": back}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("channels", (8, 0)),
        ("kernel", 0),
        ("stride", 0),
        ("hidden", (0,)),
        ("latent_dim", 0),
    ],
)
def test_what_is_below_one_is_refused(option, value):
    with pytest.raises(ValueError, match=f"{option} must be at least 1 and finite, but is 0"):
        make(ModelSpec((8, 8, 1), 10, stochastic=False, decoder=True), **{option: value})
