"""What every change of images keeps: type, shape, range, rows of their own, and its key."""

import functools

import jax
import numpy as np
import pytest

from jaxdml.augment import POLICIES, invariances
from jaxdml.augment.affine import affine
from jaxdml.augment.brightness import brightness
from jaxdml.augment.colour import colour
from jaxdml.augment.coordinates import dropout, noise
from jaxdml.augment.erase import erase
from jaxdml.augment.invariances import INVARIANCES
from jaxdml.augment.orientation import orientations

# change → what of it makes the strongest one; without, it changes nothing
MAGNITUDES = {
    affine: {"shift": (3.0, 3.0), "degrees": 180.0, "scale": 0.5, "shear": 1.0},
    brightness: {"amount": 1.0},
    colour: {"degrees": 180.0, "saturation": 1.0},
    noise: {"deviation": 1.0},
    dropout: {"rate": 0.5},
    erase: {"smallest": 2.0, "largest": 5.0},
}
CHANGES = {change.__name__: functools.partial(change, **m) for change, m in MAGNITUDES.items()}


def orient(key, images, **kinds):
    return affine(key, images, orientation=orientations(key, images, **kinds))


KINDS = ("horizontal", "vertical", "quarters")
CHANGES |= {kind: functools.partial(orient, **{kind: True}) for kind in KINDS}
COMPILED = {name: jax.jit(change) for name, change in CHANGES.items()}
ALL = pytest.mark.parametrize("name", CHANGES)
SQUARE = (6, 6, 3)
KEY = jax.random.key(5)


def draw(shape=SQUARE, rows=8, dtype="float32"):
    return np.random.default_rng(0).random((rows, *shape)).astype(dtype)


def with_black_and_white(x):
    x[0], x[1] = 0, 1
    return x


@pytest.mark.parametrize("change", MAGNITUDES, ids=lambda change: change.__name__)
def test_a_magnitude_of_zero_changes_nothing(change):
    np.testing.assert_allclose(jax.jit(change)(KEY, draw()), draw(), atol=1e-7, rtol=0)


@pytest.mark.one_in(3)
@ALL
@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 8, 1), (27, 31, 3), (1, 20, 1)], ids=str)
def test_images_of_every_size_stay_in_range(name, shape):
    fits = {"colour": shape[2] == 3, "quarters": shape[0] == shape[1]}
    x = with_black_and_white(draw(shape))
    if not fits.get(name, True):
        with pytest.raises(
            ValueError, match=r"the shape of images must be|quarter turns need square images"
        ):
            COMPILED[name](KEY, x)
        return
    changed = COMPILED[name](KEY, x)
    assert changed.shape == x.shape
    assert changed.dtype == x.dtype
    assert 0 <= changed.min() <= changed.max() <= 1


@ALL
def test_each_row_has_its_own_change_and_another_key_gives_another(name):
    x = np.broadcast_to(draw(rows=1), (16, *SQUARE))
    changed = COMPILED[name](KEY, x)
    assert len(np.unique(changed, axis=0)) >= 2  # a flip has no more
    assert not (changed == COMPILED[name](jax.random.key(6), x)).all()
    assert (changed == COMPILED[name](KEY, x)).all()


@ALL
def test_a_row_does_not_depend_on_the_other_images(name):
    other = draw()
    other[1:] = 0.5
    same = COMPILED[name](KEY, draw())[0], COMPILED[name](KEY, other)[0]
    np.testing.assert_array_equal(*same)


@pytest.mark.one_in(3)
@ALL
def test_mapped_over_points_it_is_what_a_loop_gives_compiled_or_not(name):
    keys, x = jax.random.split(KEY, 3), np.stack([draw(), 1 - draw(), draw() ** 2])
    looped = [CHANGES[name](*pair) for pair in zip(keys, x, strict=True)]
    mapped = jax.jit(jax.vmap(CHANGES[name]))(keys, x)
    np.testing.assert_allclose(mapped, np.stack(looped), atol=2e-6)


@ALL
def test_gradients_are_finite(name):
    gradient = jax.jit(jax.grad(lambda x: (CHANGES[name](KEY, x) ** 2).sum()))
    x = with_black_and_white(draw())
    assert np.isfinite(gradient(x)).all()


@ALL
def test_bytes_are_refused_and_double_precision_stays(name, float64):
    with pytest.raises(
        ValueError, match=r"must be floats in .0, 1., but are uint8: divide them by 255"
    ):
        CHANGES[name](KEY, draw().astype("uint8"))
    with pytest.raises(ValueError, match=r"but are int32$"):
        CHANGES[name](KEY, draw().astype("int32"))
    assert COMPILED[name](KEY, draw(dtype="float64")).dtype == "float64"


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_refuses_bytes_even_where_it_changes_nothing(policy):
    with pytest.raises(ValueError, match="uint8"):
        POLICIES[policy](SQUARE, ())(KEY, draw().astype("uint8"))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 8, 1), (27, 31, 3), (1, 20, 1)], ids=str)
def test_a_policy_keeps_shape_and_range_under_all_that_fits(policy, shape):
    names = tuple(name for name in INVARIANCES if invariances._misfit(name, shape) is None)
    x = draw(shape)
    changed = jax.jit(POLICIES[policy](shape, names))(KEY, x)
    assert changed.shape == x.shape
    assert changed.dtype == x.dtype
    if not invariances.is_vector(shape):  # vectors may have any range
        assert 0 <= changed.min() <= changed.max() <= 1
    assert np.isfinite(changed).all()
    assert (changed == x).all() == (policy == "none")
