"""Protocols: what is fitted on which embeddings, and what is scored.

`thesis` fits on two thirds of the test embeddings, with all their labels, and scores on the other
third: it is how the published tables were made. `labelled` fits on the labelled training embeddings
alone, `full` on all training embeddings; both score on the whole test set: what a user with few
labels gets, and the usual probe. `cluster` and `retrieval` fit nothing: they look at how the test
embeddings lie. In the place of a classifier they name `kmeans` and `neighbours`.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

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
    fold: bool = False  # whether the test images are some of the labelled ones, which take turns


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
    recalls: Mapping[str, float] | None = None  # of an accuracy: class → share of its images right

    def record(self) -> dict[str, Any]:
        """As a result holds it: with recalls only where there are some."""
        found = self._asdict()
        return found if self.recalls else {k: v for k, v in found.items() if k != "recalls"}


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

    Under protocols that fit: accuracy, with the recall of each class that has scored images; their
    mean, which is balanced accuracy; and adjusted mutual information between predicted and true
    labels; all at most 1. Of a fold, whose images are few, only the protocol `labelled` is scored,
    and without mutual information, which is no mean over images. Under the others what `cluster`
    and `retrieve` say. What `unscorable` names is left out. Numerical libraries work on one thread,
    so that the values are the same wherever they are found.

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
    >>> found = evaluate({"mean": Embedded(z, y, z, y)}, ["thesis"], ["knn"])
    >>> [score.value for score in found], found[0].recalls
    ([1.0, 1.0, 1.0], {'0': 1.0, '1': 1.0, '2': 1.0})
    """
    scores = []
    with _libraries().limit(limits=1):
        for kind, given in embedded.items():
            _embedded(*given[:6])
            part = in_range(given)
            for protocol in protocols:
                if unscorable(protocol, part):
                    continue
                if protocol in UNFITTED:
                    name, measure = UNFITTED[protocol]
                    values = measure(part.test, part.test_labels)
                    scores += [Score(protocol, name, kind, m, value) for m, value in values.items()]
                    continue
                task = TASKS[protocol](part)
                for name in classifiers:
                    scores += _fitted(protocol, kind, task, name, options, table, part.fold)
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


def _fitted(
    protocol: str, kind: str, task: Task, name: str, options: Options, table: Table, fold: bool
) -> list[Score]:
    from sklearn.metrics import adjusted_mutual_info_score

    k = min(options.neighbours, task.most_neighbours)
    model = table[name](options._replace(neighbours=k))
    y = task.score_labels
    predicted = predict(model, task.fit, task.fit_labels, task.score)
    right = predicted == y
    recalls = {str(c): float(right[y == c].mean()) for c in np.unique(y)}
    score = functools.partial(Score, protocol, name, kind)
    found = [
        score("accuracy", float(right.mean()), recalls),
        score("balanced_accuracy", float(np.mean(list(recalls.values())))),
    ]
    if not fold:
        found.append(score("ami", float(adjusted_mutual_info_score(y, predicted))))
    return found


def unscorable(protocol: str, embedded: Embedded) -> str | None:
    """Why a protocol would give a number that says nothing, if it would.

    >>> z, y = np.zeros((3, 1)), np.arange(3)
    >>> unscorable("retrieval", Embedded(z, y, z, y))
    'retrieval is not scored: no two test images are of one class'
    """
    counts = np.unique(embedded.test_labels, return_counts=True)[1]
    why = None
    if embedded.fold and protocol != "labelled":
        why = "labelled images take turns as test images, a few of them at a time"
    elif protocol == "thesis" and counts.sum() < 3:
        why = f"{counts.sum()} test images are too few to be split"
    elif protocol in TASKS:
        task = TASKS[protocol](embedded)
        if not np.isin(task.score_labels, task.fit_labels).any():
            why = "no test image is of a class that a classifier could learn"
    elif len(counts) == 1:
        why = "all test images are of one class"
    elif counts.max() == 1:
        why = "no two test images are of one class"
    elif protocol == "cluster" and 2 * len(counts) > counts.sum():
        why = (
            f"{counts.sum()} test images are of {len(counts)} classes, so that most clusters would "
            "be single images"
        )
    return why and f"{protocol} is not scored: {why}"


def remarks(protocols: Sequence[str], embedded: Embedded) -> list[str]:
    """What a reader of the scores must know of the labels: what is not scored, or must be wrong.

    Args:
      protocols: as for `evaluate`.
      embedded: any kind; its labels are read, and nothing else.

    >>> z, y = np.zeros((4, 1)), np.array([0, 0, 1, 1])
    >>> remarks(["labelled"], Embedded(z, y, z[:2], y[:2]))
    ['labelled: 2 of 4 test images are of 1 class that no classifier could learn: they are wrong']
    """
    found = []
    counts = np.unique(embedded.test_labels, return_counts=True)[1]
    for protocol in protocols:
        lost = unscorable(protocol, embedded)
        if lost:
            found.append(lost)
        elif protocol in TASKS:
            task = TASKS[protocol](embedded)
            unseen = np.setdiff1d(task.score_labels, task.fit_labels)
            if len(unseen):
                wrong = np.isin(task.score_labels, unseen).sum()
                classes = f"{len(unseen)} {'class' if len(unseen) == 1 else 'classes'}"
                found.append(
                    f"{protocol}: {wrong} of {len(task.score_labels)} test images are of {classes} "
                    "that no classifier could learn: they are wrong"
                )
        elif protocol == "retrieval" and (single := int((counts == 1).sum())):
            found.append(
                f"retrieval: {single} of {counts.sum()} test images are alone in their class, and "
                "are not asked for"
            )
    return found


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
