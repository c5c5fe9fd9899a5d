import warnings

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    adjusted_mutual_info_score,
    balanced_accuracy_score,
    recall_score,
)
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from jaxdml.evaluate import classifiers, embed, protocols, score

FEW = classifiers.Options(neighbours=3, trees=7, mlp_iterations=60, linear_iterations=6)


def embedded(scale=1.0, train=0):
    """Three noisy classes; few of the images are labelled."""
    random = np.random.default_rng(0)
    sizes = {"test": 90, "labelled": 24, "train": train}
    y = {name: np.arange(size, dtype=np.int32) % 3 for name, size in sizes.items() if size}
    z = {n: (scale * (random.normal(size=(len(y[n]), 2)) + y[n][:, None])).astype("f") for n in y}
    return protocols.Embedded(**z, **{f"{name}_labels": y[name] for name in y})


def standardised(fit, score):
    return (fit - fit.mean(0)) / fit.std(0), (score - fit.mean(0)) / fit.std(0)


def plainly(name, fit, y, score):
    """Predicted labels, by scikit-learn as it is called without this library."""
    if name == "linear":
        fit, score = standardised(fit.astype(float), score.astype(float))
    models = {
        "knn": KNeighborsClassifier(n_neighbors=3),
        "rf": RandomForestClassifier(n_estimators=7, random_state=0),
        "mlp": MLPClassifier(max_iter=60, random_state=0),
        "linear": LogisticRegression(max_iter=6),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return models[name].fit(fit, y).predict(score)


@pytest.mark.parametrize("name", classifiers.CLASSIFIERS)
@pytest.mark.parametrize("protocol", ["thesis", "labelled", "full"])
def test_a_classifier_scores_as_plain_scikit_learn_does(protocol, name):
    e = embedded(train=150)
    z1, z2, y1, y2 = {
        "thesis": train_test_split(e.test, e.test_labels, test_size=1 / 3, random_state=0),
        "labelled": (e.labelled, e.test, e.labelled_labels, e.test_labels),
        "full": (e.train, e.test, e.train_labels, e.test_labels),
    }[protocol]
    predicted = plainly(name, z1, y1, z2)
    scores = score.evaluate({"sample": e}, [protocol], [name], FEW)
    assert [s[:3] for s in scores] == [(protocol, name, "sample")] * 3
    assert {s.metric: s.value for s in scores} == {
        "accuracy": accuracy_score(y2, predicted),
        "balanced_accuracy": pytest.approx(balanced_accuracy_score(y2, predicted)),
        "ami": adjusted_mutual_info_score(y2, predicted),
    }
    each = recall_score(y2, predicted, average=None)
    assert scores[0].recalls == pytest.approx({str(i): each[i] for i in range(3)})
    assert scores[2].record() == {
        "protocol": protocol, "classifier": name, "embedding": "sample", "metric": "ami",
        "value": scores[2].value,
    }  # fmt: skip
    assert len(np.unique(predicted)) == 3, "the case is too easy to tell anything"


@pytest.mark.parametrize("name", classifiers.CLASSIFIERS)
def test_where_one_class_only_is_labelled_everything_is_of_it(name):
    e = embedded()
    single_class = e._replace(labelled_labels=np.full(24, 2, np.int32))
    accuracy, balanced, ami = score.evaluate({"mean": single_class}, ["labelled"], [name])
    assert accuracy.value == (e.test_labels == 2).mean()
    assert balanced.value == pytest.approx(1 / 3)
    assert ami.value == 0


@pytest.mark.parametrize("name", classifiers.CLASSIFIERS)
@pytest.mark.parametrize("scale", [1e-37, 1e-12, 1e-4, 1e4, 1e12, 1e36])
def test_no_unit_of_an_embedding_makes_it_look_like_chance(name, scale):
    e = embedded(scale)
    assert embed.defect(e.test) is None
    [usual, *_], [rescaled, *_] = (
        score.evaluate({"mean": part}, ["thesis"], [name]) for part in (embedded(), e)
    )
    assert usual.value > 0.5
    assert rescaled.value == pytest.approx(usual.value, abs=0.1)


def test_within_range_embeddings_stay_as_they_are():
    for scale in (0.01, 1, 100):
        e = embedded(scale, train=9)
        assert score.in_range(e) is e
    far = embedded(1e-9, train=9)
    for old, new in zip(far[:6], score.in_range(far)[:6], strict=True):
        factor = 1.0 if old.dtype == np.int32 else 2.0**30
        np.testing.assert_array_equal(new, factor * old)


def test_all_is_scored_in_the_order_in_which_it_is_asked_for():
    e = embedded(train=30)
    embedded_by_kind = {"sample": e, "mean": e}
    by = ["retrieval", "full", "cluster", "thesis"]
    scores = score.evaluate(embedded_by_kind, by, ["linear", "knn"], FEW)
    names = list(dict.fromkeys(score[:3] for score in scores))
    assert names == [
        (protocol, name, kind)
        for kind in ("sample", "mean")
        for protocol, of in zip(
            by, (["neighbours"], ["linear", "knn"], ["kmeans"], ["linear", "knn"]), strict=True
        )
        for name in of
    ]
    assert len({score[:4] for score in scores}) == len(scores)
    assert all(type(score.value) is float for score in scores)
