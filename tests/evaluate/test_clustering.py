import itertools
import math

import numpy as np
import pytest
from sklearn.cluster import KMeans

from jaxdml.evaluate.scores import clustering


def best_of_all_names(labels, clusters):
    """Every way to name clusters after different classes."""
    classes, distinct_clusters = sorted(set(labels)), sorted(set(clusters))
    names = classes + [None] * max(0, len(distinct_clusters) - len(classes))
    most = 0
    for chosen in itertools.permutations(names, len(distinct_clusters)):
        named = dict(zip(distinct_clusters, chosen, strict=True))
        most = max(most, sum(named[c] == y for c, y in zip(clusters, labels, strict=True)))
    return most / len(labels)


@pytest.mark.parametrize("classes", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("clusters", [1, 2, 3, 6])
def test_the_hungarian_method_finds_the_best_of_all_names(classes, clusters):
    random = np.random.default_rng(10 * classes + clusters)
    for _ in range(5):
        y = random.integers(0, classes, 40)
        assigned = np.where(random.random(40) < 0.4, y, random.integers(0, 6, 40)) % clusters
        expected = best_of_all_names(y.tolist(), assigned.tolist())
        assert clustering.accuracy(y, assigned) == pytest.approx(expected, abs=1e-12)


def entropy(*labels):
    """Of joint labels, in nats."""
    counts = np.unique(np.stack(labels), axis=1, return_counts=True)[1]
    return math.log(counts.sum()) - float(counts @ np.log(counts)) / counts.sum()


def pairs(*labels):
    """How many pairs of rows agree in all of the labels."""
    counts = np.unique(np.stack(labels), axis=1, return_counts=True)[1]
    return sum(math.comb(int(n), 2) for n in counts)


def test_measures_are_those_of_their_definitions():
    random = np.random.default_rng(0)
    y = random.integers(0, 4, 200)
    z = random.normal(size=(200, 3)) + np.eye(4)[y][:, :3] * 3
    measures = clustering.cluster(z.astype(np.float32), y)
    assert list(measures) == ["accuracy", "nmi", "ami", "ari"]
    means = KMeans(4, n_init=10, random_state=0).fit(z.astype(np.float32).astype(float))
    c = means.labels_
    assert measures["accuracy"] == pytest.approx(best_of_all_names(y.tolist(), c.tolist()))
    information = entropy(y) + entropy(c) - entropy(y, c)
    assert measures["nmi"] == pytest.approx(2 * information / (entropy(y) + entropy(c)))
    chance = pairs(y) * pairs(c) / math.comb(200, 2)
    assert measures["ari"] == pytest.approx(
        (pairs(y, c) - chance) / ((pairs(y) + pairs(c)) / 2 - chance)
    )
    # what mutual information is by chance, from many shuffles
    shuffled = [random.permutation(c) for _ in range(3000)]
    chance = np.mean([entropy(y) + entropy(c) - entropy(y, s) for s in shuffled])
    ami = (information - chance) / ((entropy(y) + entropy(c)) / 2 - chance)
    assert measures["ami"] == pytest.approx(ami, abs=1e-3)


def test_fewer_places_than_classes_are_fewer_clusters():
    z, y = np.repeat(np.eye(2, dtype="f"), 6, axis=0), np.arange(12) // 3
    measures = clustering.cluster(z, y)
    assert measures["accuracy"] == 0.5
    assert clustering.cluster(np.zeros((5, 2)), np.arange(5))["accuracy"] == 0.2


def test_it_is_the_same_every_time():
    random = np.random.default_rng(1)
    z, y = random.normal(size=(300, 5)), random.integers(0, 10, 300)
    assert clustering.cluster(z, y) == clustering.cluster(z, y)
