"""Raw pixels and PCA are scored by the same classifiers, once, and stand in every report."""

import json
import shutil

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier

from jaxdml import data
from jaxdml.evaluate import baselines as features
from jaxdml.options import ConfigError
from jaxdml.report import write
from jaxdml.runs.execution import execute, rescoring
from jaxdml.runs.planning import loading, plan
from jaxdml.runs.scoring import baselines
from jaxdml.runs.storage import archive, folder

BASE = {
    "data.name": "digits",
    "model.hidden": (8,),
    "model.latent_dim": 2,
    "train.epochs": 1,
    "eval.protocols": ("labelled", "full", "retrieval"),
}
GRID = ({"system": ("dml",), "data.labelled_count": (40, 80),
         ("seed", "data.labels_seed"): ((0, 0), (1, 1))},)  # fmt: skip


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("baselines")
    finished = execute.run(BASE, GRID, path / "run", path)
    scored(finished)  # as a report does
    return finished


def scored(run_folder, load=None):
    results = [r | {"folder": run_folder} for r in run_folder.results()]
    notes = []
    return baselines.results(
        [run_folder], results, load or loading.loader(run_folder.path), notes.append
    ), notes


def test_a_score_is_that_of_plain_scikit_learn(run_folder):
    digits = data.load("digits", run_folder.path)
    train, test = (part.x.reshape(-1, 64) / 255 for part in (digits.train, digits.test))
    pca = PCA(50).fit(train)
    for row in scored(run_folder)[0]:
        rows = plan.labels.select(
            digits.train.y, count=row["config"]["data.labelled_count"],
            seed=row["config"]["data.labels_seed"],
        )  # fmt: skip
        fit, score = (
            (train, test) if row["point"] == "pixels" else map(pca.transform, (train, test))
        )
        y = digits.train.y[rows]
        k = min(5, np.unique(y, return_counts=True)[1].min())
        values = {(s["protocol"], s["metric"]): s["value"] for s in row["scores"]}
        guess = KNeighborsClassifier(k).fit(fit[rows], y).predict(score)
        assert values["labelled", "accuracy"] == pytest.approx(
            (guess == digits.test.y).mean(), abs=0.003
        )
        ami = adjusted_mutual_info_score(digits.test.y, guess)
        assert values["labelled", "ami"] == pytest.approx(ami, abs=0.01)
        full = KNeighborsClassifier(5).fit(fit, digits.train.y).score(score, digits.test.y)
        assert values["full", "accuracy"] == pytest.approx(full, abs=0.003)


def test_each_data_labelled_images_and_seed_has_its_row(run_folder):
    rows, notes = scored(run_folder)
    assert notes == []
    columns = ("system", "data.labelled_count", "seed", "data.labels_seed")
    cells = [tuple(row["config"][path] for path in columns) for row in rows]
    assert sorted(cells) == sorted(
        (name, count, seed, seed)
        for name in ("pixels", "pca") for count in (40, 80) for seed in (0, 1)
    )  # fmt: skip
    paths = {row["config"]["data.name"] for row in rows}
    assert paths == {"digits"}


def test_draws_of_all_labels_are_scored_as_one(tmp_path, monkeypatch):
    draws = ({"system": ("dml",), "data.labelled_percent": (100.0,),
              ("seed", "data.labels_seed"): ((0, 0), (1, 1), (2, 2))},)  # fmt: skip
    finished = execute.run(BASE | {"eval.protocols": ("labelled",)}, draws, tmp_path, tmp_path)
    calls, evaluate = [], baselines.score.evaluate

    def counted(*args):
        calls.append(args)
        return evaluate(*args)

    monkeypatch.setattr(baselines.score, "evaluate", counted)
    rows, _ = scored(finished)
    assert len(rows) == 6
    assert len(calls) == 2  # of pixels and of PCA
    again, _ = scored(finished)  # from the file
    assert again == rows
    assert len(calls) == 2


def test_they_stand_in_the_report_and_take_part_in_no_test(run_folder):
    written = write.report([run_folder], run_folder.report, loading.loader(run_folder.path))
    lines = [line for line in written.table.splitlines() if line.startswith(("| pixels", "| pca"))]
    assert [line.split("|")[2].strip() for line in lines[:4]] == ["40", "40", "80", "80"]
    assert "pixels and pca have no network" in written.table
    text = written.text.read_text()
    differences = text.partition("## Differences")[2].partition("## ")[0]
    assert "pixels" not in differences
    assert "4 points on digits" in text


def test_they_are_scored_once(run_folder, monkeypatch):
    before = (run_folder.path / folder.BASELINE_SCORES).read_bytes()
    first = scored(run_folder)[0]
    monkeypatch.setattr(baselines.score, "evaluate", None)
    assert scored(run_folder)[0] == first
    assert (run_folder.path / folder.BASELINE_SCORES).read_bytes() == before
    # nor are they scored again for one that is kept, or without the data
    kept = archive.keep(run_folder, run_folder.path.parent / "kept")

    def gone(resolved):
        raise ConfigError("gone")

    assert [row["scores"] for row in scored(kept, gone)[0]] == [row["scores"] for row in first]


def test_new_protocols_are_added_to_what_is_kept(run_folder, tmp_path):
    shutil.copytree(run_folder.path, tmp_path / "run")
    again = rescoring.rescore(tmp_path / "run", run_folder.path, ["thesis"])
    before, after = scored(run_folder)[0], scored(again)[0]
    for old, new in zip(before, after, strict=True):
        assert [s for s in new["scores"] if s["protocol"] != "thesis"] == old["scores"]
        assert [s["metric"] for s in new["scores"]].count("accuracy") == 3
    assert len(json.loads((again.path / folder.BASELINE_SCORES).read_text())) > len(
        json.loads((run_folder.path / folder.BASELINE_SCORES).read_text())
    )


