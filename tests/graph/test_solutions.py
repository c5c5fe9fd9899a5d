"""Label spreading and Poisson learning, against dense solutions in float64."""

import numpy as np
import pytest
from scipy import sparse

from jaxdml.graph.neighbours import nearest
from jaxdml.graph.poisson import flow
from jaxdml.graph.shares import offsets
from jaxdml.graph.solve import conjugate_gradients
from jaxdml.graph.spreading import spread
from jaxdml.graph.weights import weights

RANDOM = np.random.default_rng(0)


def targets(count, labels, classes=3):
    matrix = np.zeros((count, classes))
    for row, label in labels.items():
        matrix[row, label] = 1
    return matrix


def dense_spreading(w, y, a):
    d = w.sum(axis=1)
    d[d == 0] = 1
    s = w / np.sqrt(d[:, None] * d[None, :])
    return np.linalg.solve(np.eye(len(w)) - a * s, (1 - a) * y)


def parts(w):
    """The components, by a search from each row."""
    left, components = set(range(len(w))), []
    while left:
        stack, part = [min(left)], set()
        while stack:
            i = stack.pop()
            if i not in part:
                part.add(i)
                stack += np.flatnonzero(w[i]).tolist()
        left -= part
        components.append(sorted(part))
    return components


def dense_poisson(w, y):
    """Per component by the pseudo-inverse, moved so that Σ d u = 0."""
    u = np.zeros_like(y)
    for part in parts(w):
        block, labels = w[np.ix_(part, part)], y[part]
        d, labelled = block.sum(axis=1), labels.sum(axis=1)
        if labelled.sum() == 0 or d.sum() == 0:
            continue
        mean = labels.sum(axis=0) / labelled.sum()
        b = np.array([labels[i] - mean if labelled[i] else 0 * mean for i in range(len(part))])
        solved = np.linalg.pinv(np.diag(d) - block) @ b
        u[part] = solved - (d @ solved) / d.sum()
    return u


GRAPHS = {
    "a line of points": (RANDOM.normal(size=(60, 1)), {0: 0, 7: 1, 30: 2}),
    "a cloud": (RANDOM.normal(size=(80, 4)), {0: 0, 1: 0, 7: 1, 30: 2, 31: 2, 32: 2}),
    "three clouds": (
        np.concatenate([RANDOM.normal(size=(25, 2)) + 100 * i for i in range(3)]),
        {0: 0, 1: 1, 2: 1, 30: 2},  # the third has no label, the second labels of one class
    ),
    "all equal": (np.ones((20, 2)), {0: 0, 5: 1}),
    "one label": (RANDOM.normal(size=(30, 2)), {4: 1}),
    "no label": (RANDOM.normal(size=(30, 2)), {}),
    "two points": (np.eye(2), {0: 0, 1: 2}),
    "one point": (np.zeros((1, 2)), {0: 0}),
}


@pytest.mark.parametrize("case", GRAPHS)
@pytest.mark.parametrize("a", [0.0, 0.5, 0.99])
def test_spreading_is_the_dense_solution(case, a):
    z, labels = GRAPHS[case]
    graph, y = weights(nearest(z, 5)), targets(len(z), labels)
    scores = spread(graph, y, a=a)
    np.testing.assert_allclose(
        scores, dense_spreading(graph.toarray(), y, a), rtol=1e-6, atol=1e-10
    )
    np.testing.assert_array_equal(scores, spread(graph, y, a=a))


@pytest.mark.parametrize("case", GRAPHS)
def test_poisson_learning_is_the_dense_solution(case):
    z, labels = GRAPHS[case]
    graph, y = weights(nearest(z, 5)), targets(len(z), labels)
    solution, exact = flow(graph, y), dense_poisson(graph.toarray(), y)
    scale = max(np.abs(exact).max(), 1e-3)
    np.testing.assert_allclose(solution / scale, exact / scale, atol=1e-5)
    np.testing.assert_array_equal(solution, flow(graph, y))


def test_labels_of_a_component_do_not_reach_another():
    z, labels = GRAPHS["three clouds"]
    graph, y = weights(nearest(z, 5)), targets(len(z), labels)
    for scores in (spread(graph, y), flow(graph, y)):
        assert not scores[50:].any()
    assert not spread(graph, y)[:25, 2].any()


def test_the_share_that_is_kept_is_below_1():
    with pytest.raises(ValueError, match="a must lie between"):
        spread(sparse.csr_array((2, 2)), np.eye(2), a=1.0)


@pytest.mark.parametrize("columns", [1, 3])
def test_conjugate_gradients_solve_what_numpy_solves(columns):
    factor = RANDOM.normal(size=(12, 12))
    a, b = factor @ factor.T + np.eye(12), RANDOM.normal(size=(12, columns))
    b[:, 0] = 0
    solution = conjugate_gradients(lambda x: a @ x, b, 1e-12)
    np.testing.assert_allclose(solution, np.linalg.solve(a, b), rtol=1e-8, atol=1e-10)
    assert not solution[:, 0].any()


@pytest.mark.parametrize("shares", [(0.25,) * 4, (0.1, 0.2, 0.3, 0.4), (0.0, 0.5, 0.25, 0.25)])
def test_offsets_bring_predictions_to_their_shares(shares):
    scores = np.log(RANDOM.random(size=(4000, 4)) * [1, 0.9, 1.1, 1])
    predicted = (scores + offsets(scores, np.array(shares))).argmax(axis=1)
    np.testing.assert_allclose(np.bincount(predicted, minlength=4) / 4000, shares, atol=0.005)


def test_two_classes_of_opposite_scores_can_have_any_shares():
    u = RANDOM.normal(size=(1000, 1)) * [1, -1]
    predicted = (u + offsets(u, np.array([0.8, 0.2]))).argmax(axis=1)
    assert predicted.mean() == pytest.approx(0.2, abs=0.003)


def test_shares_out_of_reach_are_come_near_to():
    scores = np.array([[1.0, -np.inf]] * 8 + [[0.5, 0.4]] * 2)
    predicted = (scores + offsets(scores, np.array([0.5, 0.5]))).argmax(axis=1)
    assert predicted.tolist() == [0] * 8 + [1] * 2
