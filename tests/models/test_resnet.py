import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.models.resnet import make
from jaxdml.options import ConfigError
from jaxdml.types import ModelSpec
from tests.models import oracle

TINY = {"widths": (4, 6), "depths": (2, 1), "groups": 4, "latent_dim": 2}


def shaken(params):
    """Scales and shifts that are not all 1 and 0, so that forgetting one shows."""
    leaves, tree = jax.tree.flatten(params)
    random = np.random.default_rng(1)
    return tree.unflatten([leaf + 0.3 * random.normal(size=leaf.shape) for leaf in leaves])


def convolved(x, layer, stride=1):
    return oracle.convolve(x, layer["kernel"], stride) + layer["bias"]


def block(x, layers, stride, groups):
    """By the paper: normalise, convolve, twice; the shortcut is projected where shapes differ."""
    first, second = groups
    h = oracle.norm_relu(x, layers["NormReLU_0"]["GroupNorm_0"], first)
    if "shortcut" in layers:
        x = convolved(h, layers["shortcut"], stride)
    h = convolved(h, layers["Conv_0"], stride)
    h = oracle.norm_relu(h, layers["NormReLU_1"]["GroupNorm_0"], second)
    return x + convolved(h, layers["Conv_1"])


@pytest.mark.usefixtures("float64")
def test_encoder_and_decoder_are_the_chains_of_their_layers():
    spec = ModelSpec((5, 7, 2), 10, stochastic=False, decoder=True)
    model = make(spec, stem_stride=2, **TINY)
    x = np.random.default_rng(0).normal(size=(3, 5, 7, 2))
    params = jax.tree.map(np.asarray, shaken(jax.jit(model.init)(jax.random.key(0))))
    out = jax.jit(model.apply)(params, x, jax.random.key(0))
    assert out.z.dtype == out.reconstruction.dtype == np.float64

    layers = params["encoder"]
    assert layers["stem"]["kernel"].shape == (5, 5, 2, 4)
    h = convolved(x, layers["stem"], 2)
    h = block(h, layers["Block_0"], 1, (4, 4))
    h = block(h, layers["Block_1"], 1, (4, 4))
    h = block(h, layers["Block_2"], 2, (4, 2))  # six channels make two groups, of which four make 4
    assert [name for name in sorted(layers) if "shortcut" in layers[name]] == ["Block_2"]
    assert h.shape == (3, 2, 2, 6)
    h = oracle.norm_relu(h, layers["NormReLU_0"]["GroupNorm_0"], 2)
    pooled = np.array([[h[i, :, :, c].sum() / 4 for c in range(6)] for i in range(3)])
    z = oracle.dense(pooled, layers["MLP_0"]["Dense_0"])
    np.testing.assert_allclose(out.z, z, atol=1e-12)

    layers = params["decoder"]
    h = oracle.dense(z, layers["MLP_0"]["Dense_0"]).reshape(3, 2, 2, 6)
    for i, (size, groups) in enumerate([((3, 4), 2), ((5, 7), 4)]):
        h = oracle.norm_relu(h, layers[f"NormReLU_{i}"]["GroupNorm_0"], groups)
        layer = layers[f"ConvTranspose_{i}"]
        assert layer["kernel"].shape[:2] == (4, 4)
        h = oracle.convolve_transposed(h, layer["kernel"], size, 2) + layer["bias"]
    np.testing.assert_allclose(out.reconstruction, h, atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "stem", "last"),
    [
        ((1, 1, 1), (3, 3, 1, 16), (1, 1)),
        ((28, 28, 1), (3, 3, 1, 16), (7, 7)),
        ((64, 64, 3), (3, 3, 3, 16), (16, 16)),
        ((128, 100, 5), (5, 5, 5, 16), (16, 13)),
        ((224, 224, 3), (9, 9, 3, 16), (14, 14)),
    ],
)
def test_images_of_any_size_come_back_in_it_and_larger_ones_have_a_stronger_stem(shape, stem, last):
    model = make(ModelSpec(shape, 10, stochastic=True, decoder=True))
    params = jax.eval_shape(model.init, jax.random.key(0))
    assert params["encoder"]["stem"]["kernel"].shape == stem
    dense = params["decoder"]["MLP_0"]["Dense_0"]["kernel"]
    assert dense.shape == (10, last[0] * last[1] * 64)
    x = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    out = jax.eval_shape(model.apply, params, x, jax.random.key(0))
    assert out.reconstruction.shape == (2, *shape)
    assert out.mean.shape == out.logvar.shape == (2, 10)


