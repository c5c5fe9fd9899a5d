import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from jaxdml.evaluate import classifiers, neighbours, protocols, score


def embeddings(kind, rows, random):
    if kind == "normal":
        return random.normal(size=(rows, 10)), random.normal(size=(rows // 2, 10))
    if kind == "far from the origin":
        return tuple(10 + 1e-2 * random.normal(size=(n, 3)) for n in (rows, rows // 2))
    if kind == "an outlier":  # whose size hides the distances of all others
        z = 1e-3 * random.normal(size=(rows, 4))
        z[0] = 1e5
        return z, 1e-3 * random.normal(size=(rows // 2, 4))
    return random.normal(size=(rows, 1)), random.normal(size=(rows // 2, 1))


@pytest.mark.parametrize("kind", ["normal", "far from the origin", "an outlier", "a line"])
@pytest.mark.parametrize(("rows", "k"), [(400, 5), (400, 1), (9, 5), (5, 5)])
def test_the_answer_is_that_of_scikit_learn(kind, rows, k):
    random = np.random.default_rng(rows + k)
    fit, scored = (z.astype(np.float32) for z in embeddings(kind, rows, random))
    y = random.choice([2, 3, 7], rows)
    expected = KNeighborsClassifier(k).fit(fit.astype(float), y).predict(scored.astype(float))
    predicted = neighbours.KNeighbors(k).fit(fit, y).predict(scored)
    np.testing.assert_array_equal(predicted, expected)


def test_rows_that_float32_cannot_order_are_compared_with_everything():
    random = np.random.default_rng(0)
    fit, scored = (z.astype(np.float32) for z in embeddings("an outlier", 300, random))
    centre = fit.mean(axis=0)
    near = np.asarray(neighbours._candidates(fit - centre, scored - centre, 5)[0])
    exact = np.argsort(neighbours._squared(scored[:, None], fit[None]), axis=1)[:, :5]
    assert (np.sort(near) != np.sort(exact)).any(), "the case is too easy to need an exact pass"


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_embeddings_too_large_for_squares_in_float32_are_compared_in_float64():
    random = np.random.default_rng(0)
    z = (1e19 * random.normal(size=(90, 3))).astype(np.float32)
    y = random.integers(0, 3, 90)
    expected = KNeighborsClassifier(5).fit(z.astype(float), y).predict(z.astype(float))
    np.testing.assert_array_equal(neighbours.KNeighbors(5).fit(z, y).predict(z), expected)


def test_many_rows_go_in_parts(monkeypatch):
    random = np.random.default_rng(0)
    fit, scored = (z.astype(np.float32) for z in embeddings("normal", 60, random))
    y = random.integers(0, 3, 60)
    whole = neighbours.KNeighbors(5).fit(fit, y).predict(scored)
    monkeypatch.setattr(neighbours, "ENTRIES", 7 * 60)
    np.testing.assert_array_equal(neighbours.KNeighbors(5).fit(fit, y).predict(scored), whole)
    assert neighbours.KNeighbors(5).fit(fit, y).predict(scored[:0]).shape == (0,)


def test_a_protocol_takes_either_classifier():
    random = np.random.default_rng(0)
    z = random.normal(size=(90, 2)).astype(np.float32)
    y = random.integers(0, 3, 90)
    e = {"mean": protocols.Embedded(z, y, z[:30], y[:30], z[30:], y[30:])}
    table = {"knn": lambda options: neighbours.KNeighbors(options.neighbours)}
    by = ["thesis", "labelled", "full"], ["knn"], classifiers.Options(neighbours=7)
    assert score.evaluate(e, *by, table) == score.evaluate(e, *by)
