"""Labels of all embeddings from a few, and how sure they are."""

import numpy as np
import pytest

from jaxdml.graph import METHODS, propagate

EACH = pytest.mark.parametrize("method", METHODS)


def moons(count, noise=0.05):
    random = np.random.default_rng(0)
    angle = np.linspace(0, np.pi, count)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    z = np.concatenate([upper, lower]) + noise * random.normal(size=(2 * count, 2))
    return z, np.repeat([0, 1], count)


def blobs(count, classes=3, apart=4.0):
    random = np.random.default_rng(0)
    y = np.arange(count) % classes
    return random.normal(size=(count, 5)) + apart * np.eye(5)[y], y


def right(propagated, y):
    return float((propagated.labels == y).mean())


@EACH
def test_two_moons_are_told_apart_by_one_label_each(method):
    z, y = moons(100)
    few = np.array([40, 160])
    assert right(propagate(z, few, y[few], 2, method=method), y) > 0.98
    nearest = np.square(z[:, None] - z[few]).sum(axis=2).argmin(axis=1)
    assert (y[few][nearest] == y).mean() < 0.9


@EACH
def test_the_more_sure_rows_are_more_often_right(method):
    z, y = blobs(900, apart=2.2)
    few = np.arange(6)
    propagated = propagate(z, few, y[few], 3, method=method)
    order = np.argsort(-propagated.confidence, kind="stable")
    wrong = (propagated.labels != y)[order]
    assert wrong[:300].mean() < 0.5 * wrong[600:].mean()
    assert propagated.labels.dtype == np.int32
    assert propagated.confidence.dtype == np.float32
    assert propagated.confidence.min() >= 0
    assert propagated.confidence.max() == 1


@EACH
def test_labelled_rows_keep_their_labels_and_no_other_class_is_found(method):
    z, _ = blobs(200)
    few = np.array([0, 1, 2, 3, 4])
    labels = np.array([4, 2, 2, 4, 6])  # none of the others; some of them wrong
    propagated = propagate(z, few, labels, 8, method=method)
    assert propagated.labels[few].tolist() == labels.tolist()
    assert propagated.confidence[few].tolist() == [1.0] * 5
    assert set(propagated.labels.tolist()) == {2, 4, 6}


@EACH
@pytest.mark.parametrize("shares", [None, np.full(3, 1 / 3, np.float32)])
def test_a_component_has_the_labels_of_its_own(method, shares):
    random = np.random.default_rng(0)
    z = np.concatenate([random.normal(size=(30, 2)) + 1000 * i for i in range(3)])
    few, labels = np.array([0, 1, 40]), np.array([0, 1, 2])
    propagated = propagate(z, few, labels, 3, method=method, shares=shares)
    assert set(propagated.labels[:30].tolist()) <= {0, 1}
    assert (propagated.labels[30:60] == 2).all()
    assert (propagated.confidence[30:60] == 1).all()
    assert (propagated.labels[60:] == -1).all()
    assert not propagated.confidence[60:].any()


@EACH
@pytest.mark.parametrize(
    "z",
    [np.zeros((1, 2)), np.eye(2), np.ones((30, 2)), np.repeat(np.eye(3), 20, axis=0), np.eye(7)],
    ids=["one", "two", "all equal", "duplicates", "fewer than k"],
)
@pytest.mark.parametrize("labelled", [0, 1, 2])
def test_degenerate_embeddings_have_finite_confidences(method, z, labelled):
    few = np.arange(len(z))[:labelled]
    propagated = propagate(z, few, few % 3, 3, method=method)
    assert np.isfinite(propagated.confidence).all()
    assert ((propagated.confidence >= 0) & (propagated.confidence <= 1)).all()
    assert ((propagated.labels == -1) <= (propagated.confidence == 0)).all()
    if labelled == 0:
        assert (propagated.labels == -1).all()


@EACH
def test_one_class_is_everybodys(method):
    z, _ = blobs(50, apart=1.0)
    for classes in (1, 4):
        propagated = propagate(z, np.array([3]), np.array([0]), classes, method=method)
        assert not propagated.labels.any()
        assert (propagated.confidence == 1).all()


@EACH
def test_predictions_have_the_shares_that_are_asked_for(method):
    z, y = blobs(900, apart=1.5)
    few = np.arange(12)
    for shares in ((0.5, 0.25, 0.25), (0.2, 0.3, 0.5)):
        propagated = propagate(
            z, few, y[few], 3, method=method, shares=np.array(shares, np.float32)
        )
        np.testing.assert_allclose(np.bincount(propagated.labels) / 900, shares, atol=0.02)
    # a class without a labelled row: its share is divided
    propagated = propagate(z, few, y[few], 4, method=method, shares=np.full(4, 0.25, np.float32))
    np.testing.assert_allclose(np.bincount(propagated.labels) / 900, [1 / 3] * 3, atol=0.02)


@EACH
def test_the_same_arguments_give_the_same_bytes(method):
    z, y = blobs(1200)
    few, shares = np.arange(9), np.array([0.3, 0.3, 0.4], np.float32)
    first, second = (
        propagate(z.astype(np.float32), few, y[few], 3, method=method, shares=shares)
        for _ in range(2)
    )
    assert [a.tobytes() for a in first] == [a.tobytes() for a in second]


@EACH
def test_the_order_of_rows_does_not_matter(method):
    z, y = blobs(300)
    few, order = np.arange(6), np.random.default_rng(1).permutation(300)
    propagated = propagate(z, few, y[few], 3, method=method)
    inverse = np.argsort(order)
    moved = propagate(z[order], inverse[few], y[few], 3, method=method)
    np.testing.assert_array_equal(moved.labels, propagated.labels[order])
    np.testing.assert_allclose(moved.confidence, propagated.confidence[order], atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "voting"}, "method must be one of spreading, poisson"),
        ({"neighbours": 0}, "k must be at least 1"),
        ({"shares": np.ones(2)}, r"the shape of shares must be \(3,\), one for each class"),
        ({"shares": np.array([-1.0, 1, 1])}, "shares must be at least 0"),
        ({"shares": np.zeros(3)}, "shares must be at least 0, and not all 0"),
        ({"labelled_labels": np.array([0, 3])}, "labelled_labels must be at least 0 and less"),
        ({"labelled_labels": np.array([0])}, "the shape of labelled_labels must be"),
    ],
)
def test_a_mistake_is_said(options, message):
    arguments = {
        "labelled_indices": np.array([0, 1]),
        "labelled_labels": np.array([0, 1]),
    } | options
    with pytest.raises(ValueError, match=message):
        propagate(np.eye(5), arguments.pop("labelled_indices"), classes=3, **arguments)
