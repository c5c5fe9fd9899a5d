"""In bfloat16 the products of a network read bfloat16, and everything else is float32."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend import core

from jaxdml.models import MODELS
from jaxdml.models.base import model, of_modules
from jaxdml.models.layers import convolve, convolve_transposed, product
from jaxdml.types import ModelSpec

SHAPE = (12, 10, 2)
SMALL = {"resnet": {"widths": (8, 16), "depths": (1, 1)}, "mlp": {"hidden": (32, 16)}}
PRODUCTS = ("dot_general", "conv_general_dilated")
each = pytest.mark.parametrize("name", MODELS)


def make_model(name, dtype):
    spec = ModelSpec(SHAPE, 10, stochastic=True, decoder=True, dtype=dtype)
    return MODELS[name](spec, latent_dim=3, **SMALL.get(name, {}))


def loss_of(made, x):
    def loss(params):
        out = made.apply(params, x, jax.random.key(1))
        kl = (out.mean**2 + jnp.exp(out.logvar) - out.logvar).sum()
        return ((out.reconstruction - x) ** 2).sum() + kl, out

    return loss


@functools.cache
def images():
    """Images of flat blocks, which differ more than noise does."""
    height, width, channels = SHAPE
    coarse = np.random.default_rng(0).random((8, height // 4, width // 5, channels))
    return jnp.asarray(np.kron(coarse, np.ones((1, 4, 5, 1))), jnp.float32)


def equations(jaxpr):
    """All equations of a program, those of the functions that it calls too."""
    for equation in jaxpr.eqns:
        yield equation
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                if isinstance(inner, core.ClosedJaxpr):
                    yield from equations(inner.jaxpr)
                elif isinstance(inner, core.Jaxpr):
                    yield from equations(inner)


def types(variables):
    return {str(v.aval.dtype) for v in variables if hasattr(v.aval, "dtype")}


@functools.cache
def training_program(name, dtype):
    """The equations of a loss, its gradient and what a model gives; types of what comes out."""
    made = make_model(name, dtype)
    params = jax.eval_shape(made.init, jax.random.key(0))
    run = jax.value_and_grad(loss_of(made, images()), has_aux=True)
    program = jax.make_jaxpr(run)(params).jaxpr
    return list(equations(program)), types([*program.invars, *program.outvars])


@each
def test_every_product_forward_and_backward_reads_bfloat16_and_sums_in_float32(name):
    products, in_float32 = (
        [e for e in training_program(name, dtype)[0] if e.primitive.name in PRODUCTS]
        for dtype in ("bfloat16", None)
    )
    for equation in products:
        assert types(equation.invars) == {"bfloat16"}
        assert types(equation.outvars) == {"float32"}
    # the slope of the images is one more, which the compiler drops
    assert len(products) - 1 == len(in_float32) >= 10


@each
def test_without_it_nothing_of_the_program_is_bfloat16(name):
    for equation in training_program(name, None)[0]:
        assert "bfloat16" not in types([*equation.invars, *equation.outvars])


@each
def test_what_lies_between_layers_is_bfloat16_and_statistics_are_not(name):
    """Of ReLUs, one may be the decoder's last layer, whose values leave the network."""
    program = training_program(name, "bfloat16")[0]
    named = [e for e in program if e.params.get("name") in ("relu", "leaky_relu")]
    read = [types(e.invars[:1]) for e in named if e.invars[0].aval.ndim > 1]
    assert read.count({"bfloat16"}) >= 2
    left = [kind for kind in read if kind != {"bfloat16"}]
    assert len(left) <= (name == "conv_small") * 2  # it and its slope
    for equation in program:
        if equation.primitive.name in ("rsqrt", "exp", "log", "square", "integer_pow"):
            assert "bfloat16" not in types(equation.invars), equation


@each
def test_parameters_their_gradients_and_what_leaves_a_model_are_float32(name):
    assert training_program(name, "bfloat16")[1] == {"float32"}


