import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.models import MODELS
from jaxdml.models.mlp import make
from jaxdml.types import ModelSpec


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (8, 8, 1), (7, 5, 3)])
@pytest.mark.parametrize("stochastic", [False, True])
def test_a_model_takes_images_of_any_size_and_channels(name, shape, stochastic):
    model = MODELS[name](ModelSpec(shape, 10, stochastic, decoder=True), latent_dim=3)
    params = model.init(jax.random.key(0))
    x = jax.random.uniform(jax.random.key(1), (4, *shape))
    out = model.apply(params, x, jax.random.key(2))
    assert out.z.shape == out.mean.shape == (4, 3)
    assert (out.logvar is not None) == stochastic
    assert out.reconstruction.shape == (4, *shape)
    mean, logvar = model.encode(params, x)
    np.testing.assert_array_equal(mean, out.mean)
    np.testing.assert_array_equal(model.decode(params, out.z), out.reconstruction)
    if stochastic:
        assert (out.z != out.mean).any()
        np.testing.assert_array_equal(logvar, out.logvar)
    else:
        np.testing.assert_array_equal(out.z, out.mean)


def test_without_a_decoder_there_are_no_parameters_for_one():
    model = make(ModelSpec((8, 8, 1), 10, stochastic=False, decoder=False))
    params = model.init(jax.random.key(0))
    assert set(params) == {"encoder"}
    out = model.apply(params, jnp.ones((2, 8, 8, 1)), jax.random.key(0))
    assert out.reconstruction is None


def test_it_is_the_chain_of_its_layers():
    model = make(ModelSpec((2, 3, 1), 10, stochastic=False, decoder=True), hidden=(5, 4))
    params = model.init(jax.random.key(0))
    x = jax.random.uniform(jax.random.key(1), (3, 2, 3, 1))
    h = np.asarray(x).reshape(3, 6)
    layers = [params["encoder"][f"Dense_{i}"] for i in range(3)]
    for i, layer in enumerate(layers):
        h = h @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])
        h = h if i == 2 else np.maximum(h, 0)
    np.testing.assert_allclose(model.encode(params, x)[0], h, rtol=1e-5, atol=1e-6)
    widths = [params["decoder"][f"Dense_{i}"]["kernel"].shape for i in range(3)]
    assert widths == [(10, 4), (4, 5), (5, 6)]


@pytest.mark.parametrize("options", [{"hidden": (0,)}, {"latent_dim": 0}])
def test_a_width_below_one_is_refused(options):
    with pytest.raises(ValueError, match="must be at least 1 and finite, but is 0"):
        make(ModelSpec((8, 8, 1), 10, stochastic=False, decoder=True), **options)
