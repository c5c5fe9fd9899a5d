from types import SimpleNamespace

import numpy as np
import pytest

from jaxdml.evaluate.protocols import Embedded
from jaxdml.evaluate.scores.class_means import class_scores
from jaxdml.runs.planning.cohort_setup import Network
from jaxdml.runs.scoring import embedding
from jaxdml.settings import assembly
from jaxdml.settings.resolve import resolve


@pytest.mark.parametrize(("spread", "noted"), [(0.1, False), (100.0, True)])
def test_good_neighbours_are_no_collapse_though_the_loss_may_be_that_of_a_point(spread, noted):
    random, y = np.random.default_rng(0), np.arange(40) % 4
    setup = SimpleNamespace(
        collapse_check=lambda *_: np.array([0.2, 0.2]), sizes=SimpleNamespace(batch_size=32)
    )
    z = np.eye(4)[y] + spread * random.normal(size=(40, 4))
    resolved = resolve({"system": "dml"})
    assert bool(embedding._learned_nothing(setup, resolved, z, y)) == noted


def setup(system, **options):
    resolved = resolve({"system": system, "model.hidden": (4,), "model.latent_dim": 2} | options)

    def assemble(numbers):
        return assembly.assemble({**resolved, **numbers}, (2, 2, 1), 3)

    return SimpleNamespace(dataset=SimpleNamespace(classes="abc"), assemble=assemble), resolved


Z = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
EMBEDDED = Embedded(Z, np.arange(9) % 3, Z[:4], np.array([0, 2, 2, 0]))


def test_class_scores_without_class_weights_are_nearness_to_class_means():
    expected = class_scores(Z, EMBEDDED.labelled, EMBEDDED.labelled_labels, 3)
    networks = [
        ({"system": "dml"}, Network({"terms": {"metric": {}}}, {"metric": {}})),
        ({"system": "ae"}, Network({"terms": {}}, {})),
        # of a run that kept no more than parameters
        ({"system": "dml", "loss.name": "arcface"}, Network({"terms": {}}, None)),
    ]
    for options, network in networks:
        made, resolved = setup(**options)
        scores = embedding._class_scores(made, resolved, network, EMBEDDED)
        np.testing.assert_array_equal(scores, expected)


def test_class_weights_score_where_there_are_some_and_no_class_without_a_label():
    weights = np.arange(6, dtype=np.float32).reshape(2, 3) + 1
    params = {"metric": {"weights": weights}}
    network = Network({"terms": params}, {"metric": {"loss": {}, "means": {}}})
    made, resolved = setup("dml", **{"loss.name": "cosface", "loss.scale": 3.0})
    scores = embedding._class_scores(made, resolved, network, EMBEDDED)
    z, w = (a / np.linalg.norm(a, axis=i, keepdims=True) for a, i in ((Z, 1), (weights, 0)))
    np.testing.assert_allclose(scores[:, [0, 2]], (3 * z @ w)[:, [0, 2]], rtol=1e-5)
    assert (scores[:, 1] == -np.inf).all()
