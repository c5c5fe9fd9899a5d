import os
import signal
import time

import numpy as np
import pytest

from jaxdml.evaluate import classifiers, protocols, score
from jaxdml.runs.scoring import scorer as scoring
from jaxdml.runs.scoring.embedding import EmbeddedPoint
from jaxdml.runs.scoring.scorer import Scorer
from jaxdml.settings.fields import SCORING, usual
from jaxdml.train import population

BY = ("labelled", "thesis")
CONFIG = {
    **usual(SCORING),
    "eval.protocols": BY,
}


def embedded_point(seed, **options):
    random = np.random.default_rng(seed)
    y = np.arange(90) % 3
    z = (random.normal(size=(90, 2)) + y[:, None]).astype(np.float32)
    kinds = {"mean": z, "sample": z + random.normal(size=z.shape).astype(np.float32)}
    embedded = {k: protocols.Embedded(z, y, z[:12], y[:12], z, y) for k, z in kinds.items()}
    return EmbeddedPoint({"config": CONFIG | options}, embedded, {})


def plain(seed):
    return [s.record() for s in score.evaluate(embedded_point(seed).embedded, BY, ["knn"])]


def until_done(scorer, then=lambda: None):
    deadline = time.monotonic() + 60
    while scorer.busy:
        assert time.monotonic() < deadline
        scorer.collect(0.1)
        then()


@pytest.fixture
def at_once(monkeypatch):
    """Worker processes are worth it from the second point on."""
    monkeypatch.setattr(scoring, "SECONDS_TO_START", 0.0)


def test_a_point_without_embeddings_has_no_scores():
    received = []
    with Scorer(1) as scorer:
        scorer.submit(embedded_point(0)._replace(embedded={}), received.append)
    assert received == [[]]


def test_little_work_is_done_here():
    received = []
    with Scorer(3) as scorer:
        for seed in range(3):
            scorer.submit(embedded_point(seed), received.append)
        assert not scorer.busy
        assert scorer.pool is None
    assert received == [plain(seed) for seed in range(3)]


def test_worker_processes_give_the_same_scores_and_a_killed_one_loses_none(at_once):
    scores_by_seed = {}
    with Scorer(6, workers=1) as scorer:
        for seed in range(4):
            scorer.submit(
                embedded_point(seed),
                lambda scores, seed=seed: scores_by_seed.update({seed: scores}),
            )
        assert scorer.busy
        assert list(scores_by_seed) == [0]
        until_done(scorer)
        victim, pool = scorer.pool.submit(os.getpid).result(), scorer.pool
        assert victim != os.getpid()
        pool.submit(time.sleep, 60)
        scorer.submit(embedded_point(4), lambda scores: scores_by_seed.update({4: scores}))
        os.kill(victim, signal.SIGKILL)
        until_done(scorer)
        scorer.submit(embedded_point(5), lambda scores: scores_by_seed.update({5: scores}))
        until_done(scorer)
        pool.shutdown(kill_workers=True)
    assert scores_by_seed == {seed: plain(seed) for seed in range(6)}


def test_a_pool_that_died_while_idle_loses_nothing(at_once):
    received = []
    with Scorer(3, workers=1) as scorer:
        scorer.submit(embedded_point(0), received.append)
        pool = scorer.pool
        os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)
        deadline = time.monotonic() + 30
        while not pool._flags.broken:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        scorer.submit(embedded_point(1), received.append)
        until_done(scorer)
        pool.shutdown(kill_workers=True)
    assert received == [plain(0), plain(1)]


def test_nearest_neighbours_are_found_on_an_accelerator(monkeypatch):
    monkeypatch.setattr(population, "accelerated", lambda: True)
    neighbours = []
    original = scoring.neighbours.KNeighbors
    monkeypatch.setattr(
        scoring.neighbours, "KNeighbors", lambda k: neighbours.append(k) or original(k)
    )
    received = []
    with Scorer(1) as scorer:
        scorer.submit(embedded_point(0), received.append)
    assert neighbours == [4, 5] * 2  # of the mean, and of a sample
    assert received == [plain(0)]


def test_an_accelerator_leaves_the_rest_to_others_and_the_order_as_it_was(monkeypatch, at_once):
    by = ("retrieval", "full", "thesis"), ("linear", "knn")
    options = {"eval.protocols": by[0], "eval.classifiers": by[1], "eval.neighbours": 9}
    several = embedded_point(0, **options)
    expected = score.evaluate(several.embedded, *by, classifiers.Options(neighbours=9))
    monkeypatch.setattr(population, "accelerated", lambda: True)
    received = []
    with Scorer(3, workers=1) as scorer:
        scorer.submit(several, received.append)
        scorer.submit(several, received.append)
        assert len(scorer.waiting) == 1
        until_done(scorer)
        scorer.submit(embedded_point(0), received.append)  # nearest neighbours alone: at once
        assert not scorer.busy
    assert received == [[score.record() for score in expected]] * 2 + [plain(0)]


def test_no_more_points_are_kept_waiting_than_memory_has_room_for(monkeypatch, at_once):
    monkeypatch.setattr(scoring, "MOST_WAITING", 2)
    received = []
    with Scorer(9, workers=1) as scorer:
        for seed in range(8):
            scorer.submit(embedded_point(seed), received.append)
            assert len(scorer.waiting) <= 2
        until_done(scorer)
    assert received == [plain(seed) for seed in range(8)]


def test_a_worker_process_finds_what_a_user_has_written(at_once, tmp_path, monkeypatch):
    (tmp_path / "written_by_a_user.py").write_text(
        "from jaxdml.evaluate.protocols import Protocol\n"
        "from sklearn.neighbors import NearestCentroid\n"
        "def rows():\n"
        "    return Protocol(measure=lambda embedded: {'rows': len(embedded.test)})\n"
        "def classifier(options):\n"
        "    return NearestCentroid()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    by = ("written_by_a_user:rows", "labelled"), ("written_by_a_user:classifier",)
    point = embedded_point(0, **{"eval.protocols": by[0], "eval.classifiers": by[1]})
    received = []
    with Scorer(3, workers=1) as scorer:
        scorer.submit(point, received.append)
        scorer.submit(point, received.append)
        assert len(scorer.waiting) == 1
        until_done(scorer)
    assert received == [[s.record() for s in score.evaluate(point.embedded, *by)]] * 2
    assert (received[0][0]["classifier"], received[0][0]["value"]) == ("itself", 90.0)


def test_an_accelerator_leaves_protocols_that_fit_nothing_to_others(monkeypatch):
    monkeypatch.setattr(population, "accelerated", lambda: True)
    by = ("tests.third_party.margin", "tests.third_party.halves", "labelled"), ("knn",)
    point = embedded_point(0, **{"eval.protocols": by[0]})
    received = []
    with Scorer(1) as scorer:
        scorer.submit(point, received.append)
    assert received == [[s.record() for s in score.evaluate(point.embedded, *by)]]
