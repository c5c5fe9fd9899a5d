"""Class scores by class means, against naive loops in float64."""

import numpy as np
import pytest

from jaxdml.evaluate.scores import class_means
from jaxdml.evaluate.scores.class_means import class_scores

RANDOM = np.random.default_rng(0)
Z = RANDOM.normal(size=(11, 3)).astype(np.float32)
LABELLED = RANDOM.normal(size=(8, 3)).astype(np.float32)
Y = np.array([0, 3, 3, 0, 1, 3, 0, 1])  # no 2


def by_loops(z, labelled, y, classes):
    scores = np.full((len(z), classes), -np.inf)
    for c in range(classes):
        members = [row for row, label in zip(labelled, y, strict=True) if label == c]
        for i in range(len(z)):
            total = 0.0
            for d in range(z.shape[1]):
                mean = sum(float(row[d]) for row in members) / max(len(members), 1)
                total += (float(z[i, d]) - mean) ** 2
            if members:
                scores[i, c] = -total
    return scores


@pytest.mark.parametrize("entries", [1, 7, 2**22])
def test_a_score_is_minus_the_squared_distance_to_the_mean(entries, monkeypatch):
    monkeypatch.setattr(class_means, "ENTRIES", entries)
    scores = class_scores(Z, LABELLED, Y, 5)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, by_loops(Z, LABELLED, Y, 5), rtol=1e-12)


def test_a_class_without_a_labelled_image_is_never_the_highest():
    scores = class_scores(Z, LABELLED, Y, 5)
    assert (scores[:, [2, 4]] == -np.inf).all()
    assert set(scores.argmax(axis=1)) <= {0, 1, 3}


def test_one_class_of_one_image_has_scores_too():
    scores = class_scores(Z, LABELLED[:1], np.array([2]), 3)
    assert (scores.argmax(axis=1) == 2).all()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_unit_of_embeddings_changes_no_prediction(scale):
    scaled = (Z * np.float32(scale), LABELLED * np.float32(scale))
    scores = class_scores(*scaled, Y, 4)
    assert np.isfinite(scores[:, [0, 1, 3]]).all()
    np.testing.assert_array_equal(
        scores.argmax(axis=1), class_scores(Z, LABELLED, Y, 4).argmax(axis=1)
    )


def test_embeddings_and_labels_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="class_scores: the shape of labels must be"):
        class_scores(Z, LABELLED, Y[1:], 4)
    with pytest.raises(ValueError, match="class_scores: the shape of labelled must be"):
        class_scores(Z, LABELLED[:, :2], Y, 4)


def test_it_is_scikit_learns_nearest_centroid():
    from sklearn.neighbors import NearestCentroid

    expected = NearestCentroid().fit(LABELLED, Y).predict(Z)
    np.testing.assert_array_equal(class_scores(Z, LABELLED, Y, 4).argmax(axis=1), expected)
