"""What every model promises, whatever it is made of."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.models import MODELS
from jaxdml.types import ModelSpec
from tests.third_party import nnx_model

MAKES = {**MODELS, "third-party-nnx": nnx_model.make}
each = pytest.mark.parametrize("name", MAKES)
SHAPE = (7, 5, 3)


def make_model(name, shape=SHAPE, stochastic=True, decoder=True):
    small = {"widths": (8, 16), "depths": (1, 1)} if name == "resnet" else {}
    return MAKES[name](ModelSpec(shape, 10, stochastic, decoder), latent_dim=3, **small)


@functools.cache
def setting(name, shape=SHAPE, stochastic=True):
    model = make_model(name, shape, stochastic)
    x = jax.random.uniform(jax.random.key(1), (4, *shape))
    return model, jax.jit(model.init)(jax.random.key(0)), x


@functools.cache
def encoder(name):
    return jax.jit(setting(name)[0].encode)


@pytest.mark.default_variants(
    "shape0-False-mlp",
    "shape0-False-conv",
    "shape1-True-conv_small",
    "shape1-True-resnet",
    "shape0-False-third-party-nnx",
    "shape1-True-third-party-nnx",
)
@each
@pytest.mark.parametrize(("shape", "stochastic"), [((28, 28, 1), False), ((7, 5, 3), True)])
def test_a_model_takes_images_of_any_size_and_channels(name, shape, stochastic):
    model, params, x = setting(name, shape, stochastic)
    assert set(params) == {"encoder", "decoder"}

    @jax.jit
    def both_ways(params, x):
        out = model.apply(params, x, jax.random.key(2))
        return out, model.encode(params, x), model.decode(params, out.z)

    out, (mean, logvar), decoded = both_ways(params, x)
    assert out.z.shape == out.mean.shape == (4, 3) == (4, model.latent_dim)
    assert out.reconstruction.shape == (4, *shape)
    np.testing.assert_array_equal(mean, out.mean)
    np.testing.assert_array_equal(decoded, out.reconstruction)
    assert (logvar is not None) == (out.logvar is not None) == stochastic
    if stochastic:
        assert (out.z != out.mean).any()
        np.testing.assert_array_equal(logvar, out.logvar)
    else:
        np.testing.assert_array_equal(out.z, out.mean)


@each
def test_without_a_decoder_there_are_no_parameters_for_one(name):
    model = make_model(name, decoder=False)
    params, x = jax.eval_shape(model.init, jax.random.key(0)), jnp.zeros((4, *SHAPE))
    assert set(params) == {"encoder"}
    assert jax.eval_shape(model.apply, params, x, jax.random.key(0)).reconstruction is None


@each
def test_samples_have_the_posterior_s_moments(name):
    model, params, x = setting(name)
    draws = jax.jit(jax.vmap(lambda key: model.apply(params, x, key).z))(
        jax.random.split(jax.random.key(3), 20_000)
    )
    mean, logvar = encoder(name)(params, x)
    std = jnp.exp(0.5 * logvar)
    assert (jnp.abs(draws.mean(axis=0) - mean) < 5 * std / np.sqrt(20_000)).all()
    np.testing.assert_allclose(draws.std(axis=0), std, rtol=0.05)


@pytest.mark.default_variants("mlp", "resnet", "third-party-nnx")
@each
def test_compiled_and_eager_agree_and_a_batch_of_models_is_a_loop(name):
    model, params, x = setting(name)
    key = jax.random.key(2)
    eager = model.apply(params, x, key)
    apply = jax.jit(model.apply)
    compiled = apply(params, x, key)
    keys = jax.random.split(jax.random.key(0), 3)
    several = jax.jit(jax.vmap(model.init))(keys)
    together = jax.jit(jax.vmap(lambda p: model.apply(p, x, key)))(several)
    third = apply(jax.tree.map(lambda leaf: np.asarray(leaf)[2], several), x, key)
    for field in ("z", "mean", "logvar", "reconstruction"):
        np.testing.assert_allclose(
            getattr(compiled, field), getattr(eager, field), rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            getattr(together, field)[2], getattr(third, field), rtol=1e-4, atol=1e-5
        )


@pytest.mark.default_variants("mlp", "conv", "resnet", "third-party-nnx")
@each
def test_rows_do_not_see_each_other_and_gradients_are_finite(name):
    model, params, x = setting(name)
    encode = encoder(name)
    np.testing.assert_allclose(
        encode(params, x[2:3])[0], encode(params, x)[0][2:3], rtol=1e-4, atol=1e-5
    )

    def total(params, x):
        out = model.apply(params, x, jax.random.key(0))
        return out.z.sum() + out.reconstruction.sum()

    slope = jax.jit(jax.grad(total))
    for case in (x, jnp.zeros_like(x), jnp.ones_like(x), x[:1]):
        for leaf in jax.tree.leaves(slope(params, case)):
            assert jnp.isfinite(leaf).all()
