"""Which changes keep a class: what the user says, else the data set, else a default."""

import dataclasses

import numpy as np
import pytest

from jaxdml.augment import INVARIANCES, invariances_of
from jaxdml.augment.invariances import OF_IMAGES, OF_VECTORS, fitting
from jaxdml.data.sets import digits, medmnist, mnist
from jaxdml.options import ConfigError
from jaxdml.types import Dataset, Split


def dataset(shape=(8, 8, 1), invariances=None):
    part = Split(np.zeros((4, *shape), np.uint8), np.arange(4) % 2)
    return Dataset("two", part, part, part, ("a", "b"), "made here", invariances=invariances)


def test_images_and_vectors_have_their_defaults():
    assert invariances_of(dataset()) == OF_IMAGES
    assert invariances_of(dataset((1, 20, 1))) == invariances_of(dataset((20, 1, 1))) == OF_VECTORS


def test_the_user_comes_before_the_data_set_and_the_data_set_before_the_default():
    with_rotate = dataset(invariances=("rotate",))
    assert invariances_of(with_rotate) == ("rotate",)
    assert invariances_of(with_rotate, ("erase", "shift")) == (
        "shift",
        "erase",
    )  # in the table's order
    assert invariances_of(with_rotate, "shift") == ("shift",)
    assert invariances_of(with_rotate, ()) == ()
    assert invariances_of(dataset(invariances=())) == ()


def test_what_does_not_fit_is_refused_where_declared_and_dropped_where_the_data_set_says_it():
    cases = {
        "colour": ((8, 8, 1), "three channels, but images are 8 × 8 × 1"),
        "quarter_turns": ((8, 9, 1), "square images, but images are 8 × 9 × 1"),
        "rotate": ((20, 1, 1), "images of more than one row and column, but images are 20 × 1 × 1"),
        "erase": ((1, 20, 1), "images of more than one row and column, but images are 1 × 20 × 1"),
    }
    for name, (shape, message) in cases.items():
        with pytest.raises(ConfigError, match=f"^data.invariances: {name} needs {message}$"):
            invariances_of(dataset(shape), (name,))
        assert invariances_of(dataset(shape, (name, "shift"))) == ("shift",)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"^data.invariances must be some of shift, .*'flips'$"):
        invariances_of(dataset(), ("shift", "flips"))
    with pytest.raises(
        ConfigError, match=r"^two: its invariances must be some of shift, .*'tilt'$"
    ):
        invariances_of(dataset(invariances=("tilt",)))


def test_sets_that_ship_declare_what_fits_their_images(tmp_path):
    like_digits = dataset(invariances=digits.make(tmp_path).invariances)
    assert invariances_of(like_digits) == ("shift", "scale", "rotate", "erase")
    for facts in mnist.FACTS.values():
        assert fitting(facts.invariances, (28, 28, 1))
    assert {name.partition("_")[0] for name in medmnist.FACTS} == set(medmnist.INVARIANCES)
    for name, facts in medmnist.FACTS.items():
        names = medmnist.INVARIANCES[name.partition("_")[0]]
        height, width, channels = (*facts.shape, 1)[:3]
        assert fitting(names, (height, width, channels)) == tuple(
            n for n in INVARIANCES if n in names
        )


def test_left_and_right_organs_and_digits_are_never_mirrored():
    for names in (medmnist.INVARIANCES["organamnist"], mnist.FACTS["mnist"].invariances):
        assert not {"flip_horizontal", "flip_vertical", "quarter_turns"} & set(names)


def test_a_data_set_keeps_what_it_declares_when_images_are_set_apart(tmp_path):
    from jaxdml.data import load

    declared = load("digits", tmp_path, validation=10).invariances
    assert declared == dataclasses.replace(digits.make(tmp_path)).invariances
