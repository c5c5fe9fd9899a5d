"""Protocols: on which embeddings a classifier is fitted, and on which it is scored.

`thesis` fits on two thirds of the test embeddings, with all their labels, and scores on the other
third: it is how the published tables were made. `labelled` fits on the labelled training embeddings
alone and scores on the whole test set: it is what a user with few labels gets.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import accuracy_score, adjusted_mutual_info_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

NEIGHBOURS = 5


class Embedded(NamedTuple):
    """Embeddings of one point, with their labels."""

    test: np.ndarray  # f32[M, D]
    test_labels: np.ndarray  # i32[M]
    labelled: np.ndarray  # f32[L, D], the labelled training images
    labelled_labels: np.ndarray  # i32[L]


class Task(NamedTuple):
    """What a classifier is fitted on, and what it is scored on."""

    fit: np.ndarray
    fit_labels: np.ndarray
    score: np.ndarray
    score_labels: np.ndarray
    neighbours: int  # k of kNN


class Score(NamedTuple):
    """One measured value."""

    protocol: str
    classifier: str
    embedding: str
    metric: str
    value: float


def thesis(embedded: Embedded) -> Task:
    """Two thirds of the test set against the other: 6,666 and 3,334 of MNIST's 10,000.

    The split is uniform and the same for all points (seed 0): differences between points are no
    accident of it.
    """
    fit, score = train_test_split(np.arange(len(embedded.test)), test_size=1 / 3, random_state=0)
    z, y = embedded.test, embedded.test_labels
    return Task(z[fit], y[fit], z[score], y[score], min(NEIGHBOURS, len(fit)))


def labelled(embedded: Embedded) -> Task:
    """Labelled training images against the whole test set; k = min(5, smallest labelled class)."""
    z, y = embedded.labelled, embedded.labelled_labels
    smallest = int(np.unique(y, return_counts=True)[1].min())
    return Task(z, y, embedded.test, embedded.test_labels, min(NEIGHBOURS, smallest))


PROTOCOLS: dict[str, Callable[[Embedded], Task]] = {"thesis": thesis, "labelled": labelled}
Classifiers = Mapping[str, Callable[[Task], Any]]
CLASSIFIERS: Classifiers = {"knn": lambda task: KNeighborsClassifier(task.neighbours)}


def evaluate(
    embedded: Embedded,
    protocols: Sequence[str],
    classifiers: Sequence[str],
    embedding: str = "mean",
    table: Classifiers = CLASSIFIERS,
) -> list[Score]:
    """Accuracy, and adjusted mutual information between predicted and true labels, both at most 1.

    Args:
      embedded: finite embeddings that are not constant.
      protocols: keys of `PROTOCOLS`.
      classifiers: keys of `table`.
      embedding: what the embeddings are, for the record: `mean` or `sample`.
      table: makes an unfitted classifier for a task.

    >>> z = np.repeat(np.eye(3), 6, axis=0)
    >>> y = np.repeat(np.arange(3), 6)
    >>> [s.value for s in evaluate(Embedded(z, y, z, y), ["thesis"], ["knn"])]
    [1.0, 1.0]
    """
    scores = []
    for protocol in protocols:
        task = PROTOCOLS[protocol](embedded)
        for name in classifiers:
            model = table[name](task).fit(task.fit, task.fit_labels)
            predicted = model.predict(task.score)
            values = {
                "accuracy": accuracy_score(task.score_labels, predicted),
                "ami": adjusted_mutual_info_score(task.score_labels, predicted),
            }
            scores += [Score(protocol, name, embedding, m, float(v)) for m, v in values.items()]
    return scores
