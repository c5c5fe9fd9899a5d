"""Without test images, parts of the labelled ones take turns; then all of them are trained on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import recall_score
from sklearn.neighbors import KNeighborsClassifier

from jaxdml import data
from jaxdml.data import labels
from jaxdml.data.sets import user
from jaxdml.options import ConfigError
from jaxdml.report import write
from jaxdml.report.tables import folds, summary
from jaxdml.report.tables.summary import Measure
from jaxdml.runs.execution import execute, rescoring
from jaxdml.runs.planning import grid, loading, plan, splits
from jaxdml.runs.storage import archive, files
from tests.runs.small import BASE

RANDOM = np.random.default_rng(0)
Y = np.arange(60, dtype=np.int32) % 3
X = (60 * Y[:, None, None] + RANDOM.integers(0, 130, (60, 4, 4))).astype(np.uint8)
KNOWN = np.where(np.arange(60) < 31, Y, -1)
OWN = BASE | {
    "data.name": "arrays",
    "data.path": "own.npz",
    "data.labelled_count": None,
    "system": "dml_ae",
    "eval.protocols": ("labelled", "cluster"),
}
ACCURACY = Measure("labelled", "knn", "mean", "accuracy")


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=60), st.integers(2, 6))
def test_each_labelled_image_that_is_not_alone_is_held_out_once(y, count):
    part = labels.folds(np.array(y), count)
    for label in range(-1, 4):
        rows = np.flatnonzero(np.array(y) == label)
        if label < 0 or len(rows) < 2:
            assert (part[rows] == -1).all()
            continue
        sizes = np.bincount(part[rows], minlength=count)
        assert sizes.sum() == len(rows)
        assert sizes.max() - sizes.min() <= 1  # each part has its share of the class
        assert sizes.max() < len(rows)  # and something is left to learn it from


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("folds")
    np.savez(path / "own.npz", x=X, y=KNOWN)
    return path


@pytest.fixture(scope="module")
def run_folder(data_dir):
    over = ({"system": ("dml_ae", "ae"), "seed": (0, 1)},)
    return execute.run(OWN, over, data_dir / "run", data_dir)


def test_folds_are_points_of_the_same_cohort_and_the_last_has_all_labels(run_folder, data_dir):
    load = loading.loader(data_dir)
    points = splits.with_folds(grid.expand(OWN, ({},)), load)
    assert [point.setting["data.fold"] for point in points] == [0, 1, 2, 3, 4, None]
    planned = plan.plan(points, load)
    [members] = planned.cohorts
    assert len(members.points) == 6
    part = labels.folds(KNOWN, 5)
    for point in points:
        rows = planned.labelled[point.id]
        fold = point.setting["data.fold"]
        held_out = np.flatnonzero(part == fold) if fold is not None else []
        np.testing.assert_array_equal(rows, np.setdiff1d(np.flatnonzero(KNOWN >= 0), held_out))
    assert len(run_folder.results()) == 4 * 6
    assert run_folder.plan()["grid_paths"] == ["system", "seed", "data.fold"]


def test_a_fold_is_scored_on_the_images_whose_labels_it_did_not_see(run_folder):
    part = labels.folds(KNOWN, 5)
    for result in run_folder.results():
        kept, fold = run_folder.embeddings(result["point"]), result["config"]["data.fold"]
        if fold is None:
            assert (result["scores"], result["scored"], len(kept["test"])) == ([], 0, 0)
            assert "trained with all labels" in result["note"]
            continue
        np.testing.assert_array_equal(kept["test_labels"], KNOWN[part == fold])
        assert not set(kept["labelled_index"]) & set(np.flatnonzero(part == fold))
        k = min(5, np.bincount(kept["labelled_labels"]).min())
        model = KNeighborsClassifier(k).fit(kept["labelled"], kept["labelled_labels"])
        values = {summary.measure(s): s["value"] for s in result["scores"]}
        assert values[ACCURACY] == model.score(kept["test"], kept["test_labels"])


def test_what_reads_no_label_is_trained_once_for_all_folds(run_folder):
    """And is scored as if each had been trained."""
    by_seed = {}
    for result in run_folder.results():
        if result["config"]["system"] == "ae":
            by_seed.setdefault(result["config"]["seed"], set()).add(result["checkpoint"]["path"])
    assert [len(paths) for paths in by_seed.values()] == [1, 1]


def test_a_score_of_a_seed_is_that_of_all_its_held_out_images(run_folder):
    part = labels.folds(KNOWN, 5)
    one_by_one = {}
    for result in run_folder.results():
        kept, c = run_folder.embeddings(result["point"]), result["config"]
        if c["data.fold"] is None:
            continue
        k = min(5, np.bincount(kept["labelled_labels"]).min())
        model = KNeighborsClassifier(k).fit(kept["labelled"], kept["labelled_labels"])
        predicted, _ = one_by_one.setdefault((c["system"], c["seed"]), (np.full(60, -1), KNOWN))
        predicted[part == c["data.fold"]] = model.predict(kept["test"])
    pooled = folds.pooled(run_folder.results())
    assert len(pooled) == len(one_by_one) == 4  # one for each seed, none for a fold
    for result in pooled:
        scores = {summary.measure(s): s for s in result["scores"]}
        assert {measure.metric for measure in scores} == {"accuracy", "balanced_accuracy"}
        c = result["config"]
        predicted, true_labels = (a[KNOWN >= 0] for a in one_by_one[c["system"], c["seed"]])
        assert result["scored"] == len(true_labels) == 31
        score = scores[ACCURACY]
        in_turn = np.argsort(part[KNOWN >= 0], kind="stable")
        assert score["right"] == "".join(str(int(r)) for r in (predicted == true_labels)[in_turn])
        assert score["value"] == pytest.approx(np.mean(predicted == true_labels))
        each = recall_score(true_labels, predicted, average=None)
        assert score["recalls"] == pytest.approx({str(i): each[i] for i in range(3)})
        balanced = scores[ACCURACY._replace(metric="balanced_accuracy")]["value"]
        assert balanced == pytest.approx(each.mean())
        assert "cluster is not scored: labelled images take turns" in result["note"]
        assert "the point trained with all labels, to be used, is " in result["note"]
    written = write.report([run_folder], run_folder.report, loading.loader(run_folder.path.parent))
    row = next(line for line in written.table.splitlines() if line.startswith("| dml_ae"))
    assert row.split("|")[2].strip() == "2"
    assert "latent" in {path.stem for path in written.pictures}
    assert "pixels" in written.table
    assert ": equally many of the 31 held-out labelled images are right" in written.table
    assert "neighbours" not in {path.stem for path in written.pictures}  # a class has few here


def test_a_seed_that_lost_a_fold_does_not_count(run_folder):
    results = run_folder.results()
    lost = [r | ({"status": "diverged", "reason": "", "scores": []} if i == 1 else {})
            for i, r in enumerate(results)]  # fmt: skip
    first = summary.groups(folds.pooled(lost), run_folder.plan()["grid_paths"])[0]
    assert (len(first.ok), len(first.results)) == (1, 2)
    assert list(first.values(ACCURACY)) == [(1, 0)]


def test_folds_can_be_left_out_and_mistakes_are_one_sentence(data_dir, tmp_path):
    alone = execute.run(OWN | {"data.folds": 0}, ({},), tmp_path / "run", data_dir)
    [result] = alone.results()
    assert result["scored"] == 6
    with pytest.raises(ConfigError, match=r"data\.fold is 7, but own\.npz has 5 folds"):
        execute.run(OWN | {"data.fold": 7}, ({},), tmp_path / "other", data_dir)
    whole = OWN | {"eval.protocols": ("full",)}
    np.savez(tmp_path / "own.npz", x=X[:30], y=Y[:30])
    with pytest.raises(ConfigError, match=r"own\.npz has no other test images: leave full out"):
        execute.run(whole, ({},), tmp_path / "third", tmp_path)
    other = BASE | {"system": "ae", "data.name": "digits", "data.fold": 0}
    with pytest.raises(ConfigError, match=r"data\.fold is 0, but digits has no folds"):
        execute.run(other, ({},), tmp_path / "fourth", tmp_path)


def test_the_same_call_again_trains_nothing(run_folder, data_dir, monkeypatch):
    before = (run_folder.path / "results.csv").read_bytes()
    monkeypatch.setattr(execute, "_in_this_process", None)
    over = ({"system": ("dml_ae", "ae"), "seed": (0, 1)},)
    execute.run(OWN, over, run_folder.path, data_dir)
    assert (run_folder.path / "results.csv").read_bytes() == before
    rescoring.rescore(run_folder.path, data_dir)
    assert (run_folder.path / "results.csv").read_bytes() == before


def test_a_seed_whose_folds_are_not_all_finished_does_not_count(run_folder):
    first, *rest = run_folder.results()
    assert first["config"]["data.fold"] == 0
    for results in (rest, [first, *rest[1:]]):
        pooled = folds.pooled(results)[0]
        assert (pooled["status"], pooled["scores"]) == ("failed", [])
        assert pooled["reason"] == "4 of its 5 folds are finished"


def test_what_is_kept_of_a_run_with_folds_says_the_same(run_folder, tmp_path):
    kept = archive.keep(run_folder, tmp_path / "kept")
    load = loading.loader(run_folder.path.parent)
    reports = [
        write.report([reported], tmp_path / name, load)
        for reported, name in ((run_folder, "a"), (kept, "b"))
    ]
    assert reports[0].table == reports[1].table


@pytest.mark.slow
def test_folds_have_two_images_at_least(data_dir, tmp_path):
    y = np.full(60, -1)
    y[:4] = 0, 0, 1, 1
    np.savez(tmp_path / "own.npz", x=X, y=y)
    run_folder = execute.run(OWN, ({},), tmp_path / "run", tmp_path)
    assert [r["scored"] for r in run_folder.results()] == [2, 2, 0]
    write.report([run_folder], run_folder.report, loading.loader(tmp_path))
    with pytest.raises(ConfigError, match=r"fold \d holds all images that are to be labelled"):
        execute.run(OWN | {"data.labelled_count": 1}, ({},), tmp_path / "single", tmp_path)
    apart = OWN | {"data.validation": 29}
    with pytest.raises(ConfigError, match=r"holds \d of them, and two are the least"):
        execute.run(apart, ({},), tmp_path / "validation", data_dir)


def test_copies_in_two_folds_and_classes_that_are_never_scored_are_said(tmp_path):
    y = np.full(60, -1)
    y[:31] = [*Y[:30], 3]
    x = X.copy()
    x[0:30:3] = x[0]  # all images of a class are one
    np.savez(tmp_path / "own.npz", x=x, y=y)
    notes = data.load("arrays", tmp_path, path="own.npz").notes
    assert any(
        "10 labelled images have a copy in another part of those that take turns" in note
        for note in notes
    )
    assert any("1 of 4 classes has no test image, and scores say nothing of it" in n for n in notes)


@pytest.fixture
def old(tmp_path, monkeypatch, data_dir):
    """A run as it was made before there were folds, baselines and recalls."""
    with monkeypatch.context() as patch:
        patch.setattr(user, "FEWEST", 0)  # a fifth was set apart, however few they were
        run_folder = execute.run(OWN, ({"seed": (0, 1)},), tmp_path / "old", data_dir)
    for result in run_folder.results():
        file = run_folder.point(result["point"]) / "result.json"
        for field in ("data.fold", "data.folds", "eval.baselines"):
            del result["config"][field]
        del result["scored"]
        for score in result["scores"]:
            score.pop("recalls", None)
        files.write_json(file, result)
    stored_plan = run_folder.plan()
    for field in ("notes", "places", "data_dir"):
        del stored_plan[field]
    run_folder.write_plan(stored_plan)
    base = files.read_json(run_folder.path / "config.json")
    base.pop("eval.baselines", None)
    files.write_json(run_folder.path / "config.json", base)
    return run_folder


def test_a_run_from_before_there_were_folds_is_reported_scored_again_and_goes_on(
    old, tmp_path, data_dir, monkeypatch
):
    before = {r["point"]: r["scores"] for r in old.results()}

    def values():
        return {r["point"]: [s["value"] for s in r["scores"]] for r in old.results()}

    expected = {point: [s["value"] for s in scores] for point, scores in before.items()}
    load = loading.loader(data_dir, {"data": old.plan()["data"]})
    written = write.report([old], old.report, load)
    assert "pixels" in written.table
    rescoring.rescore(old.path, data_dir)
    assert values() == expected
    monkeypatch.setattr(execute, "_in_this_process", None)
    execute.run(OWN, ({"seed": (0, 1)},), old.path, data_dir)  # nothing is left to train
    assert values() == expected
    assert [r["scored"] for r in old.results()] == [6, 6]


def test_a_run_is_not_scored_again_on_other_data(run_folder, tmp_path, data_dir):
    np.savez(tmp_path / "own.npz", x=X[::-1], y=KNOWN)
    before = (run_folder.path / "results.csv").read_bytes()
    with pytest.raises(ConfigError, match="have changed since the run"):
        rescoring.rescore(run_folder.path, tmp_path)
    assert (run_folder.path / "results.csv").read_bytes() == before
