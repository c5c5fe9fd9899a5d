"""Protocols of labels that are propagated over a graph of embeddings."""

import numpy as np
import pytest

from jaxdml.evaluate import protocols
from jaxdml.evaluate.protocols import Embedded
from jaxdml.evaluate.score import evaluate
from jaxdml.evaluate.scores.propagated import inductive, transductive
from jaxdml.graph import propagate
from jaxdml.runs.execution import execute
from jaxdml.runs.planning import loading
from jaxdml.runs.scoring import baselines
from jaxdml.runs.storage import files
from tests.runs.small import BASE

BOTH = ("propagated", "transductive")
RANDOM = np.random.default_rng(0)


def clouds(count, apart=2.0):
    y = (np.arange(count) % 3).astype(np.int32)
    z = RANDOM.normal(size=(count, 4)) + apart * np.eye(4)[y]
    return z.astype(np.float32), y


TRAIN, Y = clouds(200)
TEST, TEST_Y = clouds(60)
ROWS = np.array([3, 4, 50, 8])
E = Embedded(TEST, TEST_Y, TRAIN[ROWS], Y[ROWS], TRAIN, None, labelled_rows=ROWS)


def test_a_test_image_has_the_class_that_its_neighbours_vote_for():
    propagated = propagate(TRAIN, ROWS, Y[ROWS], 3)
    expected = []
    for query in TEST.astype(np.float64):
        apart = [(float(np.square(z - query).sum()), i) for i, z in enumerate(TRAIN.astype(float))]
        votes = [0.0] * 3
        for _, i in sorted(apart)[:10]:
            votes[propagated.labels[i]] += float(propagated.confidence[i])
        expected.append(votes.index(max(votes)))
    predicted = inductive(TRAIN, ROWS, Y[ROWS], TEST)
    assert predicted.tolist() == expected
    assert predicted.dtype == np.int32


def test_with_test_images_in_the_graph_their_labels_are_read_off():
    propagated = propagate(np.concatenate([TRAIN, TEST]), ROWS, Y[ROWS], 3)
    np.testing.assert_array_equal(transductive(TRAIN, ROWS, Y[ROWS], TEST), propagated.labels[200:])


@pytest.mark.parametrize("predict", [inductive, transductive])
def test_an_image_that_no_label_reaches_has_that_of_the_nearest_labelled_one(predict):
    train = np.concatenate([TRAIN, TRAIN[:40] + 1000])
    far = TEST[:20] + 1000
    predicted = predict(train, ROWS, Y[ROWS], far)
    apart = np.square(far[:, None] - TRAIN[ROWS]).sum(axis=2)
    assert predicted.tolist() == Y[ROWS][apart.argmin(axis=1)].tolist()


def test_test_images_alone_do_not_move_the_graph_of_training_images():
    alone = [inductive(TRAIN, ROWS, Y[ROWS], TEST[i : i + 1])[0] for i in range(10)]
    assert alone == inductive(TRAIN, ROWS, Y[ROWS], TEST)[:10].tolist()


def test_accuracy_is_that_of_the_predictions():
    values = {
        (s.protocol, s.classifier, s.metric): s.value for s in evaluate({"mean": E}, BOTH, [])
    }
    for name, predict in zip(BOTH, (inductive, transductive), strict=True):
        right = predict(TRAIN, ROWS, Y[ROWS], TEST) == TEST_Y
        assert values[name, "graph", "accuracy"] == right.mean()
    assert {key[2] for key in values} == {"accuracy", "balanced_accuracy", "ami"}


@pytest.mark.parametrize("name", BOTH)
def test_they_read_no_label_but_those_of_labelled_images(name):
    embedded = E._replace(train_labels=Y)
    assert protocols.what_it_needs(name, embedded).train_labels is None
    protocol = protocols.find_protocol(name)
    other = embedded._replace(test_labels=TEST_Y[::-1], train_labels=Y[::-1])
    np.testing.assert_array_equal(protocol.predict(embedded), protocol.predict(other))
    assert protocols.unscorable(name, embedded._replace(fold=True))
    with pytest.raises(ValueError, match=r"needs labelled_rows, but Embedded\.labelled_rows is"):
        protocols.what_it_needs(name, embedded._replace(labelled_rows=None))


def test_classes_without_a_labelled_image_are_named():
    few = E._replace(labelled=TRAIN[[3]], labelled_labels=Y[[3]], labelled_rows=np.array([3]))
    remarks = protocols.remarks(BOTH, few)
    what = "40 of 60 test images are of 2 classes without a labelled image: they are wrong"
    assert remarks == [f"{name}: {what}" for name in BOTH]
    none = few._replace(test_labels=np.full(60, 7))
    assert "no test image is of a class with a labelled" in protocols.unscorable(BOTH[0], none)


def test_they_are_scored_of_a_training_and_beside_it_of_its_baselines(tmp_path):
    options = BASE | {
        "system": "dml", "eval.protocols": BOTH, "eval.classifiers": ("knn",),
        "eval.baselines": ("pca",),
    }  # fmt: skip
    run_folder = execute.run(options, ({},), tmp_path, tmp_path)
    [result] = run_folder.results()
    assert result["status"] == "ok", result["reason"]
    rows = files.read_csv(run_folder.path / "results.csv")
    scored_pairs = {(r["protocol"], r["classifier"]) for r in rows if r["metric"] == "accuracy"}
    assert scored_pairs == {(name, "graph") for name in BOTH}
    results = [record | {"folder": run_folder} for record in run_folder.results()]
    [pca] = baselines.results([run_folder], results, loading.loader(run_folder.path), print)
    assert {(s["protocol"], s["classifier"]) for s in pca["scores"]} == scored_pairs
    assert min(float(r["value"]) for r in rows if r["metric"] == "accuracy") > 0.5
