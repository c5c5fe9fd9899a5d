import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from jaxdml.models import layers
from jaxdml.models.layers import Conv, ConvTranspose, convolve, convolve_transposed
from jaxdml.models.normalisation import GroupNorm
from tests.models import oracle

pytestmark = pytest.mark.usefixtures("float64")

CASES = [  # image, kernel, stride, padding
    ((7, 5), (3, 3), 2, "SAME"),
    ((8, 9), (4, 4), 2, "SAME"),
    ((6, 7), (2, 3), 1, "VALID"),
    ((5, 8), (5, 1), 3, "SAME"),
    ((7, 6), (2, 2), 3, "SAME"),
    ((1, 2), (3, 3), 2, "SAME"),
]


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), CASES)
def test_both_and_their_gradients_are_what_their_definitions_say(size, kernel, stride, padding):
    random = np.random.default_rng(0)
    x, weights = random.normal(size=(2, *size, 3)), random.normal(size=(*kernel, 3, 4))
    settings = stride, padding == "SAME"
    there = oracle.convolve(x, weights, *settings)
    y = random.normal(size=there.shape)
    back = oracle.convolve_transposed(y, weights, size, *settings)
    by_weights = oracle.slope_by_kernel(x, y, weights.shape, *settings)

    def forwards(x, weights):
        out = convolve(x, weights, stride, padding)
        return (y * out).sum(), out

    def backwards(y, weights):
        out = convolve_transposed(y, weights, size, stride, padding)
        return (x * out).sum(), out

    # both are linear in each argument, and each one's gradient by images is the other
    for function, images, expected, slope in (
        (forwards, x, there, back),
        (backwards, y, back, there),
    ):
        value_and_slopes = jax.jit(jax.value_and_grad(function, argnums=(0, 1), has_aux=True))
        (_, out), slopes = value_and_slopes(images, weights)
        for result, reference in ((out, expected), (slopes[0], slope), (slopes[1], by_weights)):
            assert result.dtype == np.float64
            np.testing.assert_allclose(result, reference, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layer", [Conv(48, (3, 3), 2), ConvTranspose((16, 16, 48), (4, 4), 2)])
def test_what_comes_out_at_first_varies_as_what_goes_in(layer):
    x = np.random.default_rng(0).normal(size=(20, 8, 8, 16))
    out, params = jax.jit(layer.init_with_output)(jax.random.key(0), x)
    assert 0.75 < out.var() < 1.05  # less at the image's edges
    assert not params["params"]["bias"].any()


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_patches_made_in_blocks_give_the_same(monkeypatch, dtype):
    random = np.random.default_rng(0)
    x, kernel = random.normal(size=(6, 5, 7, 2)), random.normal(size=(3, 3, 2, 4))
    slope = random.normal(size=(6, 5, 7, 4))

    def both(x, kernel):
        out, back = jax.vjp(lambda *a: convolve.__wrapped__(*a, dtype=dtype), x, kernel)
        return out, *back(slope)

    whole = both(x, kernel)
    assert "scan[" not in str(jax.make_jaxpr(both)(x, kernel))
    monkeypatch.setattr(layers, "LARGE", 100)
    monkeypatch.setattr(layers, "BLOCK", 5 * 5 * 7 * 18)  # of five images; three divide six
    jax.clear_caches()  # programs that were traced before know nothing of that
    program = str(jax.make_jaxpr(both)(x, kernel))
    assert "scan[" in program
    assert "f64[2,3,5,7,2]" in program
    for one, other in zip(whole, both(x, kernel), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def single(random, *shape):
    return jnp.asarray(random.normal(size=shape), jnp.float32)


def in_blocks(monkeypatch):
    """Small images are taken for large ones."""
    monkeypatch.setattr(layers, "LARGE", 100)
    monkeypatch.setattr(layers, "BLOCK", 5000)
    jax.clear_caches()


@pytest.mark.parametrize(("kernel", "direct"), [((3, 3), 2), ((1, 5), 2), ((2, 3), 0)])
def test_of_few_channels_a_convolution_gives_the_same(monkeypatch, kernel, direct):
    random = np.random.default_rng(0)
    x, weights, y = (
        single(random, *shape) for shape in ((6, 5, 7, 8), (*kernel, 8, 16), (6, 5, 7, 16))
    )

    def both(x, weights):
        out, back = jax.vjp(lambda *a: convolve.__wrapped__(*a), x, weights)
        return out, *back(y)

    in_blocks(monkeypatch)
    assert str(jax.make_jaxpr(both)(x, weights)).count("conv_general_dilated[") == direct
    settings = 1, True
    expected = (
        oracle.convolve(x, weights, *settings),
        oracle.convolve_transposed(y, weights, (5, 7), *settings),
        oracle.slope_by_kernel(x, y, weights.shape, *settings),
    )
    for one, reference in zip(both(x, weights), expected, strict=True):
        np.testing.assert_allclose(one, reference, rtol=0, atol=1e-4)


@pytest.mark.parametrize("own", [(0, 0), (0, None), (None, 0)])
def test_of_many_points_each_is_convolved_by_itself(monkeypatch, own):
    random = np.random.default_rng(0)
    x, kernel = single(random, 2, 6, 5, 7, 8), single(random, 2, 3, 3, 8, 8)
    args = [a if axis == 0 else a[0] for a, axis in zip((x, kernel), own, strict=True)]
    in_blocks(monkeypatch)

    def both(x, kernel):
        out, back = jax.vjp(lambda *a: convolve.__wrapped__(*a), x, kernel)
        return out, *back(out)

    many = jax.vmap(both, in_axes=own)
    program = str(jax.make_jaxpr(many)(*args))
    assert "conv_general_dilated[" in program
    assert "feature_group_count=2" not in program
    results = many(*args)
    for i in range(2):
        alone = both(*(a[i] if axis == 0 else a for a, axis in zip(args, own, strict=True)))
        for one, each in zip(results, alone, strict=True):
            np.testing.assert_allclose(one[i], each, rtol=1e-3, atol=1e-3)


def test_the_gradient_of_a_gradient_is_that_of_patches(monkeypatch):
    """As virtual adversarial training has it: the inner one by the images, the outer by kernels."""
    random = np.random.default_rng(0)
    x, kernel = single(random, 6, 5, 7, 8), single(random, 3, 3, 8, 8)

    def penalty(kernel, images):
        slope = jax.grad(lambda x: jnp.sin(convolve.__wrapped__(x, kernel)).sum())(images)
        return (slope**2).sum()

    def found():
        jax.clear_caches()
        return jax.jit(jax.value_and_grad(penalty, argnums=(0, 1)))(kernel, x)

    expected = found()
    in_blocks(monkeypatch)
    assert "conv_general_dilated[" in str(jax.make_jaxpr(penalty)(kernel, x))
    for one, other in zip(jax.tree.leaves(found()), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-2)


def test_images_whose_number_has_no_divisor_near_the_best_are_taken_together():
    assert [layers._divisor(images, 8) for images in (16, 18, 14, 13)] == [8, 6, 7, None]


@pytest.mark.parametrize(
    "layer", [Conv(16, (3, 3)), ConvTranspose((28, 28, 4), (3, 3)), GroupNorm(4)]
)
def test_programs_for_any_number_of_images_can_be_exported(layer):
    images = jax.ShapeDtypeStruct(export.symbolic_shape("b, 28, 28, 16"), np.float64)
    params = layer.init(jax.random.key(0), np.zeros((1, 28, 28, 16)))
    program = export.export(jax.jit(layer.apply))(params, images)
    x = np.random.default_rng(0).normal(size=(3, 28, 28, 16))
    np.testing.assert_allclose(program.call(params, x), layer.apply(params, x), atol=1e-12)
