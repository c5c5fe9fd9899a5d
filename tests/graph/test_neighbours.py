"""Exact nearest neighbours, against loops in float64."""

import numpy as np
import pytest

from jaxdml.graph import neighbours
from jaxdml.graph.neighbours import nearest


def naive(z, k):
    z = np.asarray(z, np.float32).astype(np.float64)
    rows, distances = [], []
    for i, query in enumerate(z):
        apart = [(float(np.square(other - query).sum()), j) for j, other in enumerate(z) if j != i]
        best = sorted(apart)[:k]
        rows.append([j for _, j in best])
        distances.append([d**0.5 for d, _ in best])
    return np.array(rows, int).reshape(len(z), -1), np.array(distances).reshape(len(z), -1)


def equals_loops(z, k):
    result, (rows, distances) = nearest(z, k), naive(z, k)
    assert result.rows.dtype == np.int32
    assert result.distances.dtype == np.float32
    np.testing.assert_array_equal(result.rows, rows)
    np.testing.assert_allclose(result.distances, distances, rtol=1e-6)
    again = nearest(z, k)
    assert again.rows.tobytes() == result.rows.tobytes()
    assert again.distances.tobytes() == result.distances.tobytes()


RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(size=(230, 5))
CASES = {
    "normal": NORMAL,
    "one dimension": RANDOM.normal(size=(200, 1)),
    "a lattice of ties": np.stack(np.meshgrid(*[np.arange(6.0)] * 3), -1).reshape(-1, 3),
    "all equally far": np.eye(150),
    "duplicates": np.repeat(RANDOM.normal(size=(60, 3)), [1, 2, 30] * 20, axis=0)[
        RANDOM.permutation(660)
    ][:200],
    "two points": np.repeat(np.eye(2), 75, axis=0),
    "all equal": np.full((150, 3), 0.3),
    "zeros of both signs": np.where(RANDOM.random((150, 2)) < 0.5, 0.0, -0.0),
    "tight clusters on a sphere": np.eye(5)[np.arange(200) % 5] + 1e-4 * NORMAL[:200],
    "far from the origin": 1e4 + 0.1 * NORMAL[:200],
    "one far away": np.concatenate([NORMAL[:150], [[1e20] * 5]]),
    "tiny": 1e-30 * NORMAL[:150],
    "huge": 1e30 * NORMAL[:150],
}


@pytest.mark.parametrize("small", [0, 1000], ids=["by products", "directly"])
@pytest.mark.parametrize("case", CASES)
def test_neighbours_are_those_of_naive_loops(case, small, monkeypatch):
    monkeypatch.setattr(neighbours, "SMALL", small)
    monkeypatch.setattr(neighbours, "COLUMNS", 64)
    monkeypatch.setattr(neighbours, "ROWS", 48)
    monkeypatch.setattr(neighbours, "GROUP", 4)
    equals_loops(CASES[case], 7)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 20])
@pytest.mark.parametrize("k", [1, 7, 50])
def test_where_there_are_fewer_others_all_are_neighbours(count, k, monkeypatch):
    monkeypatch.setattr(neighbours, "SMALL", 0)
    equals_loops(NORMAL[:count], k)
    assert nearest(NORMAL[:count], k).rows.shape == (count, min(k, count - 1))


def test_few_rows_are_searched_again(monkeypatch):
    row_counts = []
    inner = neighbours._by_products

    def counted(z, centred, todo, rows, squares):
        row_counts.append(len(todo))
        return inner(z, centred, todo, rows, squares)

    monkeypatch.setattr(neighbours, "_by_products", counted)
    nearest(RANDOM.normal(size=(1000, 8)), 10)
    assert row_counts == [1000, 0]
    row_counts.clear()
    nearest(np.eye(8)[np.arange(1000) % 8] + 1e-4 * RANDOM.normal(size=(1000, 8)), 10)
    assert row_counts[1] > 500  # float32 cannot tell them apart, float64 can


def test_what_has_no_neighbours_is_refused():
    with pytest.raises(ValueError, match="k must be at least 1"):
        nearest(NORMAL, 0)
    with pytest.raises(ValueError, match="must be finite"):
        nearest(np.array([[np.nan], [1.0]]), 1)
