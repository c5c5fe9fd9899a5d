"""Protocols and classifiers of a user, by dotted paths; and the protocol `scores`."""

import functools
import re

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import (
    accuracy_score,
    adjusted_mutual_info_score,
    balanced_accuracy_score,
    recall_score,
)
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jaxdml.evaluate import classifiers, protocols
from jaxdml.evaluate.protocols import Embedded, Protocol
from jaxdml.evaluate.score import evaluate
from jaxdml.options import ConfigError
from tests.third_party import halves, margin

HERE = __name__
RANDOM = np.random.default_rng(0)
Y = np.arange(60) % 3
Z = (RANDOM.normal(size=(60, 2)) + Y[:, None]).astype(np.float32)
SCORES = RANDOM.normal(size=(60, 3)).astype(np.float32)
E = Embedded(Z, Y, Z[:12], Y[:12], class_scores=SCORES)


def values(scores):
    return {(s.protocol, s.classifier, s.metric): s.value for s in scores}


# what a user might name; some of it wrongly
def two(a, b): ...


def trees(options):
    return make_pipeline(StandardScaler(), ExtraTreesClassifier(options.trees))


def optional(options=classifiers.DEFAULTS):
    return ExtraTreesClassifier(options.trees)


def nothing():
    return None


class Matrix:
    """Answers with a column, which would be broadcast."""

    def fit(self, z, y): ...

    def predict(self, z):
        return np.zeros((len(z), 1), int)


no_way = Protocol
both_ways = functools.partial(Protocol, task=halves.halves, measure=margin.nearer)
other_needs = functools.partial(Protocol, measure=margin.nearer, needs=("labels",))
not_finite = functools.partial(Protocol, measure=lambda e: {"spread": float("nan")})
short = functools.partial(Protocol, predict=lambda e: e.test_labels[1:])
reader = functools.partial(Protocol, measure=lambda e: {"rows": float(len(e.train))})
with_remark = functools.partial(
    Protocol,
    predict=lambda e: e.test_labels,
    why_not=lambda e: "there are few" if len(e.test) < 50 else None,
    remark=lambda e: "all are right",
)


def test_a_class_of_scikit_learn_is_a_classifier_by_its_path():
    scores = evaluate({"mean": E}, ["labelled"], ["sklearn.neighbors:NearestCentroid", "knn"])
    predicted = NearestCentroid().fit(Z[:12], Y[:12]).predict(Z)
    assert scores[0].classifier == "sklearn.neighbors:NearestCentroid"
    assert [s.value for s in scores[:3]] == [
        accuracy_score(Y, predicted),
        pytest.approx(balanced_accuracy_score(Y, predicted)),
        pytest.approx(adjusted_mutual_info_score(Y, predicted)),
    ]
    assert scores[3:] == evaluate({"mean": E}, ["labelled"], ["knn"])


def test_a_function_of_ones_own_gets_the_options():
    options = classifiers.Options(trees=7)
    assert classifiers.make_classifier(f"{HERE}:trees", options)[-1].n_estimators == 7
    assert classifiers.make_classifier(f"{HERE}:optional", options).n_estimators == 7
    lookup = classifiers.make_classifier("tests.third_party.lookup", options)
    assert lookup.neighbours == options.neighbours


