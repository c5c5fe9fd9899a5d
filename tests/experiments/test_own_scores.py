"""Protocols and classifiers of a user, from the command line to results.csv and the report."""

import csv

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from jaxdml.evaluate.protocols import Embedded
from tests.third_party import margin

CENTROID = "sklearn.neighbors:NearestCentroid"
LOOKUP = "tests.third_party.lookup:make"
SCORES = ("accuracy", "balanced_accuracy", "ami")


def rows(workdir):
    with (workdir / "results.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    return {(r["protocol"], r["classifier"], r["metric"]): float(r["value"]) for r in records}


@pytest.mark.slow
def test_a_run_is_scored_by_what_a_user_has_written_and_later_by_more(command, tmp_path):
    workdir = tmp_path / "run"
    done = command(
        "train", "--config=configs/digits.py", f"--workdir={workdir}",
        "--config.train.epochs=1", "--config.model.hidden=(8,)",
        "--config.data.name=tests.third_party.blobs:make", "--config.data.labelled_percent=50.0",
        "--config.eval.protocols=('labelled', 'scores', 'tests.third_party.margin:make')",
        f"--config.eval.classifiers=('{CENTROID}',)",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first = rows(workdir)
    assert set(first) == {
        *(("labelled", CENTROID, metric) for metric in SCORES),
        *(("scores", "argmax", metric) for metric in SCORES),
        ("tests.third_party.margin:make", "means", "nearer"),
    }
    [point] = (workdir / "points").iterdir()
    with np.load(point / "embeddings.npz") as kept:
        z, y = kept["test"], kept["test_labels"]
        nearest = NearestCentroid().fit(kept["labelled"], kept["labelled_labels"]).predict(z)
    for name in (("labelled", CENTROID), ("scores", "argmax")):
        assert first[(*name, "accuracy")] == np.mean(nearest == y)
    measured = margin.nearer(Embedded(z, y, z, y))["nearer"]
    assert first["tests.third_party.margin:make", "means", "nearer"] == measured

    by = ["--protocols=tests.third_party.halves", f"--classifiers={LOOKUP},knn"]
    done = command("evaluate", f"--workdir={workdir}", "--trust", *by)
    assert done.returncode == 0, done.stderr
    added = rows(workdir)
    assert first.items() <= added.items()
    assert added[("tests.third_party.halves", LOOKUP, "accuracy")] == np.mean(
        y[1::2] == [y[::2][np.square(z[::2] - query).sum(axis=1).argmin()] for query in z[1::2]]
    )
    report = (workdir / "report" / "report.md").read_text()
    for heading in (
        "labelled sklearn.neighbors.NearestCentroid accuracy",
        "scores accuracy",
        "tests.third_party.margin means nearer",
        "tests.third_party.halves tests.third_party.lookup accuracy",
        "tests.third_party.halves kNN accuracy",
    ):
        assert heading in report
    assert "`scores`: nothing is fitted" in report
    page = (workdir / "report" / "report.html").read_text()
    assert "tests.third_party.margin means nearer" in page
    assert "| pixels " in done.stdout
    assert "sklearn.neighbors.NearestCentroid" in done.stdout

    wrong = command("evaluate", f"--workdir={workdir}", "--trust", "--classifiers=sklearn.svm:Svc")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "error: eval.classifiers=sklearn.svm:Svc: the module sklearn.svm has no function 'Svc'\n",
    )
