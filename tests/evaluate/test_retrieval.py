import time

import numpy as np
import pytest

from jaxdml.evaluate.scores import retrieval


def squared(a, b):
    return sum((float(i) - float(j)) ** 2 for i, j in zip(a, b, strict=True))


def naive(z, y):
    """Query by query, rank by rank, in float64."""
    first, precision, average = [], [], []
    for i in range(len(y)):
        others = [j for j in range(len(y)) if j != i]
        count = sum(y[j] == y[i] for j in others)
        if count == 0:
            continue
        distance = [
            sum((float(a) - float(b)) ** 2 for a, b in zip(z[i], w, strict=True)) for w in z
        ]
        ranked = sorted(others, key=lambda j: (distance[j], j))[:count]
        hits = [y[j] == y[i] for j in ranked]
        first.append(hits[0])
        precision.append(sum(hits) / count)
        average.append(sum(hit * sum(hits[:r]) / r for r, hit in enumerate(hits, 1)) / count)
    return {
        "r_at_1": np.mean(first),
        "r_precision": np.mean(precision),
        "map_at_r": np.mean(average),
    }


def cases(kind, seed):
    random = np.random.default_rng(seed)
    y = random.integers(0, 5, 70)
    z = random.normal(size=(70, 3)) + y[:, None]
    if kind == "classes of one image":
        y[:4] = 10 + np.arange(4)
    elif kind == "doubles":
        z = z[random.integers(0, 12, 70)]
    elif kind == "a lattice":  # of equal distances
        z = random.integers(0, 3, (70, 3))
    elif kind == "one place":
        z = np.zeros((70, 3))
    return z.astype(np.float32), y


KINDS = ["normal", "classes of one image", "doubles", "a lattice", "one place"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_naive_loops_give(kind, seed):
    z, y = cases(kind, seed)
    measures = retrieval.retrieve(z, y)
    assert list(measures) == ["r_at_1", "r_precision", "map_at_r"]
    assert measures == pytest.approx(naive(z, y), abs=1e-12)


def test_blocks_change_nothing(monkeypatch):
    z, y = cases("a lattice", 0)
    whole = retrieval.retrieve(z, y)
    monkeypatch.setattr(retrieval, "ENTRIES", 3 * 70)
    assert retrieval.retrieve(z, y) == whole


def test_where_no_class_has_two_images_there_is_nothing_to_say():
    assert retrieval.retrieve(np.eye(4), np.arange(4)) == {}


def test_ten_thousand_embeddings_take_seconds_and_little_memory():
    random = np.random.default_rng(0)
    y = random.integers(0, 10, 10_000)
    z = (random.normal(size=(10_000, 10)) + y[:, None]).astype(np.float32)
    began = time.process_time()
    retrieval.retrieve(z, y)
    assert time.process_time() - began < 20  # about 3 on a quiet core


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_agrees_with_pytorch_metric_learning(kind):
    torch = pytest.importorskip("torch")
    calculators = pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator")

    def by_distance_then_row(query, k, reference, includes_query):
        """Its own order of equal distances is that of torch.topk, which promises none."""
        assert includes_query
        z = query.numpy().astype(float)
        distance = ((z[:, None] - z[None]) ** 2).sum(-1)
        np.fill_diagonal(distance, np.inf)
        order = torch.tensor(distance.argsort(axis=1, kind="stable")[:, :k])
        return torch.gather(torch.tensor(distance), 1, order), order

    calculator = calculators.AccuracyCalculator(
        include=("precision_at_1", "r_precision", "mean_average_precision_at_r"),
        device=torch.device("cpu"),
        knn_func=by_distance_then_row,
    )
    for seed in range(10):
        z, y = cases(kind, seed)
        theirs = calculator.get_accuracy(z, y)
        assert retrieval.retrieve(z, y) == pytest.approx(
            {
                "r_at_1": theirs["precision_at_1"],
                "r_precision": theirs["r_precision"],
                "map_at_r": theirs["mean_average_precision_at_r"],
            },
            abs=1e-12,
        )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["normal", "classes of one image", "doubles in a class"])
def test_it_agrees_with_the_neighbours_that_pytorch_metric_learning_finds(kind):
    """Where no equal distances decide: there are none, or they are those of one class."""
    torch = pytest.importorskip("torch")
    calculators = pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator")
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.utils.inference import CustomKNN

    calculator = calculators.AccuracyCalculator(
        include=("precision_at_1", "r_precision", "mean_average_precision_at_r"),
        device=torch.device("cpu"),
        knn_func=CustomKNN(LpDistance(normalize_embeddings=False)),
    )
    for seed in range(10):
        z, y = cases(kind, seed)
        if kind == "doubles in a class":
            rows = np.random.default_rng(seed).integers(0, 30, 70)
            z, y = z[rows], y[rows]
        theirs = calculator.get_accuracy(z, y)
        assert list(retrieval.retrieve(z, y).values()) == pytest.approx(
            [
                theirs["precision_at_1"],
                theirs["r_precision"],
                theirs["mean_average_precision_at_r"],
            ],
            abs=2e-3,  # its distances are in float32
        )
