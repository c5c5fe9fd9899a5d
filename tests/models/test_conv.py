import re

import jax
import numpy as np
import pytest

from jaxdml.models.conv import make
from jaxdml.types import ModelSpec
from tests.models import oracle

pytestmark = pytest.mark.usefixtures("float64")


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


def test_each_convolution_has_its_own_stride_and_the_decoder_mirrors_them():
    spec = ModelSpec((5, 7, 2), 10, stochastic=False, decoder=True)
    model = make(spec, channels=(3, 4, 2), strides=(1, 3, 2), hidden=(), latent_dim=2)
    x = np.random.default_rng(0).normal(size=(3, 5, 7, 2))
    params, out = jax.jit(lambda key, x: (p := model.init(key), model.apply(p, x, key)))(
        jax.random.key(0), x
    )
    params = jax.tree.map(np.asarray, params)

    h = x
    for i, stride in enumerate([1, 3, 2]):
        layer = params["encoder"][f"Conv_{i}"]
        h = np.maximum(oracle.convolve(h, layer["kernel"], stride) + layer["bias"], 0)
    assert h.shape == (3, 1, 2, 2)
    z = oracle.dense(h, params["encoder"]["MLP_0"]["Dense_0"])
    np.testing.assert_allclose(out.z, z, atol=1e-12)

    h = oracle.dense(z, params["decoder"]["MLP_0"]["Dense_0"]).reshape(3, 1, 2, 2)
    for i, (size, stride) in enumerate([((2, 3), 2), ((5, 7), 3), ((5, 7), 1)]):
        layer = params["decoder"][f"ConvTranspose_{i}"]
        h = oracle.convolve_transposed(np.maximum(h, 0), layer["kernel"], size, stride)
        h = h + layer["bias"]
    np.testing.assert_allclose(out.reconstruction, h, atol=1e-12)


def test_strides_that_all_equal_the_stride_are_the_same_program():
    spec = ModelSpec((9, 8, 1), 10, stochastic=True, decoder=True)
    shared, each = make(spec, stride=3), make(spec, strides=(3, 3))
    params = jax.eval_shape(shared.init, jax.random.key(0))
    x = jax.ShapeDtypeStruct((2, 9, 8, 1), float)
    programs = [jax.make_jaxpr(m.apply)(params, x, jax.random.key(0)) for m in (shared, each)]
    assert str(programs[0]) == str(programs[1])


@pytest.mark.parametrize(
    ("strides", "message"),
    [
        ((1, 2, 1), "strides must hold one stride for each of the 2 channels, as (2, 2) does, but"),
        ((), "strides must hold one stride for each of the 2 channels, as (2, 2) does, but is ()"),
        ((1, 2.0), "but is (1, 2.0)"),
        ("12", "model.strides must be a list like (512, 256), but is '12'"),
    ],
)
def test_strides_that_are_not_one_whole_number_a_channel_are_refused(strides, message):
    spec = ModelSpec((8, 8, 1), 10, stochastic=False, decoder=True)
    with pytest.raises(ValueError, match=re.escape(message)):
        make(spec, strides=strides)


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 4, 3), (27, 31, 1), (224, 224, 3)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"channels": (4, 4, 4, 4, 4), "kernel": 5, "stride": 3},
        {"channels": (32, 64, 64, 128), "strides": (1, 2, 1, 2)},
    ],
)
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
        ("stride", 0),
        ("strides", (1, 0)),
        ("hidden", (0,)),
        ("latent_dim", 0),
    ],
)
def test_what_is_below_one_is_refused(option, value):
    with pytest.raises(ValueError, match=f"{option} must be at least 1 and finite, but is 0"):
        make(ModelSpec((8, 8, 1), 10, stochastic=False, decoder=True), **{option: value})


@pytest.mark.parametrize("kernel", [0, 65, 2**31 - 1])
def test_a_kernel_is_refused_that_would_take_forever_to_compile(kernel):
    with pytest.raises(ValueError, match=f"kernel must lie between 1 and 64, but is {kernel}"):
        make(ModelSpec((8, 8, 1), 10, stochastic=False, decoder=True), kernel=kernel)
