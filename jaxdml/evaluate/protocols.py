"""Protocols: what is fitted on which embeddings, and what is scored.

`thesis` fits on two thirds of the test embeddings, with all their labels, and scores on the other
third: it is how the published tables were made. `labelled` fits on the labelled training embeddings
alone, `full` on all training embeddings; both score on the whole test set: what a user with few
labels gets, and the usual probe. `cluster` and `retrieval` fit nothing: they look at how the test
embeddings lie. In the place of a classifier they name `kmeans` and `neighbours`.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from threadpoolctl import ThreadpoolController

from jaxdml.arguments import checked
from jaxdml.evaluate.classifiers import CLASSIFIERS, DEFAULTS, Options, Table, predict
from jaxdml.evaluate.clustering import cluster
from jaxdml.evaluate.retrieval import retrieve

SPREAD = 2.0**-10, 2.0**10  # of embeddings that classifiers get as they are


class Embedded(NamedTuple):
    """Embeddings of one point, with their labels."""

    test: np.ndarray  # f32[M, D]
    test_labels: np.ndarray  # i32[M]
    labelled: np.ndarray  # f32[L, D], the labelled training images
    labelled_labels: np.ndarray  # i32[L]
    train: np.ndarray | None = None  # f32[N, D], all training images, where `full` is asked for
    train_labels: np.ndarray | None = None  # i32[N]


class Task(NamedTuple):
    """What a classifier is fitted on, and what it is scored on."""

    fit: np.ndarray
    fit_labels: np.ndarray
    score: np.ndarray
    score_labels: np.ndarray
    most_neighbours: int  # k of kNN is no larger


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
    from sklearn.model_selection import train_test_split

    fit, score = train_test_split(np.arange(len(embedded.test)), test_size=1 / 3, random_state=0)
    z, y = embedded.test, embedded.test_labels
    return Task(z[fit], y[fit], z[score], y[score], len(fit))


def labelled(embedded: Embedded) -> Task:
    """Labelled training images against the whole test set; k is at most the smallest class."""
    z, y = embedded.labelled, embedded.labelled_labels
    smallest = int(np.unique(y, return_counts=True)[1].min())
    return Task(z, y, embedded.test, embedded.test_labels, smallest)


def full(embedded: Embedded) -> Task:
    """All training images with their labels against the whole test set."""
    z, y = embedded.train, embedded.train_labels
    assert z is not None
    assert y is not None
    return Task(z, y, embedded.test, embedded.test_labels, len(y))


TASKS: dict[str, Callable[[Embedded], Task]] = {
    "thesis": thesis,
    "labelled": labelled,
    "full": full,
}
# Protocols that fit nothing: what stands in the place of a classifier, and values of a test set.
UNFITTED: dict[str, tuple[str, Callable[[np.ndarray, np.ndarray], dict[str, float]]]] = {
    "cluster": ("kmeans", cluster),
    "retrieval": ("neighbours", retrieve),
}
PROTOCOLS = (*TASKS, *UNFITTED)


def evaluate(
    embedded: Mapping[str, Embedded],
    protocols: Sequence[str],
    classifiers: Sequence[str],
    options: Options = DEFAULTS,
    table: Table = CLASSIFIERS,
) -> list[Score]:
    """All scores, in the order in which they are asked for.

    Under protocols that fit: accuracy, and adjusted mutual information between predicted and true
    labels, both at most 1. Under the others what `cluster` and `retrieve` say. Numerical libraries
    work on one thread, so that the values are the same wherever they are found.

    Args:
      embedded: kind (`mean`, `sample`) → finite embeddings that are not constant.
      protocols: some of `PROTOCOLS`.
      classifiers: keys of `table`, for those that fit.
      options: of classifiers.
      table: makes an unfitted classifier.

    Raises:
      ValueError: for embeddings and labels whose shapes do not agree.

    >>> z = np.repeat(np.eye(3), 6, axis=0)
    >>> y = np.repeat(np.arange(3), 6)
    >>> [s.value for s in evaluate({"mean": Embedded(z, y, z, y)}, ["thesis"], ["knn"])]
    [1.0, 1.0]
    """
    scores = []
    with _libraries().limit(limits=1):
        for kind, given in embedded.items():
            _embedded(*given[:6])
            part = in_range(given)
            for protocol in protocols:
                if protocol in UNFITTED:
                    name, measure = UNFITTED[protocol]
                    found = {name: measure(part.test, part.test_labels)}
                else:
                    task = TASKS[protocol](part)
                    found = {name: _fitted(task, name, options, table) for name in classifiers}
                scores += [
                    Score(protocol, name, kind, metric, value)
                    for name, values in found.items()
                    for metric, value in values.items()
                ]
    return scores


@checked
def _embedded(
    test: Float[np.ndarray, "test_rows dim"],
    test_labels: Int[np.ndarray, " test_rows"],
    labelled: Float[np.ndarray, "labelled_rows dim"],
    labelled_labels: Int[np.ndarray, " labelled_rows"],
    train: Float[np.ndarray, "train_rows dim"] | None,
    train_labels: Int[np.ndarray, " train_rows"] | None,
) -> None:
    """Does nothing else: the shapes of an `Embedded` are checked before it is scored."""


def _fitted(task: Task, name: str, options: Options, table: Table) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, adjusted_mutual_info_score

    k = min(options.neighbours, task.most_neighbours)
    model = table[name](options._replace(neighbours=k))
    predicted = predict(model, task.fit, task.fit_labels, task.score)
    return {
        "accuracy": float(accuracy_score(task.score_labels, predicted)),
        "ami": float(adjusted_mutual_info_score(task.score_labels, predicted)),
    }


def in_range(embedded: Embedded) -> Embedded:
    """Embeddings whose spread is between 10⁻³ and 10³, by a power of two where it is not.

    Trees, networks and float32 have a unit: far from it they fail, or answer with one class, which
    would look like a result. A power of two changes no ratio of distances, and no bit within range.

    >>> z = np.array([[1e-30], [3e-30]], np.float32)
    >>> in_range(Embedded(z, z, z, z)).test.std().round(1)
    np.float64(1.3)
    """
    spread = embedded.test.std(axis=0, dtype=np.float64).max()
    if not spread or SPREAD[0] <= spread <= SPREAD[1]:
        return embedded
    factor = 2.0 ** -np.round(np.log2(spread))
    parts = {"test": embedded.test, "labelled": embedded.labelled, "train": embedded.train}
    return embedded._replace(**{k: z * factor for k, z in parts.items() if z is not None})


@functools.cache
def _libraries() -> ThreadpoolController:
    """Those that scikit-learn works with: a controller sees what is loaded when it is made."""
    import sklearn  # noqa: F401  only so that its libraries are loaded

    return ThreadpoolController()
