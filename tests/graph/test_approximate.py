"""Approximate neighbours: nearly those of the exact search, with the same form and distances."""

import importlib
import types

import numpy as np
import pytest

from jaxdml.graph.neighbours import nearest
from jaxdml.graph.propagation import propagate
from jaxdml.options import ConfigError

RANDOM = np.random.default_rng(0)
CENTRES = RANDOM.normal(size=(20, 8))
Z = (CENTRES[RANDOM.integers(20, size=1500)] + 0.3 * RANDOM.normal(size=(1500, 8))).astype("f4")


@pytest.fixture
def proposals(monkeypatch):
    """PyNNDescent replaced by a search that is exact, but for the rows that a test leaves out."""
    lost = {}

    class Descent:
        def __init__(self, z, *, n_neighbors, **_):
            squares = np.square(z[:, None] - z).sum(axis=2)
            rows = np.argsort(squares, axis=1)[:, :n_neighbors]
            for row, replaced in lost.items():
                rows[row] = replaced
            self.neighbor_graph = rows, None

    library = types.SimpleNamespace(NNDescent=Descent)
    monkeypatch.setattr(importlib, "import_module", lambda name: library)
    return lost


def test_what_is_proposed_comes_nearest_first_with_its_distance_and_no_row_is_its_own(proposals):
    found, exact = nearest(Z, 10, approximate=True), nearest(Z, 10)
    assert (found.rows.dtype, found.distances.dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(found.rows, exact.rows)
    np.testing.assert_array_equal(found.distances, exact.distances)


def test_rows_without_enough_proposals_are_searched_exactly(proposals):
    proposals[7] = -1
    proposals[8] = [8, 100, 200, -1]
    np.testing.assert_array_equal(nearest(Z, 3, approximate=True).rows, nearest(Z, 3).rows)


def test_what_is_not_proposed_is_not_found(proposals):
    proposals[7] = [0, 1, 2, 3]
    assert sorted(nearest(Z, 3, approximate=True).rows[7]) != sorted(nearest(Z, 3).rows[7])


def test_duplicates_are_each_others_neighbours(proposals):
    found = nearest(np.concatenate([Z, Z]), 3, approximate=True)
    np.testing.assert_array_equal(found.rows[: len(Z), 0], np.arange(len(Z)) + len(Z))
    assert not found.distances[:, 0].any()


def test_few_embeddings_are_searched_exactly():
    found, exact = nearest(Z[:100], 5, approximate=True), nearest(Z[:100], 5)
    np.testing.assert_array_equal(found.rows, exact.rows)


def test_without_the_library_the_error_names_what_to_install(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"jaxdml\[umap\]"):
        nearest(Z, 3, approximate=True)


@pytest.mark.slow  # half a minute to compile
@pytest.mark.filterwarnings("ignore")  # of what is compiled
def test_the_library_finds_nearly_all_neighbours_and_the_same_ones_again():
    pytest.importorskip("pynndescent")
    found, again = (nearest(Z, 10, approximate=True) for _ in range(2))
    exact = nearest(Z, 10)
    np.testing.assert_array_equal(found.rows, again.rows)
    common = [len(set(a) & set(b)) for a, b in zip(found.rows, exact.rows, strict=True)]
    assert np.mean(common) > 9.5
    rows, labels = np.arange(0, 1500, 50), np.arange(30) % 3
    graphs = [propagate(Z, rows, labels, 3, approximate=value) for value in (True, False)]
    assert np.mean(graphs[0].labels == graphs[1].labels) > 0.95