@pytest.mark.default_variants("mlp", "conv")
@each
def test_the_gradient_is_close_to_that_in_float32(name):
    """Of `resnet` the cosine is 0.996; in float32, of rounded parameters and images, 0.997."""
    params = jax.jit(make_model(name, None).init)(jax.random.key(0))
    narrow, wide = (
        jax.jit(jax.grad(loss_of(make_model(name, dtype), images()), has_aux=True))(params)[0]
        for dtype in ("bfloat16", None)
    )
    for half in ("encoder", "decoder"):
        a, b = (
            np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree[half])])
            for tree in (narrow, wide)
        )
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        assert 0.99 < cosine < 1 - 1e-7  # and it is another one
        assert 0.97 < np.linalg.norm(a) / np.linalg.norm(b) < 1.03


def test_products_and_their_gradients_are_those_of_rounded_factors():
    """In float64, of factors and slopes that are rounded to eight bits."""
    random = np.random.default_rng(0)
    x, matrix, slope = (random.normal(size=shape).astype("f") for shape in ((5, 7), (7, 4), (5, 4)))

    def narrow(array):
        return np.asarray(jnp.asarray(array, jnp.bfloat16)).astype(np.float64)

    a, b, c = narrow(x), narrow(matrix), narrow(slope)
    for axis, given in ((0, matrix), (1, matrix.T)):
        out, back = jax.vjp(lambda x, m, axis=axis: product(x, m, "bfloat16", axis), x, given)
        by_x, by_matrix = back(jnp.asarray(slope))
        expected = a.T @ c if axis == 0 else (a.T @ c).T
        for result, reference in ((out, a @ b), (by_x, c @ b.T), (by_matrix, expected)):
            np.testing.assert_allclose(result, reference, rtol=1e-5, atol=1e-5)


def test_a_convolution_and_its_transpose_are_near_those_in_float32():
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 7, 5, 3)).astype("f")
    kernel = random.normal(size=(3, 3, 3, 4)).astype("f")
    there = convolve(x, kernel, 2)
    back = convolve_transposed(there, kernel, (7, 5), 2)
    for narrow, wide in (
        (convolve(x, kernel, 2, dtype="bfloat16"), there),
        (convolve_transposed(there, kernel, (7, 5), 2, dtype="bfloat16"), back),
    ):
        assert narrow.dtype == jnp.float32
        difference = np.abs(narrow - wide).max() / np.abs(wide).max()
        assert 1e-6 < difference < 0.02


class Own(nn.Module):
    """A user's encoder with layers of Flax, which reads the type or does not."""

    dtype: str | None

    @nn.compact
    def __call__(self, x):
        h = nn.relu(nn.Dense(8, dtype=self.dtype)(x.reshape(len(x), -1)))
        return nn.Dense(6, dtype=self.dtype)(h)


@pytest.mark.parametrize(("dtype", "factors"), [("bfloat16", "bfloat16"), (None, "float32")])
def test_a_user_s_modules_give_float32_and_read_what_they_are_told(dtype, factors):
    spec = ModelSpec((3, 3, 1), 10, stochastic=True, decoder=False, dtype="bfloat16")
    made = of_modules(spec, Own(dtype), Own(dtype), 3)
    params = jax.eval_shape(made.init, jax.random.key(0))
    x = jnp.zeros((2, 3, 3, 1))
    program = equations(jax.make_jaxpr(made.encode)(params, x).jaxpr)
    products = [e for e in program if e.primitive.name == "dot_general"]
    assert [types(e.invars) for e in products] == [{factors}] * 2
    for leaf in jax.tree.leaves((params, jax.eval_shape(made.encode, params, x))):
        assert leaf.dtype == jnp.float32


def test_what_a_user_s_functions_give_in_bfloat16_leaves_as_float32():
    def encode(params, x, y=None):
        mean = x.reshape(len(x), -1).astype("bfloat16") * params.astype("bfloat16")
        return mean, mean

    def decode(params, z, y=None):
        return z.reshape(-1, 2, 2, 1).astype("bfloat16")

    made = model(lambda key: jnp.ones(()), encode, decode, 4)
    out = jax.eval_shape(made.apply, jnp.ones(()), jnp.ones((3, 2, 2, 1)), jax.random.key(0))
    kinds = {leaf.dtype for leaf in (out.z, out.mean, out.logvar, out.reconstruction)}
    assert kinds == {jnp.dtype("float32")}
