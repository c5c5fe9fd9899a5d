"""What is suggested has no label near it, is unlike the others, and usual."""

import numpy as np

from jaxdml.labelling.suggestion import suggest


def clusters():
    """Four clusters of a hundred, of which the network is sure, unsure, unsure and sure."""
    random = np.random.default_rng(0)
    centres = np.eye(8)[[0, 1, 2, 3]].repeat(100, axis=0)
    z = centres + 0.05 * random.normal(size=centres.shape)
    sure = np.array([0.99] * 100 + [0.6] * 200 + [0.98] * 100)
    return z.astype(np.float32), np.stack([sure, 1 - sure], axis=1)


def test_each_cluster_without_a_label_is_asked_once_the_unsure_ones_first():
    z, shares = clusters()
    rows = suggest(z, shares, z[:1], 3)
    assert [row // 100 for row in rows][2] == 3
    assert sorted(row // 100 for row in rows) == [1, 2, 3]
    for row in rows:  # next to the centre of its cluster
        own = z[row // 100 * 100 :][:100]
        distance = np.linalg.norm(own - own.mean(axis=0), axis=1)
        assert distance[row % 100] == distance.min()


def test_as_many_come_as_are_asked_for_each_once():
    z, shares = clusters()
    assert len(set(suggest(z, shares, z[:390], 50).tolist())) == 50
    assert sorted(suggest(z[:3], shares[:3], z[:0], 20)) == [0, 1, 2]
    assert suggest(z[:1], shares[:1], z[1:2], 20).tolist() == [0]
    assert suggest(z, shares, z[:5], 30).tolist() == suggest(z, shares, z[:5], 30).tolist()
