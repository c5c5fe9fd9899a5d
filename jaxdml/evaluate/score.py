"""From embeddings to scores, by protocols and classifiers."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from threadpoolctl import ThreadpoolController

from jaxdml.arguments import checked, must_have
from jaxdml.evaluate.classifiers import (
    CLASSIFIERS,
    DEFAULTS,
    Options,
    Table,
    make_classifier,
    predict,
)
from jaxdml.evaluate.protocols import Embedded, find_protocol, unscorable, what_it_needs
from jaxdml.options import ConfigError

SPREAD = 2.0**-10, 2.0**10  # of embeddings that classifiers get as they are


class Score(NamedTuple):
    """One measured value."""

    protocol: str
    classifier: str
    embedding: str
    metric: str
    value: float
    recalls: Mapping[str, float] | None = None  # of an accuracy: class → share of its images right
    right: str | None = None  # of an accuracy of a fold: "1" for each image that is right, else "0"

    def record(self) -> dict[str, Any]:
        """Returns the score as a dictionary, without `recalls` and `right` if they are empty.

        >>> Score("thesis", "knn", "mean", "ami", 0.5).record()["value"]
        0.5
        """
        return {k: v for k, v in self._asdict().items() if v or k not in ("recalls", "right")}


def evaluate(
    embedded: Mapping[str, Embedded],
    protocols: Sequence[str],
    classifiers: Sequence[str],
    options: Options = DEFAULTS,
    table: Table = CLASSIFIERS,
) -> list[Score]:
    """All scores, in the order in which they are asked for.

    Under protocols that predict labels, themselves or by classifiers: accuracy, with the recall of
    each class that has scored images; their mean, which is balanced accuracy; and adjusted mutual
    information between predicted and true labels; all at most 1. Of a fold, whose images are few,
    only protocols that say so are scored, and without mutual information, which is no mean over
    images. Under the others what they measure. What `unscorable` names is left out. Numerical
    libraries work on one thread, so that the values are the same wherever they are found.

    Args:
      embedded: kind (`mean`, `sample`) → finite embeddings that are not constant.
      protocols: keys of `PROTOCOLS`, or dotted paths of a user's own.
      classifiers: keys of `table`, or dotted paths, for protocols that fit.
      options: of classifiers.
      table: makes an unfitted classifier.

    Raises:
      ValueError: for embeddings and labels whose shapes do not agree, or where one is missing that
        a protocol needs.
      ConfigError: for a protocol or classifier that is not there, or a value that is not finite.

    >>> z = np.repeat(np.eye(3), 6, axis=0)
    >>> y = np.repeat(np.arange(3), 6)
    >>> scores = evaluate({"mean": Embedded(z, y, z, y)}, ["thesis"], ["knn"])
    >>> [score.value for score in scores], scores[0].recalls
    ([1.0, 1.0, 1.0], {'0': 1.0, '1': 1.0, '2': 1.0})
    """
    scores: list[Score] = []
    with _libraries().limit(limits=1):
        for kind, embeddings in embedded.items():
            _embedded(*embeddings[:6], embeddings.class_scores, embeddings.labelled_rows)
            part = in_range(embeddings)
            for protocol in protocols:
                if not unscorable(protocol, part):
                    scores += _by(protocol, kind, part, classifiers, options, table)
    return scores


def _by(
    name: str,
    kind: str,
    embedded: Embedded,
    classifiers: Sequence[str],
    options: Options,
    table: Table,
) -> list[Score]:
    """Scores of one protocol."""
    protocol, protocol_input = find_protocol(name), what_it_needs(name, embedded)
    labels, fold = embedded.test_labels, embedded.fold
    if protocol.measure is not None:
        return [
            Score(name, protocol.classifier, kind, metric, _finite(name, metric, value))
            for metric, value in protocol.measure(protocol_input).items()
        ]
    if protocol.predict is not None:
        predicted = np.asarray(protocol.predict(protocol_input))
        must_have(f"the prediction of {name}", predicted, labels.shape, "a label for each image")
        score = functools.partial(Score, name, protocol.classifier, kind)
        return _of_labels(score, labels, predicted, fold)
    assert protocol.task is not None
    task = protocol.task(protocol_input)
    most = len(task.fit) if task.most_neighbours is None else task.most_neighbours
    options = options._replace(neighbours=min(options.neighbours, most))
    scores: list[Score] = []
    for classifier in classifiers:
        model = make_classifier(classifier, options, table)
        try:
            predicted = predict(model, task.fit, task.fit_labels, task.score)
        except ValueError as error:
            if classifier in table:
                raise
            raise ConfigError(f"eval.classifiers={classifier} under {name}: {error}") from error
        score = functools.partial(Score, name, classifier, kind)
        scores += _of_labels(score, task.score_labels, predicted, fold)
    return scores


def _of_labels(
    score: Callable[..., Score], labels: np.ndarray, predicted: np.ndarray, fold: bool
) -> list[Score]:
    """What predicted labels i[M] are worth beside the true ones i32[M]."""
    from sklearn.metrics import adjusted_mutual_info_score

    right = predicted == labels
    recalls = {str(c): float(right[labels == c].mean()) for c in np.unique(labels)}
    scores = [
        score("accuracy", float(right.mean()), recalls, _digits(right) if fold else None),
        score("balanced_accuracy", float(np.mean(list(recalls.values())))),
    ]
    if not fold:
        scores.append(score("ami", float(adjusted_mutual_info_score(labels, predicted))))
    return scores


def _digits(flags: np.ndarray) -> str:
    """One digit for each flag.

    >>> _digits(np.array([True, False]))
    '10'
    """
    return "".join(str(int(flag)) for flag in flags)


def _finite(protocol: str, metric: str, value: float) -> float:
    if not math.isfinite(value):
        raise ConfigError(
            f"eval.protocols={protocol} measures {metric} as {value}, but a value must be finite: "
            "leave it out, or say in why_not why there is none"
        )
    return float(value)


@checked
def _embedded(
    test: Float[np.ndarray, "test_rows dim"],
    test_labels: Int[np.ndarray, " test_rows"],
    labelled: Float[np.ndarray, "labelled_rows dim"],
    labelled_labels: Int[np.ndarray, " labelled_rows"],
    train: Float[np.ndarray, "train_rows dim"] | None,
    train_labels: Int[np.ndarray, " train_rows"] | None,
    class_scores: Float[np.ndarray, "test_rows classes"] | None,
    labelled_rows: Int[np.ndarray, " labelled_rows"] | None,
) -> None:
    """Checks the shapes of the arrays of an `Embedded`, by its decorator, and does nothing else."""


def in_range(embedded: Embedded) -> Embedded:
    """Returns `embedded`, scaled by a power of two if its spread is outside 10⁻³ to 10³.

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
    """Returns a controller of the threads of the libraries that scikit-learn works with.

    A controller sees what is loaded when it is made.
    """
    import sklearn  # noqa: F401  only so that its libraries are loaded

    return ThreadpoolController()
