"""Policies make the declared changes, and no others."""

import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.augment import INVARIANCES, POLICIES, Magnitudes, composed, policies
from jaxdml.options import ConfigError, find

SHAPE = (8, 8, 3)
KEY = jax.random.key(3)


@pytest.fixture
def x():
    return jnp.asarray(np.random.default_rng(0).random((32, *SHAPE)), "float32")


def calls(monkeypatch, make, names, shape=SHAPE):
    """What a view does: the name of each change, and its magnitudes that are not 0."""
    magnitudes_by_change = {}
    for name in ("affine", "brightness", "colour", "dropout", "erase", "noise", "orientations"):

        def change(key, images, *, name=name, **magnitudes):
            magnitudes_by_change[name] = {
                word: m for word, m in magnitudes.items() if np.any(m) or word == "fill"
            }
            return images

        monkeypatch.setattr(policies, name, change)
    make(shape, names)(KEY, jnp.zeros((1, *shape)))
    magnitudes_by_change.get("affine", {}).pop("orientation", None)
    return magnitudes_by_change


MOVES = {
    "shift": {"affine": {"shift"}},
    "scale": {"affine": {"scale"}},
    "rotate": {"affine": {"degrees", "shear"}},
    "flip_horizontal": {"affine": set(), "orientations": {"horizontal"}},
    "flip_vertical": {"affine": set(), "orientations": {"vertical"}},
    "quarter_turns": {"affine": set(), "orientations": {"quarters"}},
}


@pytest.mark.parametrize("name", INVARIANCES)
def test_a_change_that_is_declared_alone_is_made_alone(monkeypatch, name):
    magnitudes_by_change = calls(monkeypatch, POLICIES["strong"], (name,))
    if name not in MOVES:
        assert list(magnitudes_by_change) == [name]
    else:
        assert {
            change: set(magnitudes) for change, magnitudes in magnitudes_by_change.items()
        } == MOVES[name]


def test_all_that_is_declared_is_made(monkeypatch):
    magnitudes_by_change = calls(monkeypatch, POLICIES["strong"], tuple(INVARIANCES))
    assert set(magnitudes_by_change) == {"affine", "orientations", *INVARIANCES} - set(MOVES)
    assert set(magnitudes_by_change["orientations"]) == {"horizontal", "vertical", "quarters"}
    assert set(magnitudes_by_change["affine"]) == {"shift", "scale", "degrees", "shear"}


def test_what_is_not_declared_leaves_no_trace(x):
    assert (POLICIES["strong"](SHAPE, ())(KEY, x) == x).all()
    none = POLICIES["none"](SHAPE, tuple(INVARIANCES))
    assert str(jax.make_jaxpr(none)(KEY, x)).count("=") == 0


def test_without_flips_no_image_is_ever_mirrored(x):
    x = x.at[:, :, :4].set(0.0).at[:, :, 4:].set(1.0)  # dark on the left
    changed = jax.jit(POLICIES["strong"](SHAPE, ("shift", "scale", "rotate")))(KEY, x)
    assert (changed[:, 4, 0] < changed[:, 4, -1]).all()
    flipped = jax.jit(POLICIES["strong"](SHAPE, ("flip_horizontal",)))(KEY, x)
    assert 0 < (flipped[:, 4, 0] > flipped[:, 4, -1]).all(axis=-1).sum() < len(x)


def test_the_magnitudes_are_those_of_the_trial(monkeypatch):
    drawn = ("shift", "scale", "rotate", "erase")
    weak, strong = (calls(monkeypatch, POLICIES[p], drawn, (28, 28, 1)) for p in ("weak", "strong"))
    assert weak == {"affine": {"shift": (2, 2), "degrees": 6, "scale": 0.06, "shear": 0.06}}
    assert strong["affine"] == {"shift": (3, 3), "degrees": 25, "scale": 0.2, "shear": 0.35}
    assert strong["erase"] == {"smallest": 4, "largest": 14, "fill": 0}
    scans = calls(monkeypatch, POLICIES["strong"], (*drawn, "brightness"), (28, 28, 1))
    assert scans["affine"] == {"shift": (4, 4), "degrees": 15, "scale": 0.2, "shear": 0.15}
    assert scans["brightness"] == {"amount": 0.35}


def test_pixels_follow_the_size_of_the_image(monkeypatch):
    magnitudes_by_change = calls(monkeypatch, POLICIES["strong"], ("shift", "erase"), (56, 28, 1))
    assert magnitudes_by_change["affine"]["shift"] == (6, 3)
    assert magnitudes_by_change["erase"]["largest"] == 14


def test_rotation_and_quarter_turns_together_are_any_rotation(monkeypatch):
    names = ("rotate", "quarter_turns", "brightness")
    assert calls(monkeypatch, POLICIES["strong"], names)["affine"]["degrees"] == 45
    assert calls(monkeypatch, POLICIES["weak"], names)["affine"]["degrees"] == 4


def test_one_change_does_not_alter_the_draws_of_another(x):
    magnitudes = Magnitudes(shift=0.25, noise=0.1)
    shifted = composed(SHAPE, ("shift",), magnitudes)(KEY, x)
    noisy = composed(SHAPE, ("shift", "noise"), magnitudes)(KEY, x)
    key = jax.random.fold_in(KEY, list(INVARIANCES).index("noise"))
    np.testing.assert_allclose(noisy, policies.noise(key, shifted, deviation=0.1), atol=1e-7)
    flipped = composed(SHAPE, ("shift", "flip_vertical"), magnitudes)(KEY, x)
    same = (flipped == shifted).all(axis=(1, 2, 3)) | (flipped[:, ::-1] == shifted).all(
        axis=(1, 2, 3)
    )
    assert not (flipped == shifted).all()
    assert same.all()


def test_a_policy_refuses_what_does_not_fit():
    with pytest.raises(ConfigError, match="colour needs three channels, but images are 8 × 8 × 1"):
        POLICIES["weak"]((8, 8, 1), ("colour",))


def test_a_policy_of_ones_own_is_found_by_its_path(monkeypatch, x):
    module = types.ModuleType("own_policy")
    module.make = lambda shape, invariances: lambda key, images: 1 - images
    monkeypatch.setitem(sys.modules, "own_policy", module)
    make = find("augment.weak", "own_policy:make", POLICIES)
    np.testing.assert_array_equal(make(SHAPE, ())(KEY, x), 1 - x)
    with pytest.raises(
        ConfigError, match=r"augment.weak must be one of none, strong, weak, or a d"
    ):
        find("augment.weak", "stronger", POLICIES)


def test_noise_on_vectors_is_not_cut_to_the_range_of_pixels():
    """Standardised columns have negative values, and large ones."""
    x = jnp.full((500, 1, 3, 1), jnp.array([-2.0, 0.5, 3.0])[None, None, :, None])
    view = policies.composed((1, 3, 1), ("noise",), policies.Magnitudes(noise=0.1))
    noise = view(jax.random.key(0), x) - x
    np.testing.assert_allclose(noise.std(axis=(0, 1, 3)), 0.1, rtol=0.1)
    np.testing.assert_allclose(noise.mean(axis=(0, 1, 3)), 0, atol=0.02)
