"""`search` finds what a loop over `fit` and `score` finds, and reads labelled rows alone."""

import numpy as np
import pytest
from sklearn.base import clone

from jaxdml import search
from jaxdml.data.labels import folds
from tests.estimator.small import IMAGES, VECTORS, Y, embedder

GRID = {"loss.name": ("supcon",), "train.learning_rate": (1e-5, 3e-3)}
LOSSES = GRID | {"loss.name": ("normalized_softmax", "supcon")}


def by_a_loop(shared, candidates, x, y, count):
    """The same by fits one after the other: mean score of each candidate."""
    part = folds(y, count)
    means = []
    for options in candidates:
        one = clone(shared).set_params(options={**shared.options, **options})
        scores = []
        for fold in range(count):
            seen = np.where(part == fold, -1, y)
            fitted = clone(one).fit(x, seen)
            scores.append(fitted.score(x[part == fold], y[part == fold]))
        means.append(np.mean(scores))
    return means


@pytest.mark.parametrize(
    ("x", "method", "grid"),
    [
        pytest.param(VECTORS, "dml", GRID, id="dml"),
        pytest.param(VECTORS, "few", LOSSES, id="few", marks=pytest.mark.slow),
        pytest.param(IMAGES, "few", LOSSES, id="images", marks=pytest.mark.slow),
    ],
)
def test_it_chooses_what_a_plain_loop_chooses(x, method, grid):
    shared = embedder(40, method=method)
    found = search(shared, grid, x, Y, folds=2)
    candidates = [
        {"loss.name": loss, "train.learning_rate": rate}
        for loss in grid["loss.name"]
        for rate in grid["train.learning_rate"]
    ]
    assert [{path: row[path] for path in grid} for row in found.table] == candidates
    expected = by_a_loop(shared, candidates, x, Y, 2)
    assert [row["mean"] for row in found.table] == pytest.approx(expected)
    assert found.options == candidates[int(np.argmax(expected))]
    assert {len(row["scores"]) for row in found.table} == {2}
    again = clone(shared).set_params(options={**shared.options, **found.options}).fit(x, Y)
    assert found.best.transform(x).tobytes() == again.transform(x).tobytes()


@pytest.mark.slow
def test_systems_are_candidates_too_and_what_is_not_finite_is_never_chosen():
    grid = [
        {"system": ("dml_ae",), "train.learning_rate": (1e30,)},
        {"system": ("dml",), "train.learning_rate": (1e-3,)},
    ]
    found = search(embedder(20), grid, VECTORS, Y, folds=2)
    assert np.isnan(found.table[0]["mean"])
    assert found.options == {"system": "dml", "train.learning_rate": 1e-3}
    assert found.best.get_params()["method"] == "dml"
    with pytest.raises(ValueError, match="no candidate's training was finite"):
        search(embedder(20), grid[:1], VECTORS, Y, folds=2)


@pytest.mark.slow
def test_labels_that_are_held_out_are_not_seen():
    """Where every label of a part is another one, only the scores of that part change."""
    part = folds(Y, 2)
    changed = np.where(part == 0, (Y + 1) % 3, Y)
    np.testing.assert_array_equal(folds(changed, 2) >= 0, part >= 0)
    grid = {"train.learning_rate": (3e-3,)}
    [right] = search(embedder(40), grid, VECTORS, Y, folds=2).table
    [wrong] = search(embedder(40), grid, VECTORS, np.where(part == 0, 2 - Y, Y), folds=2).table
    assert right["mean"] > wrong["mean"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"y": np.where(np.arange(90) < 2, [0, 1] * 45, -1)}, "two labelled rows of a class"),
        ({"folds": 1}, "folds must be at least 2"),
        ({"grid": {"system": ("few",)}}, "system=few is the recipe for images, but X has vectors"),
        ({"max_seconds": 9.0}, "max_seconds is of one fit: a search needs steps, or an effort"),
        ({"grid": {"loss.nam": ("supcon",)}}, "there is no field loss.nam"),
        ({"grid": {"eval.split": ("test",)}}, "eval.split is the same for a whole run"),
        ({"grid": {}, "y": Y[:5]}, "one label for each of the 90 rows"),
    ],
)
def test_bad_input_is_named(changes, said):
    arguments = {"grid": GRID, "y": Y, "folds": 2, "max_seconds": None} | changes
    shared = embedder(5, max_seconds=arguments["max_seconds"])
    with pytest.raises(ValueError, match=said):
        search(shared, arguments["grid"], VECTORS, arguments["y"], folds=arguments["folds"])