def test_its_defaults_and_the_size_of_a_resnet_18_have_so_many_parameters():
    def count(spec, **options):
        params = jax.eval_shape(make(spec, **options).init, jax.random.key(0))
        return sum(leaf.size for leaf in jax.tree.leaves(params["encoder"]))

    def conv(size, inputs, outputs):
        return size * size * inputs * outputs + outputs

    def blocks(inputs, width, depth):
        projection = conv(1, inputs, width) if inputs != width else 0
        first = 2 * inputs + conv(3, inputs, width) + 2 * width + conv(3, width, width)
        return projection + first + (depth - 1) * (4 * width + 2 * conv(3, width, width))

    small = conv(3, 1, 16) + blocks(16, 16, 1) + blocks(16, 32, 1) + blocks(32, 64, 1)
    spec = ModelSpec((28, 28, 1), 10, stochastic=False, decoder=False)
    assert count(spec) == small + 2 * 64 + 64 * 10 + 10 == 77_898

    widths = (64, 128, 256, 512)
    large = conv(9, 3, 64) + sum(
        blocks(i, width, 2) for i, width in zip((64, *widths), widths, strict=False)
    )
    spec = ModelSpec((224, 224, 3), 10, stochastic=False, decoder=False)
    size = {"widths": widths, "depths": (2, 2, 2, 2), "groups": 32}
    assert count(spec, **size) == large + 2 * 512 + 512 * 10 + 10
    assert 11.1e6 < count(spec, **size) < 11.3e6


@pytest.mark.default_variants("0.0")
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_constant_images_have_finite_values_and_gradients(value):
    model = make(ModelSpec((9, 9, 1), 10, stochastic=True, decoder=True), **TINY)
    params = jax.jit(model.init)(jax.random.key(0))
    x = jnp.full((2, 9, 9, 1), value)

    @jax.jit
    @jax.value_and_grad
    def total(params):
        out = model.apply(params, x, jax.random.key(1))
        return (out.z**2).sum() + (out.reconstruction**2).sum()

    for leaf in jax.tree.leaves(total(params)):
        assert jnp.isfinite(leaf).all()


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_networks_side_by_side_have_the_gradients_that_each_has_alone():
    model = make(ModelSpec((6, 6, 1), 10, stochastic=False, decoder=True), **TINY)
    x = np.random.default_rng(0).normal(size=(3, 6, 6, 1))

    def loss(params):
        out = model.apply(params, x, jax.random.key(1))
        return (out.z**2).sum() + ((out.reconstruction - x) ** 2).sum()

    slope = jax.jit(jax.grad(loss))
    several = jax.jit(jax.vmap(model.init))(jax.random.split(jax.random.key(0), 3))
    together = jax.jit(jax.vmap(jax.grad(loss)))(several)
    for i in range(3):
        alone = slope(jax.tree.map(lambda leaf, i=i: leaf[i], several))
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-9, atol=1e-11),
            together,
            alone,
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": (8, 0, 8)}, "widths must be at least 1 and finite, but is 0"),
        ({"depths": (1, 0, 1)}, "depths must be at least 1 and finite, but is 0"),
        ({"depths": (1, 1)}, "depths must hold one number for each of widths, and at least one, "
         "but depths is (1, 1) and widths is (16, 32, 64)"),
        ({"widths": (), "depths": ()}, "but depths is () and widths is ()"),
        ({"groups": 0}, "groups must be at least 1 and finite, but is 0"),
        ({"stem_stride": 0}, "stem_stride must lie between 1 and 32, but is 0"),
        ({"stem_stride": 1.5}, "model.stem_stride must be a whole number, but is 1.5"),
        ({"stem_kernel": 0}, "stem_kernel must lie between 1 and 65, but is 0"),
        ({"stem_kernel": "3"}, "model.stem_kernel must be a whole number, but is '3'"),
        ({"latent_dim": 0}, "latent_dim must be at least 1 and finite, but is 0"),
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused_in_a_sentence(options, message):
    with pytest.raises((ValueError, ConfigError), match=re.escape(message)):
        make(ModelSpec((8, 8, 1), 10, stochastic=False, decoder=True), **options)
