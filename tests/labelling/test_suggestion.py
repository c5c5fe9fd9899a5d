"""What is suggested is unsure, unlike, and usual."""

import numpy as np

from jaxdml.labelling.suggestion import suggest


def clusters():
    """Three clusters of a hundred, the second and third unsure, and five outliers, most unsure."""
    random = np.random.default_rng(0)
    centres = np.eye(8)[[0, 1, 2]].repeat(100, axis=0)
    z = np.concatenate([centres + 0.05 * random.normal(size=centres.shape), np.eye(8)[3:8]])
    sure = np.array([0.99] * 100 + [0.6] * 200 + [0.5] * 5)
    return z.astype(np.float32), np.stack([sure, 1 - sure], axis=1)


def test_each_cluster_that_is_unsure_is_asked_once_first_and_no_outlier():
    z, shares = clusters()
    rows = suggest(z, shares, 2)
    assert sorted(row // 100 for row in rows) == [1, 2]
    assert suggest(z, shares, 12).max() < 300
    assert len(set(suggest(z, shares, 50).tolist())) == 50


def test_all_are_given_where_there_are_fewer_also_without_a_direction():
    z, shares = clusters()
    assert sorted(suggest(z[:3], shares[:3], 20)) == [0, 1, 2]
    assert suggest(z[:1], shares[:1], 20).tolist() == [0]
    assert len(suggest(np.zeros((4, 2), np.float32), shares[:4], 2)) == 2
