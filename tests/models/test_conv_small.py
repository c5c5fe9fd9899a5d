import jax
import numpy as np
import pytest

from jaxdml.models.conv_small import make
from jaxdml.types import ModelSpec
from tests.models import oracle

pytestmark = pytest.mark.usefixtures("float64")


def leaky(x):
    return np.where(x > 0, x, 0.1 * x)


def test_on_28_pixels_it_is_the_published_network():
    model = make(ModelSpec((28, 28, 1), 10, stochastic=False, decoder=True), latent_dim=2)
    x = np.random.default_rng(0).normal(size=(2, 28, 28, 1))
    params, out = jax.jit(lambda key, x: (p := model.init(key), model.apply(p, x, key)))(
        jax.random.key(0), x
    )
    params, out = jax.tree.map(np.asarray, (params, out))

    h, shapes = x, []
    for i, pool in enumerate([2, 2, 1, 1]):
        layer = params["encoder"][f"Conv_{i}"]
        h = leaky(oracle.convolve(h, layer["kernel"], same=False) + layer["bias"])
        h = oracle.pool(h, pool)
        shapes.append((*layer["kernel"].shape, *h.shape[1:]))
    assert shapes == [
        (3, 3, 1, 8, 13, 13, 8),
        (2, 2, 8, 16, 6, 6, 16),
        (3, 3, 16, 32, 4, 4, 32),
        (3, 3, 32, 64, 2, 2, 64),
    ]
    np.testing.assert_allclose(
        out.z, oracle.dense(h, params["encoder"]["MLP_0"]["Dense_0"]), atol=1e-12
    )

    h = leaky(oracle.dense(out.z, params["decoder"]["MLP_0"]["Dense_0"])).reshape(2, 2, 2, 1)
    kernels = []
    for i, size in enumerate([7, 14, 20, 28]):
        layer = params["decoder"][f"ConvTranspose_{i}"]
        h = oracle.convolve_transposed(h, layer["kernel"], (size, size), same=False)
        h = leaky(h + layer["bias"])
        kernels.append(layer["kernel"].shape)
    assert kernels == [(6, 6, 32, 1), (8, 8, 16, 32), (7, 7, 8, 16), (9, 9, 1, 8)]
    np.testing.assert_allclose(out.reconstruction, h, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 4, 3), (8, 8, 1), (27, 31, 3), (64, 64, 1)])
def test_images_of_other_sizes_come_back_in_their_size(shape):
    model = make(ModelSpec(shape, 10, stochastic=True, decoder=True))
    params = jax.eval_shape(model.init, jax.random.key(0))
    x = jax.ShapeDtypeStruct((2, *shape), float)
    out = jax.eval_shape(model.apply, params, x, jax.random.key(0))
    assert out.reconstruction.shape == (2, *shape)
    assert out.mean.shape == out.logvar.shape == (2, 10)


def test_a_latent_space_without_a_dimension_is_refused():
    with pytest.raises(ValueError, match="latent_dim must be at least 1 and finite, but is 0"):
        make(ModelSpec((8, 8, 1), 10, stochastic=False, decoder=True), latent_dim=0)
