"""What a trained point says of images, against the scores that its run has kept."""

import re

import numpy as np
import pytest

import jaxdml
from jaxdml import data
from jaxdml.estimator.trained import reading
from jaxdml.labelling import calibration, held_out
from jaxdml.labelling.labeller import Labeller
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import opening
from jaxdml.runs.storage.folder import Folder

BASE = {
    "data.name": "digits",
    "data.labelled_count": 100,
    "data.labels_seed": 0,
    "model.hidden": (32,),
    "train.steps": 40,
    "eval.protocols": ("labelled", "scores"),
}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """Two points: one has class weights, the other classes by nearness alone."""
    path = tmp_path_factory.mktemp("labeller") / "run"
    grid = ({"system": ("few",)}, {"system": ("dml",)})
    jaxdml.study(BASE, grid, run_folder=path)
    return path


@pytest.fixture(params=["few", "dml"])
def labeller(run_folder, request):
    opened = opening.existing(run_folder)
    [result] = [r for r in opened.results() if r["config"]["system"] == request.param]
    load = loading.loader(run_folder, opened.plan())
    return Labeller.of_point(opened, result, load)


def accuracy(result, protocol):
    [value] = [
        s["value"] for s in result["scores"]
        if (s["protocol"], s["metric"], s["embedding"]) == (protocol, "accuracy", "mean")
    ]  # fmt: skip
    return value


def test_held_out_images_are_those_that_were_scored(labeller):
    found = held_out.of_point(labeller.run_folder, labeller.result, labeller.load_dataset)
    right = found.scores.argmax(axis=1) == found.labels
    assert right.mean() == pytest.approx(accuracy(labeller.result, "scores"))


def test_the_table_says_the_most_probable_class_and_its_calibrated_probability(labeller):
    digits = data.load("digits", labeller.run_folder.path)
    table = labeller.predicted(reading.Inputs(digits.test.x, None, []))
    rows = [dict(zip(table.heading, row, strict=True)) for row in table.body]
    assert [row["file"] for row in rows[:2]] == ["x[0]", "x[1]"]
    classes = np.array([digits.classes.index(row["class"]) for row in rows])
    right = classes == digits.test.y
    assert right.mean() == pytest.approx(accuracy(labeller.result, "scores"))
    found = held_out.of_point(labeller.run_folder, labeller.result, labeller.load_dataset)
    temperature = calibration.temperature(found.scores, found.labels)
    expected = calibration.probabilities(found.scores, temperature).max(axis=1)
    sure = np.array([float(row["confidence"]) for row in rows])
    np.testing.assert_allclose(sure, expected, atol=6e-5)
    assert {row["calibrated"] for row in rows} == {"yes"}
    [note] = table.notes
    assert f"calibrated on {len(rows):,} labelled images that were held out" in note
    before, after = map(float, re.findall(r"by (\d\.\d+)", note))
    shares = calibration.probabilities(found.scores)
    assert before == pytest.approx(calibration.reliability(shares, found.labels).error, abs=6e-4)
    shares = calibration.honest(found.scores, found.labels)
    assert after == pytest.approx(calibration.reliability(shares, found.labels).error, abs=6e-4)


def test_unlabelled_images_are_those_whose_label_the_point_did_not_see(labeller):
    images = labeller.unlabelled()
    assert len(images.x) == len(data.load("digits", labeller.run_folder.path).train.y) - 100
    table, pictures = labeller.suggested(images, 3)
    assert len(table.body) == 3
    assert {row[1] for row in table.body} == {""}
    by_name = dict(zip(images.names, images.x, strict=True))
    np.testing.assert_array_equal(pictures, [by_name[row[0]] for row in table.body])


def test_the_pictures_of_suspects_are_those_of_their_rows(labeller):
    table, pictures = labeller.suspects()
    train = data.load("digits", labeller.run_folder.path).train
    rows = [int(row[0][2:-1]) for row in table.body]
    np.testing.assert_array_equal(pictures, train.x[rows])
    assert [row[1] for row in table.body] == [str(label) for label in train.y[rows]]


@pytest.mark.slow
def test_seven_of_ten_wrong_labels_are_among_the_first_fifteen_suspects(tmp_path):
    train = data.load("digits", tmp_path).train
    x, y = np.asarray(train.x), np.asarray(train.y)
    random = np.random.default_rng(0)
    rows = np.concatenate([np.flatnonzero(y == label)[:10] for label in range(10)])
    wrong = random.permutation(rows)[:10]
    given = np.full(len(y), -1)
    given[rows] = y[rows]
    given[wrong] = (y[wrong] + random.integers(1, 10, 10)) % 10
    np.savez(tmp_path / "own.npz", x=x[..., 0], y=given)
    changes = {"data.name": "arrays", "data.path": "own.npz", "data.folds": 2, "system": "few"}
    jaxdml.study(
        changes | {"train.steps": 1500}, ({},), run_folder=tmp_path / "run", data_dir=tmp_path
    )
    opened = Folder(tmp_path / "run")
    result = opening.chosen(opened, "")
    labeller = Labeller.of_point(opened, result, loading.loader(tmp_path, opened.plan()))
    table = labeller.suspects().table
    assert len(table.body) == 100
    first = {row[0] for row in table.body[:15]}
    assert len(first & {f"x[{row}]" for row in wrong}) >= 7
