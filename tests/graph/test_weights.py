"""The weights of a kNN graph, against a loop."""

import math

import numpy as np
import pytest

from jaxdml.graph.neighbours import nearest
from jaxdml.graph.weights import weights

RANDOM = np.random.default_rng(0)


def naive(z, k):
    near = nearest(z, k)
    w = np.zeros((len(z), len(z)))
    for i, (rows, distances) in enumerate(zip(near.rows, near.distances, strict=True)):
        furthest = float(distances[-1])
        for j, d in zip(rows, distances, strict=True):
            w[i, j] = math.exp(-4 * float(d) ** 2 / furthest**2) if furthest else 1.0
    return np.array([[(w[i, j] + w[j, i]) / 2 for j in range(len(z))] for i in range(len(z))])


CASES = {
    "normal": RANDOM.normal(size=(40, 3)),
    "duplicates": np.repeat(RANDOM.normal(size=(8, 3)), 5, axis=0),
    "some duplicates": np.repeat(RANDOM.normal(size=(10, 3)), [1, 12] * 5, axis=0),
    "all equal": np.ones((12, 2)),
    "fewer than k": RANDOM.normal(size=(3, 2)),
    "two": np.eye(2),
    "tiny": 1e-38 * RANDOM.normal(size=(30, 3)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("k", [1, 4, 10])
def test_weights_are_those_of_a_loop(case, k):
    graph = weights(nearest(CASES[case], k))
    dense = graph.toarray()
    np.testing.assert_allclose(dense, naive(CASES[case], k), rtol=1e-12)
    np.testing.assert_array_equal(dense, dense.T)
    assert not dense.diagonal().any()
    assert dense.max() <= 1
    assert np.isfinite(graph.data).all()


def test_one_embedding_has_a_graph_without_edges():
    assert weights(nearest(np.zeros((1, 2)), 10)).toarray().tolist() == [[0.0]]
