import numpy as np
import pytest

from jaxdml.evaluate import neighbours, project
from jaxdml.options import ConfigError


def test_of_many_dimensions_the_plane_is_that_of_the_largest_variance():
    random = np.random.default_rng(0)
    z = random.normal(size=(200, 5)) * [0.1, 5.0, 0.1, 2.0, 0.1] + 3
    plane = project.plane(z, z[:7])
    assert plane.positions[1] == pytest.approx(plane.positions[0][:7])
    assert np.abs(plane.matrix[[1, 3], [0, 1]]) == pytest.approx(1, abs=0.01)
    assert (z - plane.origin) @ plane.matrix == pytest.approx(plane.positions[0])
    assert "by PCA (100% of its variance)" in plane.name


def test_one_and_two_dimensions_stay_as_they_are():
    z = np.arange(6.0).reshape(3, 2)
    assert project.plane(z).positions[0].tolist() == z.tolist()
    plane = project.plane(z[:, :1])
    assert plane.positions[0].tolist() == [[0, 0], [2, 0], [4, 0]]
    assert plane.matrix.tolist() == [[1, 0]]


def test_neighbours_stay_neighbours_by_t_sne():
    random = np.random.default_rng(0)
    y = np.arange(60) % 3
    z = 20 * np.eye(8)[y] + random.normal(size=(60, 8))
    plane = project.plane(z[:50], z[50:], method="tsne")
    assert [p.shape for p in plane.positions] == [(50, 2), (10, 2)]
    near = neighbours.nearest(np.concatenate(plane.positions), 3)
    assert (y[near] == y[:, None]).mean() > 0.95
    assert plane.matrix is None


def test_a_method_that_is_not_there_is_named(monkeypatch):
    with pytest.raises(ValueError, match="method must be one of pca, tsne, umap"):
        project.plane(np.zeros((4, 3)), method="mds")
    monkeypatch.setitem(__import__("sys").modules, "umap", None)
    with pytest.raises(ConfigError, match=r"pip install 'jaxdml\[umap\]'"):
        project.plane(np.zeros((4, 3)), method="umap")


def test_nearest_leaves_out_the_query_itself_also_among_equals():
    z = np.array([[0.0], [0.0], [0.0], [5.0]])
    rows = neighbours.nearest(z, 9)
    assert rows.shape == (4, 3)
    assert all(i not in row for i, row in enumerate(rows))
