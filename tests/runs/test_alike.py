"""Points that read no label are trained once, whichever images are labelled."""

import numpy as np
import pytest

from jaxdml.runs.execution import execute, training
from jaxdml.runs.planning import description, grid, loading, plan
from jaxdml.runs.storage import files
from jaxdml.settings.fields import assign
from tests.runs.small import BASE

LABELS = {"data.labelled_count": (6, 12), "data.labels_seed": (0, 1)}
GRID = (
    {"system": ("ae",), **LABELS},
    {"system": ("dml_ae",), "routine.name": ("alternate",), "routine.alpha": (0.5, 1.0), **LABELS},
)


@pytest.fixture(scope="module")
def trained():
    """Points in the order in which they were trained."""
    return []


@pytest.fixture(scope="module")
def finished(tmp_path_factory, trained):
    path = tmp_path_factory.mktemp("runs") / "alike"
    original = training.train

    def counting(setup, placed, chunk, *arguments):
        trained.extend(point.setting for point in chunk)
        return original(setup, placed, chunk, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "train", counting)
        return execute.run(BASE, GRID, path, path)


def test_each_is_trained_once_and_each_has_its_own_result(finished, trained):
    assert len(finished.results()) == 12
    kinds = [(c["system"], c.get("routine.alpha")) for c in trained]
    assert sorted(kinds, key=str) == [("ae", None), *[("dml_ae", 0.5)] * 4, ("dml_ae", 1.0)]
    assert sum(r["seconds"] > 0 for r in finished.results()) == 6


@pytest.mark.default_variants("ae")
@pytest.mark.parametrize("system", ["ae", "dml_ae"])
def test_what_is_shared_is_what_each_would_have_been(finished, system, tmp_path):
    """Also at α = 1, where the metric loss of other images has weight 0."""
    chosen = {"data.labelled_count": 12, "data.labels_seed": 1, "system": system}
    if system == "dml_ae":
        chosen |= {"routine.name": "alternate", "routine.alpha": 1.0}
    alone = execute.run(assign(BASE, chosen), ({},), tmp_path / "alone", tmp_path)
    [result] = alone.results()
    borrowed = finished.result(result["point"])
    same = ("scores", "status", "config", "labelled", "steps", "note")
    assert {k: result[k] for k in same} == {k: borrowed[k] for k in same}
    for run_folder in (alone, finished):
        assert files.read_csv(run_folder.point(result["point"]) / "history.csv")
    kept = [np.load(p.point(result["point"]) / "embeddings.npz") for p in (alone, finished)]
    for name in kept[0].files:
        np.testing.assert_array_equal(kept[0][name], kept[1][name])


def test_labels_that_come_later_need_no_training(finished, monkeypatch):
    monkeypatch.setattr(training, "train", None)
    more = ({**GRID[0], "data.labels_seed": (0, 1, 2)},)
    run_folder = execute.run(BASE, more, finished.path, finished.path)
    assert len(run_folder.results()) == 14


def test_whatever_the_labels_touch_is_trained_for_each():
    def trainings(**changes):
        base = BASE | {"system": "dml_ae", "routine.name": "alternate", "routine.alpha": 1.0}
        points = grid.expand(base | changes, (LABELS,))
        planned = plan.plan(points, loading.loader(None))
        return len(points) - len(planned.alike)

    assert trainings() == 1
    assert trainings(**{"routine.alpha": 0.99}) == 4
    assert trainings(**{"routine.supervised": "metric_only"}) == 4
    assert trainings(**{"routine.supervised_data": "labelled"}) == 4
    assert trainings(**{"routine.labelled_steps": "pass"}) == 4
    assert trainings(**{"routine.name": "pretrain_joint", "routine.pretrain_epochs": 1}) == 4
    assert trainings(system="dml") == 4
    assert trainings(system="vae") == 1


def test_the_plan_says_so():
    points = grid.expand(BASE, ({"system": ("ae",), **LABELS},))
    text = description.describe(plan.plan(points, loading.loader(None)))
    assert "1 point, 1 program to compile" in text.replace("1 cohort, ", "")
    assert "3 points more read no label, and share a training" in text