def test_a_missing_seed_is_0_also_inside_a_pipeline():
    assert classifiers.make_classifier(f"{HERE}:trees")[-1].random_state == 0
    by = ["labelled"], [f"{HERE}:trees"], classifiers.Options(trees=3)
    assert evaluate({"mean": E}, *by) == evaluate({"mean": E}, *by)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("svm", "must be one of knn, linear, mlp, rf, or a dotted path like my_package.my_module"),
        ("sklearn.svm:Svc", "the module sklearn.svm has no function 'Svc'"),
        ("nowhere:make", "there is no module 'nowhere' on the import path"),
        (f"{HERE}:two", "needs a, b: name a function make(options) of your own"),
        (
            "sklearn.multiclass:OneVsRestClassifier",
            "needs estimator: name a function make(options)",
        ),
        (f"{HERE}:nothing", "must make a classifier with fit and predict, but makes None"),
        ("sklearn.linear_model:Ridge", "must make a classifier, but a Ridge is none"),
        ("sklearn.cluster:KMeans", "must make a classifier, but a KMeans is none"),
    ],
)
def test_what_is_no_classifier_is_refused_in_a_sentence(name, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        classifiers.check_classifier(name)


def test_what_a_classifier_of_another_complains_of_is_a_sentence_with_its_name():
    few = E._replace(labelled=Z[:3], labelled_labels=Y[:3])
    name = "sklearn.neighbors:KNeighborsClassifier"
    with pytest.raises(ConfigError, match=f"{name} under labelled: Expected n_neighbors"):
        evaluate({"mean": few}, ["labelled"], [name])
    with pytest.raises(ConfigError, match=r"Matrix under labelled: the shape of what a classifier"):
        evaluate({"mean": E}, ["labelled"], [f"{HERE}:Matrix"])


def test_a_protocol_of_ones_own_fits_or_measures():
    by = ["tests.third_party.margin", "tests.third_party.halves:make", "thesis"]
    scores = evaluate({"mean": E}, by, ["knn"])
    assert [(s.protocol, s.classifier, s.metric) for s in scores[:2]] == [
        (by[0], "means", "nearer"),
        (by[1], "knn", "accuracy"),
    ]
    assert scores[0].value == margin.nearer(E)["nearer"]
    whole = Embedded(Z[1::2], Y[1::2], Z[::2], Y[::2])
    expected = evaluate({"mean": whole}, ["labelled"], ["knn"])
    assert [s.value for s in scores[1:4]] == [s.value for s in expected]
    assert [s.protocol for s in scores[4:]] == ["thesis"] * 3


def test_a_protocol_of_ones_own_says_why_it_is_not_scored_and_what_to_know():
    name = f"{HERE}:with_remark"
    assert protocols.remarks([name], E) == [f"{name}: all are right"]
    assert [s.value for s in evaluate({"mean": E}, [name], [])] == [1.0, 1.0, 1.0]
    few = E._replace(test=Z[:9], test_labels=Y[:9], class_scores=None)
    assert protocols.remarks([name], few) == [f"{name} is not scored: there are few"]
    assert evaluate({"mean": few}, [name], []) == []
    fold = E._replace(fold=True)
    assert "take turns as test images" in protocols.remarks([name], fold)[0]
    assert evaluate({"mean": fold}, [name], []) == []


def test_a_protocol_sees_nothing_that_it_does_not_ask_for():
    embedded = E._replace(train=Z, train_labels=Y)
    with pytest.raises(TypeError):  # len(None)
        evaluate({"mean": embedded}, [f"{HERE}:reader", "full"], [])
    protocol_input = protocols.what_it_needs("full", embedded)
    assert (protocol_input.train is Z, protocol_input.class_scores) == (True, None)
    with pytest.raises(ValueError, match=r"full needs train, but Embedded\.train is None"):
        evaluate({"mean": E}, ["full"], ["knn"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fit", "must be one of cluster, full, labelled, propagated, retrieval, scores, thesis, t"),
        (f"{HERE}:two", "must take no argument, but needs a, b"),
        (f"{HERE}:nothing", "must return a jaxdml.evaluate.protocols.Protocol, but returns a None"),
        (f"{HERE}:no_way", "must have one of task, predict and measure"),
        (f"{HERE}:both_ways", "must have one of task, predict and measure"),
        (
            f"{HERE}:other_needs",
            "needs must be some of labelled, train, train_labels, class_scores, lab",
        ),
    ],
)
def test_what_is_no_protocol_is_refused_in_a_sentence(name, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        protocols.find_protocol(name)


def test_values_that_are_no_numbers_and_labels_that_are_too_few_are_refused():
    with pytest.raises(ConfigError, match="not_finite measures spread as nan, but a value must be"):
        evaluate({"mean": E}, [f"{HERE}:not_finite"], [])
    with pytest.raises(ValueError, match=r"short must be \(60,\), a label for each image"):
        evaluate({"mean": E}, [f"{HERE}:short"], [])


def test_class_scores_are_worth_what_their_highest_is():
    results = evaluate({"mean": E, "sample": E._replace(class_scores=-SCORES)}, ["scores"], ["knn"])
    for kind, scores, three in (("mean", SCORES, results[:3]), ("sample", -SCORES, results[3:])):
        predicted = np.array([max(range(3), key=lambda c, row=row: row[c]) for row in scores])
        assert {s[:3] for s in three} == {("scores", "argmax", kind)}
        assert {s.metric: s.value for s in three} == {
            "accuracy": accuracy_score(Y, predicted),
            "balanced_accuracy": pytest.approx(balanced_accuracy_score(Y, predicted)),
            "ami": pytest.approx(adjusted_mutual_info_score(Y, predicted)),
        }
        recalls = dict(zip("012", recall_score(Y, predicted, average=None), strict=True))
        assert three[0].recalls == pytest.approx(recalls)


def test_of_a_fold_class_scores_have_accuracies_and_no_mutual_information():
    scores = evaluate({"mean": E._replace(fold=True)}, ["scores"], [])
    assert [s.metric for s in scores] == ["accuracy", "balanced_accuracy"]


def test_classes_without_a_class_score_are_counted_as_wrong():
    scores = SCORES.copy()
    scores[:, 1:] = -np.inf
    single_class = E._replace(class_scores=scores)
    assert protocols.remarks(["scores"], single_class) == [
        "scores: 40 of 60 test images are of 2 classes without a class score: they are wrong"
    ]
    assert evaluate({"mean": single_class}, ["scores"], [])[0].value == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("scores", "why"),
    [
        (np.where([False, False, True], SCORES, np.nan), "class scores are not finite"),
        (np.where([False, False, True], SCORES, np.inf), "class scores are not finite"),
        (
            np.concatenate([np.full_like(SCORES, -np.inf), SCORES], axis=1),
            "no test image is of a class with a class score",
        ),
    ],
)
def test_class_scores_that_say_nothing_are_not_scored(scores, why):
    bad = E._replace(class_scores=scores)
    assert protocols.remarks(["scores"], bad) == [f"scores is not scored: {why}"]
    assert evaluate({"mean": bad}, ["scores"], []) == []
