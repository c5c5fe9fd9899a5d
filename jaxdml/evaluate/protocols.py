"""Protocols: what is fitted on which embeddings, and what is scored.

    thesis        two thirds of the test embeddings, with all labels  →  the other third
    labelled      the labelled training embeddings                    →  the test set
    full          all training embeddings, with all labels            →  the test set
    scores        nothing: the highest class score is the prediction  →  the test set
    propagated    a graph of all training embeddings, few labels      →  the test set, by neighbours
    transductive  the same, with the test embeddings in the graph     →  the test set
    cluster       nothing: k-means of the test embeddings
    retrieval     nothing: the neighbours of each test embedding among the others

`thesis` is how the published tables were made, `labelled` what a user with few labels gets, `full`
the usual probe. `propagated` and `transductive` read the labels that `labelled` reads, see
`evaluate.scores.propagated`; `transductive` needs all test images at once. Another protocol is a
function in a file of your own. It takes no argument and returns a `Protocol`; `eval.protocols`
names it by its dotted path, `my_module:make`.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxdml.evaluate.classifiers import required
from jaxdml.evaluate.scores import reasons
from jaxdml.evaluate.scores.clustering import cluster
from jaxdml.evaluate.scores.propagated import inductive, transductive
from jaxdml.evaluate.scores.retrieval import retrieve
from jaxdml.options import ConfigError, find, listed

# what a protocol may ask for
NEEDS = ("labelled", "train", "train_labels", "class_scores", "labelled_rows")


class Embedded(NamedTuple):
    """Embeddings of one point, with their labels: numbers of classes, from 0.

    What no protocol needs is `None`.
    """

    test: np.ndarray  # f32[M, D]
    test_labels: np.ndarray  # i32[M]
    labelled: np.ndarray  # f32[L, D], the labelled training images
    labelled_labels: np.ndarray  # i32[L]
    train: np.ndarray | None = None  # f32[N, D], all training images
    train_labels: np.ndarray | None = None  # i32[N]
    fold: bool = False  # whether the test images are some of the labelled ones, which take turns
    class_scores: np.ndarray | None = (
        None  # f32[M, C], of each class for each test image; −∞: never
    )
    labelled_rows: np.ndarray | None = None  # i64[L], which of `train` the labelled ones are


class Task(NamedTuple):
    """What a classifier is fitted on, and what it is scored on."""

    fit: np.ndarray
    fit_labels: np.ndarray
    score: np.ndarray
    score_labels: np.ndarray
    most_neighbours: int | None = None  # k of kNN is no larger; `None`: rows of `fit`


class Protocol(NamedTuple):
    """A way to score embeddings. It has one of `task`, `predict` and `measure`.

    Attributes:
      task: which embeddings each classifier of `eval.classifiers` is fitted on, and scored on.
      predict: labels i32[M] of the test images, where the protocol predicts them itself.
      measure: metric → finite value, at its best where it is largest, for anything else.
      classifier: what results name in place of a classifier, where none is fitted.
      needs: some of `NEEDS`, what is read beside the test embeddings; nothing else can be read.
      folds: whether labelled images that take turns as test images are scored. There a value must
        be a mean over images, and nothing but the labelled images may be fitted on.
      why_not: why these embeddings are not scored, if their scores would say nothing.
      remark: what a reader must know of the scores, if anything.

    >>> spread = Protocol(measure=lambda embedded: {"spread": float(embedded.test.std())})
    >>> z, y = np.array([[0.0], [2.0]]), np.arange(2)
    >>> spread.measure(Embedded(z, y, z, y))
    {'spread': 1.0}
    """

    task: Callable[[Embedded], Task] | None = None
    predict: Callable[[Embedded], np.ndarray] | None = None
    measure: Callable[[Embedded], Mapping[str, float]] | None = None
    classifier: str = "itself"
    needs: tuple[str, ...] = ("labelled",)
    folds: bool = False
    why_not: Callable[[Embedded], str | None] = lambda embedded: None
    remark: Callable[[Embedded], str | None] = lambda embedded: None


def thesis(embedded: Embedded) -> Task:
    """Returns the task of `embedded`: to fit on two thirds of the test set, and score the rest.

    Of MNIST's 10,000 test images these are 6,666 and 3,334.

    The split is uniform and the same for all points (seed 0): differences between points are no
    accident of it.

    >>> z, y = np.zeros((9, 1)), np.arange(9)
    >>> task = thesis(Embedded(z, y, z, y))
    >>> len(task.fit), len(task.score)
    (6, 3)
    """
    from sklearn.model_selection import train_test_split

    fit, score = train_test_split(np.arange(len(embedded.test)), test_size=1 / 3, random_state=0)
    z, y = embedded.test, embedded.test_labels
    return Task(z[fit], y[fit], z[score], y[score], len(fit))


def labelled(embedded: Embedded) -> Task:
    """Returns the task of `embedded`: to fit on labelled images, and score the whole test set.

    The neighbours of kNN are at most as many as the images of the smallest class.

    >>> z, y = np.zeros((3, 1)), np.array([0, 1, 1])
    >>> labelled(Embedded(z, y, z, y)).most_neighbours
    1
    """
    z, y = embedded.labelled, embedded.labelled_labels
    smallest = int(np.unique(y, return_counts=True)[1].min())
    return Task(z, y, embedded.test, embedded.test_labels, smallest)


def full(embedded: Embedded) -> Task:
    """Returns the task of `embedded`: to fit on all training images, and score the test set.

    >>> z, y = np.zeros((3, 1)), np.arange(3)
    >>> len(full(Embedded(z[:1], y[:1], z[:2], y[:2], z, y)).fit)
    3
    """
    z, y = embedded.train, embedded.train_labels
    assert z is not None
    assert y is not None
    return Task(z, y, embedded.test, embedded.test_labels, len(y))


def highest(scores: np.ndarray) -> np.ndarray:
    """Returns the class with the highest of `scores` f32[M, C], i64[M]; of equal ones the first.

    >>> highest(np.array([[0.0, 2.0, 1.0]]))
    array([1])
    """
    return np.argmax(scores, axis=1)


def _scores(embedded: Embedded) -> np.ndarray:
    assert embedded.class_scores is not None
    return embedded.class_scores


def _by_graph(predict: Callable[..., np.ndarray]) -> Protocol:
    """A protocol of labels that are propagated over a graph."""
    return Protocol(
        predict=lambda e: predict(e.train, e.labelled_rows, e.labelled_labels, e.test),
        classifier="graph",
        needs=("labelled", "train", "labelled_rows"),
        why_not=lambda e: reasons.no_labelled(e.test_labels, e.labelled_labels),
        remark=lambda e: reasons.wrong(
            e.test_labels, e.labelled_labels, "without a labelled image"
        ),
    )


PROTOCOLS: dict[str, Protocol] = {
    "thesis": Protocol(task=thesis, needs=(), why_not=lambda e: reasons.too_few(e.test_labels)),
    "labelled": Protocol(task=labelled, folds=True),
    "full": Protocol(task=full, needs=("train", "train_labels")),
    "propagated": _by_graph(inductive),
    "transductive": _by_graph(transductive),
    "cluster": Protocol(
        measure=lambda e: cluster(e.test, e.test_labels),
        classifier="kmeans",
        needs=(),
        why_not=lambda e: reasons.single_images(e.test_labels),
    ),
    "retrieval": Protocol(
        measure=lambda e: retrieve(e.test, e.test_labels),
        classifier="neighbours",
        needs=(),
        why_not=lambda e: reasons.no_pairs(e.test_labels),
        remark=lambda e: reasons.alone(e.test_labels),
    ),
    "scores": Protocol(
        predict=lambda e: highest(_scores(e)),
        classifier="argmax",
        needs=("class_scores",),
        folds=True,
        why_not=lambda e: reasons.no_scores(e.test_labels, _scores(e)),
        remark=lambda e: reasons.wrong(
            e.test_labels, reasons.scored_classes(_scores(e)), "without a class score"
        ),
    ),
}


def find_protocol(name: str) -> Protocol:
    """The protocol called `name`: one of `PROTOCOLS`, or a user's own by its dotted path.

    Raises:
      ConfigError: if there is none, or it is not complete; it says what is allowed.

    >>> find_protocol("cluster").classifier
    'kmeans'
    """
    return PROTOCOLS[name] if name in PROTOCOLS else _user_protocol(name)


@functools.cache
def _user_protocol(name: str) -> Protocol:
    makes = {key: functools.partial(PROTOCOLS.__getitem__, key) for key in PROTOCOLS}
    make = find("eval.protocols", name, makes)
    if needed := required(make):
        raise ConfigError(
            f"eval.protocols={name} must take no argument, but needs {listed(needed)}"
        )
    try:
        protocol = make()
    except (Exception, SystemExit) as error:  # whatever a user's own may raise
        raise ConfigError(
            f"eval.protocols={name} cannot be made: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(protocol, Protocol):
        raise ConfigError(
            f"eval.protocols={name} must return a jaxdml.evaluate.protocols.Protocol, but returns "
            f"a {type(protocol).__name__}"
        )
    if sum(way is not None for way in (protocol.task, protocol.predict, protocol.measure)) != 1:
        raise ConfigError(f"eval.protocols={name} must have one of task, predict and measure")
    if unknown := [need for need in protocol.needs if need not in NEEDS]:
        raise ConfigError(
            f"eval.protocols={name}: needs must be some of {listed(NEEDS)}, but holds "
            f"{listed(unknown)}"
        )
    return protocol


def needed(names: Sequence[str]) -> frozenset[str]:
    """All that the protocols called `names` read beside the test embeddings: some of `NEEDS`.

    >>> sorted(needed(["thesis", "full"]))
    ['train', 'train_labels']
    """
    return frozenset(need for name in names for need in find_protocol(name).needs)


def what_it_needs(name: str, embedded: Embedded) -> Embedded:
    """Returns `embedded`, with `None` in each field that the protocol `name` does not need.

    Raises:
      ValueError: if what it needs is missing.

    >>> z, y = np.zeros((3, 1)), np.arange(3)
    >>> what_it_needs("thesis", Embedded(z, y, z, y, train=z)).train is None
    True
    """
    needs, without = find_protocol(name).needs, embedded
    for field in NEEDS[1:]:
        if field not in needs:
            nothing: dict[str, Any] = {field: None}
            without = without._replace(**nothing)
        elif getattr(embedded, field) is None:
            raise ValueError(f"the protocol {name} needs {field}, but Embedded.{field} is None")
    return without


def unscorable(name: str, embedded: Embedded) -> str | None:
    """Returns why scores of the protocol `name` on `embedded` would say nothing, or `None`.

    >>> z, y = np.zeros((3, 1)), np.arange(3)
    >>> unscorable("retrieval", Embedded(z, y, z, y))
    'retrieval is not scored: no two test images are of one class'
    """
    protocol = find_protocol(name)
    if embedded.fold and not protocol.folds:
        why: str | None = "labelled images take turns as test images, a few of them at a time"
    else:
        protocol_input = what_it_needs(name, embedded)
        why = protocol.why_not(protocol_input)
        if not why and protocol.task is not None:
            task = protocol.task(protocol_input)
            if not np.isin(task.score_labels, task.fit_labels).any():
                why = "no test image is of a class that a classifier could learn"
    return why and f"{name} is not scored: {why}"


def remarks(names: Sequence[str], embedded: Embedded) -> list[str]:
    """Returns sentences on protocols that are not scored and on images that must be wrong.

    Args:
      names: of protocols, as for `evaluate`.
      embedded: any kind; of the library's own protocols its labels are read, and which classes have
        a class score.

    >>> z, y = np.zeros((4, 1)), np.array([0, 0, 1, 1])
    >>> remarks(["labelled"], Embedded(z, y, z[:2], y[:2]))
    ['labelled: 2 of 4 test images are of 1 class that no classifier could learn: they are wrong']
    """
    messages = []
    for name in names:
        if lost := unscorable(name, embedded):
            messages.append(lost)
            continue
        protocol, protocol_input = find_protocol(name), what_it_needs(name, embedded)
        protocol_remarks = [protocol.remark(protocol_input)]
        if protocol.task is not None:
            task = protocol.task(protocol_input)
            why = "that no classifier could learn"
            protocol_remarks.append(reasons.wrong(task.score_labels, task.fit_labels, why))
        messages += [f"{name}: {remark}" for remark in protocol_remarks if remark]
    return messages
