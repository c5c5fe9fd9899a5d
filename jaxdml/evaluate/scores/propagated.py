"""Test images by labels that are propagated over a graph of the training embeddings.

    inductive      the graph holds the training images, and a test image asks its neighbours in it
    transductive   the graph holds the test images too, so that they shape it

Both read the labels of labelled training images only, and embeddings as they are.
"""

import numpy as np
from jaxtyping import Float, Int

from jaxdml.arguments import checked
from jaxdml.graph import propagate

NEIGHBOURS = 10  # of the graph, and that a test image asks


@checked
def inductive(
    train: Float[np.ndarray, "rows dim"],
    labelled_rows: Int[np.ndarray, " labelled"],
    labels: Int[np.ndarray, " labelled"],
    test: Float[np.ndarray, "scored dim"],
) -> np.ndarray:
    """The labels i32[M] of test images, each by a vote of its nearest training images.

    A training image votes for its propagated label, with its confidence. Where no neighbour has
    one, the nearest labelled image decides.

    Args:
      train: f32[N, D], the embeddings of all training images.
      labelled_rows: i64[L], which of them are labelled, at least one.
      labels: i32[L], theirs.
      test: f32[M, D].

    Raises:
      ValueError: for shapes that do not agree.

    >>> z = np.r_[0:12, 88:100][:, None].astype(float)
    >>> inductive(z, np.array([0, 23]), np.array([3, 1]), np.array([[9.2], [85.0]])).tolist()
    [3, 1]
    """
    classes = int(labels.max()) + 1
    propagated = propagate(train, labelled_rows, labels, classes, neighbours=NEIGHBOURS)
    near = _nearest(train, test, NEIGHBOURS)
    votes = np.zeros((len(test), classes))
    np.add.at(
        votes, (np.arange(len(test))[:, None], propagated.labels[near]), propagated.confidence[near]
    )
    predicted = votes.argmax(axis=1)
    return _completed(predicted, votes.sum(axis=1) > 0, train[labelled_rows], labels, test)


@checked
def transductive(
    train: Float[np.ndarray, "rows dim"],
    labelled_rows: Int[np.ndarray, " labelled"],
    labels: Int[np.ndarray, " labelled"],
    test: Float[np.ndarray, "scored dim"],
) -> np.ndarray:
    """The labels i32[M] of test images, propagated over a graph of them and the training images.

    Where no label reaches one, the nearest labelled image decides. Arguments as for `inductive`.

    Args:
      train, labelled_rows, labels, test: as for `inductive`.

    Raises:
      ValueError: for shapes that do not agree.

    >>> z = np.r_[0:12, 88:100][:, None].astype(float)
    >>> transductive(z, np.array([0, 23]), np.array([3, 1]), np.array([[9.2], [85.0]])).tolist()
    [3, 1]
    """
    embeddings, classes = np.concatenate([train, test]), int(labels.max()) + 1
    propagated = propagate(embeddings, labelled_rows, labels, classes, neighbours=NEIGHBOURS)
    predicted = propagated.labels[len(train) :]
    return _completed(predicted, predicted >= 0, train[labelled_rows], labels, test)


def _nearest(fitted: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Rows i64[M, k] of the embeddings that are nearest to others."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=min(k, len(fitted)), algorithm="brute").fit(fitted)
    return np.asarray(index.kneighbors(queries, return_distance=False))


def _completed(
    predicted: np.ndarray,
    has_prediction: np.ndarray,
    z: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
) -> np.ndarray:
    """Predictions i32[M]; where there is none, the label of the nearest of f32[L, D]."""
    predicted = predicted.astype(np.int32)
    if not has_prediction.all():
        predicted[~has_prediction] = labels[_nearest(z, test[~has_prediction], 1)[:, 0]]
    return predicted
