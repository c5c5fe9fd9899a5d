"""Which settings suit one's own data: candidates, cross-validated over the labelled rows.

Candidates that differ in numbers share a compiled program, and are trained together.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from jaxdml.data.labels import folds as folds_of
from jaxdml.estimator import configuration, progress
from jaxdml.estimator.embedder import SemiSupervisedEmbedder
from jaxdml.estimator.trained.network import TrainedNetwork
from jaxdml.estimator.training import Member, trained
from jaxdml.options import ConfigError, allow, at_least
from jaxdml.runs.planning import grid as grids
from jaxdml.types import Dataset


class Search(NamedTuple):
    """What a search found."""

    best: SemiSupervisedEmbedder  # fitted on all labelled rows
    options: dict[str, Any]  # of it: the fields of the grid, and their values
    table: list[dict[str, Any]]  # a row for each candidate: its fields, `scores`, `mean`


def search(
    embedder: SemiSupervisedEmbedder,
    grid: Any,
    X: Any,
    y: Any,
    *,
    folds: int = 3,
) -> Search:
    """The candidate whose encoder names the class of held-out labelled rows best, fitted on all.

    The labelled rows are split into parts, each with its share of each class. Each candidate is
    trained once for each part: on all rows of X, with the labels of the other parts. Its score is
    the share of the part's rows whose class `predict` gives; of equal means the first counts. A
    training that is not finite scores NaN, and its candidate is never chosen.

    Args:
      embedder: what all candidates share; it is not changed.
      grid: a mapping from fields of a configuration to their values, like
        `{"loss.name": ("supcon", "triplet"), "train.learning_rate": (1e-3, 3e-3)}`, whose product
        are the candidates; or a sequence of such mappings, see `jaxdml.runs.planning.grid`.
      X, y: as for `SemiSupervisedEmbedder.fit`.
      folds: how many parts, ≥ 2. The only labelled row of a class is never held out.

    Raises:
      ValueError: for bad input, if no class has two labelled rows, or no candidate was finite.

    >>> x = np.random.default_rng(0).normal(size=(40, 3))
    >>> x[20:] += 5
    >>> y = np.full(40, -1)
    >>> y[[0, 1, 2, 20, 21, 22]] = 0, 0, 0, 1, 1, 1
    >>> embedder = SemiSupervisedEmbedder("dml", steps=30, random_state=0)
    >>> found = search(embedder, {"train.learning_rate": (1e-3, 3e-3)}, x, y)
    >>> len(found.table), found.best.predict(x[:2])
    (2, array([0, 0]))
    """
    at_least("folds", folds, 2)
    if embedder.max_seconds is not None:
        raise ValueError("max_seconds is of one fit: a search needs steps, or an effort")
    shared = clone(embedder).set_params(random_state=configuration.seed(embedder.random_state))
    dataset, _ = shared._dataset(X, y)
    numbers = np.asarray(dataset.train.y)
    part = folds_of(numbers, folds)
    if not (part >= 0).any():
        raise ValueError("y must have two labelled rows of a class, one of which can be held out")
    try:
        grid = [grid] if hasattr(grid, "keys") else grid
        allow(shared.get_params(), grid)
        points = grids.expand(configuration.of(shared, labelled=True), grid)
        paths = grids.paths(grid)
        scores = _scores([point.setting for point in points], dataset, part, embedder.verbose)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    table = [
        {path: point.setting[path] for path in paths if path in point.setting}
        | {"scores": row.tolist(), "mean": float(row.mean())}
        for point, row in zip(points, scores, strict=True)
    ]
    means = scores.mean(axis=1)
    if np.isnan(means).all():
        raise ValueError("no candidate's training was finite: take smaller learning rates")
    options = {
        path: value
        for path, value in table[int(np.nanargmax(means))].items()
        if path not in ("scores", "mean")
    }
    fields = {**(shared.options or {}), **options}
    best = clone(shared)
    for path, parameter in configuration.PARAMETERS.items():
        if path in fields:
            best.set_params(**{parameter: fields.pop(path)})
    best.set_params(options=fields)
    return Search(best.fit(X, y), options, table)


def _scores(
    settings: Sequence[Any], dataset: Dataset, part: np.ndarray, verbose: bool
) -> np.ndarray:
    """The score of each candidate on each part, f64[candidates, parts]."""
    numbers = np.asarray(dataset.train.y)
    held_out = [np.flatnonzero(part == i) for i in range(part.max() + 1)]
    held_out = [rows for rows in held_out if len(rows)]
    labelled = [
        np.flatnonzero((numbers >= 0) & ~np.isin(np.arange(len(part)), r)) for r in held_out
    ]
    members = [Member(setting, rows) for setting in settings for rows in labelled]
    epochs = sum(member.setting.epochs for member in members)
    told = progress.printer(epochs, verbose, len(members))
    scores = np.full((len(settings), len(held_out)), np.nan)
    for number, network in trained(members, dataset, told):
        candidate, fold = divmod(number, len(held_out))
        if network is None:
            continue
        one = TrainedNetwork(settings[candidate].on(dataset), network, dataset.columns)
        rows, known = held_out[fold], labelled[fold]
        probabilities = one.probabilities(
            one.embed(dataset.train.x[rows]), one.embed(dataset.train.x[known]), numbers[known]
        )
        scores[candidate, fold] = (probabilities.argmax(axis=1) == numbers[rows]).mean()
    return scores