def test_their_class_scores_are_nearness_to_the_means_of_the_labelled(run_folder, tmp_path):
    shutil.copytree(run_folder.path, tmp_path / "run")
    again = rescoring.rescore(tmp_path / "run", run_folder.path, ["scores"])
    digits = data.load("digits", run_folder.path)
    train, test = (part.x.reshape(-1, 64) / np.float32(255) for part in (digits.train, digits.test))
    accuracies = set()
    for row in scored(again)[0]:
        [accuracy] = [
            s for s in row["scores"] if (s["protocol"], s["metric"]) == ("scores", "accuracy")
        ]
        if row["point"] == "pixels":
            labelled = plan.labels.select(
                digits.train.y, count=row["config"]["data.labelled_count"],
                seed=row["config"]["data.labels_seed"],
            )  # fmt: skip
            z, y = train[labelled].astype(float), digits.train.y[labelled]
            names = np.unique(y)
            distances = [np.square(test - z[y == c].mean(axis=0)).sum(axis=1) for c in names]
            right = names[np.argmin(distances, axis=0)] == digits.test.y
            assert accuracy["value"] == pytest.approx(right.mean(), abs=1e-12)
            accuracies.add(accuracy["value"])
    assert len(accuracies) == 4  # one for each labelled set


def test_a_protocol_that_is_not_here_any_more_is_said_and_the_rest_is_shown(run_folder):
    results = [r | {"folder": run_folder} for r in run_folder.results()]
    for result in results:
        result["config"] = result["config"] | {"eval.protocols": ["gone:make", "labelled"]}
    notes = []
    rows = baselines.results([run_folder], results, loading.loader(run_folder.path), notes.append)
    assert {s["protocol"] for row in rows for s in row["scores"]} == {"labelled"}
    [note] = notes
    assert note.startswith("no raw pixels and PCA under gone:make: eval.protocols=gone:make: there")


def test_without_the_data_it_is_said_that_they_are_missing(run_folder, tmp_path):
    shutil.copytree(run_folder.path, tmp_path / "run")
    (tmp_path / "run" / folder.BASELINE_SCORES).unlink()

    def gone(resolved):
        raise ConfigError("the data are gone")

    rows, notes = scored(folder.Folder(tmp_path / "run"), gone)
    assert rows == []
    assert notes == ["no raw pixels and PCA beside the points: the data are gone"]
    assert not (tmp_path / "run" / folder.BASELINE_SCORES).exists()


def test_what_would_take_long_is_left_out_and_said(run_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "MOST_VALUES", 450 * 60)
    shutil.copytree(run_folder.path, tmp_path / "run")
    (tmp_path / "run" / folder.BASELINE_SCORES).unlink()
    other = folder.Folder(tmp_path / "run")
    rows, notes = scored(other)
    by = {row["point"]: {s["protocol"] for s in row["scores"]} for row in rows}
    assert by == {"pixels": {"labelled", "full"}, "pca": {"labelled", "full", "retrieval"}}
    assert notes == [
        "pixels of digits are too many values for neighbours under retrieval: this baseline is not "
        "scored so"
    ]
    monkeypatch.setattr(baselines, "BASELINES", {})  # nothing is scored again, and it is said again
    again, notes_again = scored(other)
    assert [row["scores"] for row in again] == [row["scores"] for row in rows]
    assert notes_again == notes


def test_they_can_be_left_out(tmp_path):
    base = BASE | {"system": "dml", "data.labelled_count": 40, "eval.baselines": ()}
    run_folder = execute.run(base, ({},), tmp_path / "run", tmp_path)
    assert scored(run_folder) == ([], [])


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_pixels_are_between_0_and_1_whatever_they_came_as(kind):
    x = (np.arange(8).reshape(2, 2, 2, 1) * (36 if kind is np.uint8 else 1 / 7)).astype(kind)
    pixels = features.pixels(x)(x)
    assert pixels.shape == (2, 4)
    assert pixels.dtype == np.float32
    assert pixels.max() == pytest.approx(252 / 255 if kind is np.uint8 else 1)


def test_other_data_than_those_that_were_trained_on_give_no_baselines(run_folder, tmp_path):
    shutil.copytree(run_folder.path, tmp_path / "run")
    other = folder.Folder(tmp_path / "run")
    stored_plan = other.plan()
    stored_plan["data"] = dict.fromkeys(stored_plan["data"], "another fingerprint")
    other.write_plan(stored_plan)
    (other.path / folder.BASELINE_SCORES).unlink()
    rows, notes = scored(other)
    assert rows == []
    assert notes == [
        "no raw pixels and PCA beside the points: digits is not what it was when the points were "
        "trained"
    ]


@pytest.mark.parametrize("damage", ["[]", "null", '{"x": 1}', "{"])
def test_a_damaged_file_is_scored_anew(run_folder, tmp_path, damage):
    shutil.copytree(run_folder.path, tmp_path / "run")
    (tmp_path / "run" / folder.BASELINE_SCORES).write_text(damage)
    rows = scored(folder.Folder(tmp_path / "run"))[0]
    assert [row["scores"] for row in rows] == [row["scores"] for row in scored(run_folder)[0]]
