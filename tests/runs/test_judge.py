from types import SimpleNamespace

import numpy as np
import pytest

from jaxdml import config
from jaxdml.evaluate.class_means import class_scores
from jaxdml.evaluate.protocols import Embedded
from jaxdml.runs import judge


@pytest.mark.parametrize(("spread", "said"), [(0.1, False), (100.0, True)])
def test_good_neighbours_are_no_collapse_though_the_loss_may_be_that_of_a_point(spread, said):
    random, y = np.random.default_rng(0), np.arange(40) % 4
    shop = SimpleNamespace(
        at_a_point=lambda *_: np.array([0.2, 0.2]), sizes=SimpleNamespace(batch_size=32)
    )
    z = np.eye(4)[y] + spread * random.normal(size=(40, 4))
    resolved = config.resolve({"system": "dml"})
    assert bool(judge._learned_nothing(shop, resolved, z, y)) == said


def shop(**attributes):
    return SimpleNamespace(dataset=SimpleNamespace(classes="abc"), **attributes)


Z = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
EMBEDDED = Embedded(Z, np.arange(9) % 3, Z[:4], np.array([0, 2, 2, 0]))


def test_class_scores_without_class_weights_are_nearness_to_class_means():
    for found in (shop(), shop(class_scores=None)):
        scores = judge._class_scores(found, {}, None, EMBEDDED)
        expected = class_scores(Z, EMBEDDED.labelled, EMBEDDED.labelled_labels, 3)
        np.testing.assert_array_equal(scores, expected)


def test_class_weights_score_where_there_are_some_and_no_class_without_a_label():
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    given = {"model": {}, "terms": {"metric": {"weights": weights}}}

    def scores(params, kept, z):
        assert kept == "kept"
        return z @ params["terms"]["metric"]["weights"]

    found = judge._class_scores(shop(class_scores=scores), given, "kept", EMBEDDED)
    np.testing.assert_array_equal(found[:, [0, 2]], (Z @ weights)[:, [0, 2]])
    assert (found[:, 1] == -np.inf).all()
