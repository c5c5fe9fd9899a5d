"""Evaluation as a run does it: from the configuration to results.csv."""

import csv
import dataclasses
import re

import numpy as np
import pytest

from jaxdml.evaluate.scores import clustering, retrieval
from jaxdml.options import ConfigError
from jaxdml.runs.execution import execute, rescoring, training
from jaxdml.runs.execution.chunk_trainer import ChunkTrainer
from jaxdml.runs.planning import cohort_setup, loading
from jaxdml.runs.planning.points import point as point_of
from jaxdml.settings.resolve import resolve

BASE = {
    "system": "vae",
    "seed": 3,
    "data": {"name": "digits", "labelled_count": 40},
    "model": {"hidden": (16,), "latent_dim": 3},
    "train": {"epochs": 2},
    "eval": {
        "protocols": ("cluster", "retrieval", "full"),
        "classifiers": ("knn", "linear"),
        "embeddings": ("mean", "sample"),
        "neighbours": 3,
    },
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "one"
    return execute.run(BASE, ({},), path, path)


def rows(run_folder):
    with (run_folder.path / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def arrays(run_folder):
    [result] = run_folder.results()
    with np.load(run_folder.point(result["point"]) / "embeddings.npz") as kept:
        return dict(kept)


def by_the_run():
    """What is scored, by which classifier, of which embedding."""
    return {
        (protocol, name, kind)
        for protocol, name in (
            ("cluster", "kmeans"),
            ("retrieval", "neighbours"),
            ("full", "knn"),
            ("full", "linear"),
        )
        for kind in ("mean", "sample")
    }


def test_every_protocol_reaches_the_results_of_a_run(finished):
    kept = arrays(finished)
    keys = {(r["protocol"], r["classifier"], r["embedding"]) for r in rows(finished)}
    assert keys == by_the_run()
    for kind, z in (("mean", kept["test"]), ("sample", kept["test_sample"])):
        values = {(r["protocol"], r["metric"]): float(r["value"])
                  for r in rows(finished) if r["embedding"] == kind}  # fmt: skip
        for protocol, expected in (
            ("cluster", clustering.cluster(z, kept["test_labels"])),
            ("retrieval", retrieval.retrieve(z, kept["test_labels"])),
        ):
            for metric, value in expected.items():
                assert values[protocol, metric] == pytest.approx(value, abs=1e-12)


def test_full_is_fitted_on_the_training_images_in_their_order(finished):
    from sklearn.neighbors import KNeighborsClassifier

    [result] = finished.results()
    trainer = ChunkTrainer(finished, loading.loader(finished.path))
    setup, _, _, network = rescoring.trained_point(finished, result, trainer)
    train, test = setup.dataset.train, setup.dataset.test
    z, scored = (
        setup.model.encode(network.params["model"], split.x / 255.0)[0] for split in (train, test)
    )
    accuracy = KNeighborsClassifier(3).fit(z, train.y).score(scored, test.y)
    [stored] = [r["value"] for r in rows(finished)
               if (r["protocol"], r["classifier"], r["embedding"], r["metric"])
               == ("full", "knn", "mean", "accuracy")]  # fmt: skip
    assert float(stored) == pytest.approx(accuracy, abs=0.003)  # encoded in other batches


def test_only_the_embeddings_of_scored_and_labelled_images_are_kept(finished):
    kept = arrays(finished)
    assert {name: len(a) for name, a in kept.items()} == {
        "test": 450, "test_labels": 450, "test_sample": 450,
        "labelled": 40, "labelled_labels": 40, "labelled_index": 40,
    }  # fmt: skip


def test_a_sample_is_spread_about_the_mean_as_the_encoder_says_and_follows_the_seed(finished):
    [result] = finished.results()
    trainer = ChunkTrainer(finished, loading.loader(finished.path))
    setup, _, _, network = rescoring.trained_point(finished, result, trainer)
    mean, logvar = setup.model.encode(network.params["model"], setup.dataset.test.x / 255.0)
    noise = (arrays(finished)["test_sample"] - mean) / np.exp(logvar / 2)
    assert abs(noise.mean()) < 0.1
    assert abs(noise.std() - 1) < 0.1
    before = arrays(finished)["test_sample"]
    rescoring.rescore(finished.path, finished.path)
    np.testing.assert_array_equal(arrays(finished)["test_sample"], before)


def test_protocols_and_classifiers_are_added_without_training(finished, monkeypatch, capsys):
    before = (finished.path / "results.csv").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(training, "train", None)
        by = ("thesis", "labelled", "cluster"), ("rf", "mlp", "linear"), ("mean",)
        rescoring.rescore(finished.path, finished.path, *by)
        keys = {(r["protocol"], r["classifier"], r["embedding"]) for r in rows(finished)}
        added = {(protocol, name, "mean") for protocol in by[0][:2] for name in by[1]}
        assert keys == {*by_the_run(), *added}
        assert "test_sample" in arrays(finished)
        output = capsys.readouterr().err
        assert output.strip().endswith("1/1 points")
        assert "nan" not in output
    assert set(before.decode().splitlines()) < set(
        (finished.path / "results.csv").read_text().splitlines()
    )


def test_a_mistake_in_scoring_again_is_said_before_anything_is_scored(finished):
    before = (finished.path / "results.csv").read_bytes()
    for by, message in (
        ((["cluter"],), "eval.protocols must be one of cluster, full, labelled, propagated, "),
        (([], ["svm"]), "eval.classifiers must be one of knn, linear, mlp, rf, or a dotted path"),
        (([], [], ["median"]), "eval.embeddings must be one of mean, sample, but is 'median'"),
    ):
        with pytest.raises(ConfigError, match=message):
            rescoring.rescore(finished.path, finished.path, *by)
    assert (finished.path / "results.csv").read_bytes() == before


def test_of_a_deterministic_encoder_the_mean_is_scored(tmp_path):
    by = {"embeddings": ("sample",), "protocols": ("retrieval",)}
    run_folder = execute.run(BASE | {"system": "ae", "eval": by}, ({},), tmp_path, tmp_path)
    assert {r["embedding"] for r in rows(run_folder)} == {"mean"}
    assert "test_sample" not in arrays(run_folder)


def posteriors_are(monkeypatch, change):
    """As if the encoder's mean and log-variance were what the change makes of them."""
    original = cohort_setup.setup_of

    def changed(members, dataset):
        setup = original(members, dataset)
        encode = setup.encode
        return dataclasses.replace(setup, encode=lambda *arguments: change(*encode(*arguments)))

    monkeypatch.setattr(cohort_setup, "setup_of", changed)


@pytest.mark.parametrize("kinds", [("mean", "sample"), ("sample",)])
def test_a_sample_that_cannot_be_scored_is_noted_and_left_out(tmp_path, monkeypatch, kinds):
    posteriors_are(monkeypatch, lambda mean, logvar: (mean, np.full_like(logvar, 1e4)))
    by = {"embeddings": kinds, "protocols": ("retrieval",)}
    run_folder = execute.run(BASE | {"eval": by}, ({},), tmp_path, tmp_path)
    [result] = run_folder.results()
    assert result["status"] == "ok"
    assert result["note"] == "the sample of its posterior is not scored: non-finite embeddings"
    assert {r["embedding"] for r in rows(run_folder)} == ({"mean"} if "mean" in kinds else {""})


def test_of_a_collapsed_posterior_the_sample_is_scored(tmp_path, monkeypatch):
    posteriors_are(monkeypatch, lambda mean, logvar: (np.zeros_like(mean), np.zeros_like(logvar)))
    by = {"embeddings": ("mean", "sample"), "protocols": ("retrieval",)}
    run_folder = execute.run(BASE | {"eval": by}, ({},), tmp_path, tmp_path)
    [result] = run_folder.results()
    assert result["status"] == "ok"
    assert "the mean of its posterior is not scored: constant embeddings" in result["note"]
    assert {r["embedding"] for r in rows(run_folder)} == {"sample"}


def test_where_neither_mean_nor_sample_can_be_judged_the_point_failed(tmp_path, monkeypatch):
    posteriors_are(monkeypatch, lambda mean, logvar: (mean * np.nan, logvar))
    by = {"embeddings": ("mean", "sample"), "protocols": ("retrieval",)}
    [result] = execute.run(BASE | {"eval": by}, ({},), tmp_path, tmp_path).results()
    assert (result["status"], result["reason"]) == ("failed", "non-finite embeddings")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            {"eval.protocols": ("cluster", "fit")},
            "eval.protocols must be one of cluster, full, lab",
        ),
        ({"eval.classifiers": ("svm",)}, "eval.classifiers must be one of knn, linear, mlp, rf"),
        ({"eval.embeddings": ("median",)}, "eval.embeddings must be one of mean, sample, but is"),
        ({"eval.embeddings": ("mean", "mean")}, "eval.embeddings names something twice"),
        ({"eval.embeddings": ()}, "eval.embeddings must name something"),
        ({"eval.neighbours": 0}, "eval.neighbours must be at least 1 and finite, but is 0"),
        ({"eval.neighbours": 2.5}, "eval.neighbours must be a whole number, but is 2.5"),
        ({"eval.trees": 0}, "eval.trees must be at least 1"),
        ({"eval.mlp_iterations": -1}, "eval.mlp_iterations must be at least 1"),
        ({"eval.linear_iterations": "many"}, "eval.linear_iterations must be a whole number"),
        ({"eval.neighbors": 5}, "there is no field eval.neighbors; there is eval.neighbours"),
    ],
)
def test_a_wrong_option_is_refused(option, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        resolve({"system": "ae"} | option)


def test_how_a_point_is_scored_does_not_say_which_point_it_is():
    options = {"eval.neighbours": 1, "eval.trees": 9, "eval.embeddings": ("sample",)}
    assert point_of({"system": "vae"} | options).id == point_of({"system": "vae"}).id
