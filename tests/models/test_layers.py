import jax
import numpy as np
import pytest

from jaxdml.models.layers import Conv, ConvTranspose, convolve, convolve_transposed
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
