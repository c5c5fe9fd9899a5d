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
    dataset_by_name = {"mnist": digits, "organamnist": dataclasses.replace(digits, train=white)}
    monkeypatch.setattr(data, "load", lambda name, _: dataset_by_name[name])
    return digits


def test_strangers_are_their_share_and_have_no_label(digits_stand_for_all, tmp_path):
    dataset, digits = study_few_hard.strangers(tmp_path, share=0.2), digits_stand_for_all
    check(dataset)
    added = len(dataset.train.y) - len(digits.train.y)
    assert added / len(dataset.train.y) == pytest.approx(0.2, abs=1e-3)
    assert (dataset.train.y[-added:] == -1).all()
    assert (dataset.train.x[-added:] == 255).all()
    np.testing.assert_array_equal(dataset.train.x[:-added], digits.train.x)
    np.testing.assert_array_equal(dataset.test.x, digits.test.x)


def test_uneven_classes_fall_by_the_same_factor(digits_stand_for_all, tmp_path):
    dataset, digits = study_few_hard.uneven(tmp_path, ratio=8.0), digits_stand_for_all
    check(dataset)
    counts = np.bincount(dataset.train.y)
    assert counts[0] == np.bincount(digits.train.y).min()
    assert counts[0] / counts[9] == pytest.approx(8, rel=0.05)
    np.testing.assert_allclose(np.log(counts[:-1] / counts[1:]), np.log(8) / 9, atol=0.07)
    np.testing.assert_array_equal(dataset.test.y, digits.test.y)


def test_its_makers_are_found_whatever_the_file_is_loaded_as():
    """The command line loads a configuration file under a name of its own."""
    spec = importlib.util.spec_from_file_location("config_file", study_few_hard.__file__)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    points = grid.expand(loaded.get_config().to_dict(), loaded.get_grid())
    names = {point.setting["data.name"] for point in points if ":" in point.setting["data.name"]}
    assert {name.partition(":")[2] for name in names} == {"strangers", "uneven"}
    for name in names:
        module, _, function = name.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
