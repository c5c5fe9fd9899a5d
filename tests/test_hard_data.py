"""The made data of `configs/study_few_hard.py`."""

import dataclasses
import importlib.util

import numpy as np
import pytest

from configs import study_few_hard
from jaxdml import data
from jaxdml.data.check import check
from jaxdml.runs.planning import grid
from jaxdml.types import Split


@pytest.fixture(autouse=True)
def digits_stand_for_all(monkeypatch, tmp_path):
    """Digits for MNIST, and for scans the same with each pixel 255."""
    digits = data.load("digits", tmp_path)
    white = Split(np.full_like(digits.train.x, 255), digits.train.y)
    found = {"mnist": digits, "organamnist": dataclasses.replace(digits, train=white)}
    monkeypatch.setattr(data, "load", lambda name, _: found[name])
    return digits


def test_strangers_are_their_share_and_have_no_label(digits_stand_for_all, tmp_path):
    made, digits = study_few_hard.strangers(tmp_path, share=0.2), digits_stand_for_all
    check(made)
    added = len(made.train.y) - len(digits.train.y)
    assert added / len(made.train.y) == pytest.approx(0.2, abs=1e-3)
    assert (made.train.y[-added:] == -1).all()
    assert (made.train.x[-added:] == 255).all()
    np.testing.assert_array_equal(made.train.x[:-added], digits.train.x)
    np.testing.assert_array_equal(made.test.x, digits.test.x)


def test_uneven_classes_fall_by_the_same_factor(digits_stand_for_all, tmp_path):
    made, digits = study_few_hard.uneven(tmp_path, ratio=8.0), digits_stand_for_all
    check(made)
    counts = np.bincount(made.train.y)
    assert counts[0] == np.bincount(digits.train.y).min()
    assert counts[0] / counts[9] == pytest.approx(8, rel=0.05)
    np.testing.assert_allclose(np.log(counts[:-1] / counts[1:]), np.log(8) / 9, atol=0.07)
    np.testing.assert_array_equal(made.test.y, digits.test.y)


def test_its_makers_are_found_whatever_the_file_is_loaded_as():
    """The command line loads a configuration file under a name of its own."""
    spec = importlib.util.spec_from_file_location("config_file", study_few_hard.__file__)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    points = grid.expand(loaded.get_config().to_dict(), loaded.get_grid())
    made = {point.setting["data.name"] for point in points if ":" in point.setting["data.name"]}
    assert {name.partition(":")[2] for name in made} == {"strangers", "uneven"}
    for name in made:
        module, _, function = name.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
