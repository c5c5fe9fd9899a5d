"""Each change, for given parameters, against naive loops in float64."""

import math

import jax
import numpy as np
import pytest

from jaxdml.augment import affine, brightness, colour, erase, orientation

pytestmark = pytest.mark.usefixtures("float64")

SHAPES = [(1, 1, 1), (8, 8, 1), (27, 31, 3), (1, 20, 1)]


def draw(shape, rows=2, seed=0):
    return np.random.default_rng(seed).random((rows, *shape))


def value_between(image, y, x):
    """Bilinear interpolation of one image, whose edge goes on outside of it."""
    height, width, _ = image.shape
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    total = np.zeros(image.shape[2])
    for i in range(height):
        if abs(y - i) < 1:
            for j in range(width):
                if abs(x - j) < 1:
                    total += (1 - abs(y - i)) * (1 - abs(x - j)) * image[i, j]
    return total


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pixels_are_interpolated_between_their_four_neighbours(shape):
    x, random = draw(shape), np.random.default_rng(1)
    degrees, shear = random.uniform(-40, 40, 2), random.uniform(-0.4, 0.4, 2)
    factors, offset = random.uniform(0.7, 1.3, (2, 2)), random.uniform(-3, 3, (2, 2))
    got = affine.resampled(x, affine.matrices(degrees, factors, shear), offset)
    middle = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    for row in range(2):
        cos, sin = (f(math.radians(degrees[row])) for f in (math.cos, math.sin))
        for i in range(shape[0]):
            for j in range(shape[1]):
                down, right = i - middle[0], j - middle[1]
                down, right = cos * down + sin * right, cos * right - sin * down
                right += shear[row] * down
                down = factors[row, 0] * down + offset[row, 0] + middle[0]
                right = factors[row, 1] * right + offset[row, 1] + middle[1]
                expected = value_between(x[row], down, right)
                np.testing.assert_allclose(got[row, i, j], expected, atol=1e-12)


def test_orientations_are_the_flips_and_turns_of_numpy():
    kinds = [(h, v, q) for h in (False, True) for v in (False, True) for q in range(4)]
    x = draw((6, 6, 2), rows=len(kinds))
    matrices = orientation.oriented(*map(np.array, zip(*kinds, strict=True)))
    got = affine.resampled(x, matrices.astype("float64"), np.zeros((len(kinds), 2)))
    for image, result, (horizontal, vertical, quarters) in zip(x, got, kinds, strict=True):
        image = image[:, ::-1] if horizontal else image
        image = image[::-1] if vertical else image
        np.testing.assert_array_equal(result, np.rot90(image, quarters))


def test_a_rotation_by_a_quarter_is_a_quarter_turn():
    no, ones = np.zeros(1, bool), np.ones(1)
    turned = affine.matrices(90 * ones, np.ones((1, 2)), 0 * ones)
    np.testing.assert_allclose(turned, orientation.oriented(no, no, np.array([1])), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("fill", [None, 0.25])
def test_a_square_about_its_centre_is_filled(shape, fill):
    x, side = draw(shape), np.array([3.0, 5.5])
    centre = np.array([[0.2, 1.0], [4.0, 6.5]])
    expected = x.copy()
    for row in range(2):
        for i in range(shape[0]):
            for j in range(shape[1]):
                near = [
                    abs(at - c) < side[row] / 2 for at, c in zip((i, j), centre[row], strict=True)
                ]
                if all(near):
                    for c in range(shape[2]):
                        expected[row, i, j, c] = x[row, :, :, c].mean() if fill is None else fill
    np.testing.assert_allclose(erase.filled(x, centre, side, fill), expected, atol=1e-12)


def test_contrast_spreads_about_the_middle_and_brightness_is_added():
    x, contrast, added = draw((5, 4, 3)), np.array([1.3, 0.7]), np.array([0.2, -0.1])
    got = brightness.adjusted(x, contrast, added)
    for at, value in np.ndenumerate(x):
        changed = contrast[at[0]] * (value - 0.5) + 0.5 + added[at[0]]
        assert got[at] == pytest.approx(min(max(changed, 0.0), 1.0), abs=1e-12)


def test_a_colour_turns_about_the_grey_axis():
    x, degrees, factor = draw((3, 4, 3)), np.array([20.0, -75.0]), np.array([1.3, 0.6])
    got = colour.recoloured(x, degrees, factor)
    axis = np.ones(3) / math.sqrt(3)
    for row, i, j in np.ndindex(2, 3, 4):
        pixel, angle = x[row, i, j], math.radians(degrees[row])
        along = axis * (axis @ pixel)
        rest = factor[row] * (pixel - along)
        turned = math.cos(angle) * rest + math.sin(angle) * np.cross(axis, rest)
        np.testing.assert_allclose(got[row, i, j], np.clip(along + turned, 0, 1), atol=1e-12)


def test_random_amounts_lie_within_the_magnitudes_and_reach_them():
    x = np.zeros((2000, 9, 9, 1))
    x[:, 4, 4] = 1
    down = np.asarray(affine.affine(jax.random.key(0), x, shift=(2.0, 0.0)))[..., 0]
    assert down[:, :, [0, 1, 2, 3, 5, 6, 7, 8]].max() == 0  # no shift along the width
    shifts = (down.sum(axis=2) * np.arange(9)).sum(axis=1) - 4
    assert -2 <= shifts.min() < -1.98
    assert 1.98 < shifts.max() <= 2
    assert abs(shifts.mean()) < 0.1
    grey = np.full((2000, 1, 1, 1), 0.5)
    changed = np.asarray(brightness.brightness(jax.random.key(0), grey, amount=0.4))
    assert 0.3 <= changed.min() < 0.302
    assert 0.698 < changed.max() <= 0.7
