"""Refreshes: what terms do between epochs, with the embeddings of the whole training set.

    states on the devices → embeddings → each point's terms, on the host → states on the devices

A refresh belongs to the epoch before it: a checkpoint is written after it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxdml.options import ConfigError
from jaxdml.runs.planning.cohort_setup import CohortSetup
from jaxdml.train import optimizers, population, step
from jaxdml.train.programs import Placed
from jaxdml.types import Corpus, Method, Term, TrainState


def refresher(
    setup: CohortSetup,
    placed: Placed,
    point_batch: population.PointBatch,
    seeds: Sequence[int],
    numbers: Sequence[Mapping[str, float]],
    labelled: Sequence[np.ndarray],
) -> Callable[[TrainState, int], TrainState]:
    """`(states, epoch) → states` for the points of a chunk; epoch 0 is before the first.

    Args:
      setup, placed: of their cohort.
      point_batch: the points on their devices.
      seeds, numbers, labelled: of each point, as `population.stack` takes them.
    """
    y = np.asarray(setup.dataset.train.y, np.int32)
    refreshed = [term for term in step.terms(setup.routine).values() if term.refresh]

    def refresh(states: TrainState, number: int) -> TrainState:
        due = [t.name for t in refreshed if t.refresh is not None and t.refresh.due(number)]
        if not due:
            return states
        count = len(seeds)
        embeddings = placed.programs.embed(states, point_batch, placed.images)
        embeddings = embeddings[placed.layout.places(count)]
        host = population.unstack(states, count, placed.layout)
        points = []
        for i in range(count):
            state = jax.tree.map(lambda leaf, i=i: leaf[i], host)
            if state.diverged[0] < 0 and np.isfinite(embeddings[i]).all():
                rows = np.asarray(labelled[i], np.int64)
                corpus = Corpus(embeddings[i], rows, y[rows], len(setup.dataset.classes))
                state = of_a_point(
                    setup.assemble(numbers[i]), state, due, corpus, (seeds[i], number)
                )
            points.append(state)
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *points)
        return population.place_states(stacked, placed.layout)

    return refresh


def of_a_point(
    method: Method, state: TrainState, due: Sequence[str], corpus: Corpus, seed: tuple[int, int]
) -> TrainState:
    """A point's state after the refresh of some of its terms.

    Where a term changes what it learns, the optimizer begins anew for these arrays.

    Args:
      method: of the point.
      state: in host memory.
      due: names of terms that have a refresh.
      corpus: the training set.
      seed: of the point, and the epoch.

    Raises:
      ConfigError: if a term returns other shapes or dtypes than it had.
    """
    terms = step.terms(method.routine)
    params = dict(state.params, terms=dict(state.params["terms"]))
    kept = dict(state.kept)
    for name in due:
        term = terms[name]
        assert term.refresh is not None
        before = params["terms"][name], kept[name]
        after = jax.tree.map(np.asarray, term.refresh.update(*before, corpus, seed))
        _same_shapes(term, before, after)
        params["terms"][name], kept[name] = after
    changed = [
        not np.array_equal(a, b, equal_nan=True)
        for a, b in zip(jax.tree.leaves(state.params), jax.tree.leaves(params), strict=True)
    ]
    arrays = step.state_groups(method, params, kept)
    anew = {n: indices for n, indices in arrays.items() if any(changed[i] for i in indices)}
    opt = dict(state.opt) | jax.tree.map(
        np.asarray, optimizers.init(method.optimizer, params, anew)
    )
    return state._replace(params=params, kept=kept, opt=opt)


def _same_shapes(term: Term, before: Any, after: Any) -> None:
    def described(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: (np.shape(leaf), np.asarray(leaf).dtype.name), tree)

    if described(before) != described(after):
        raise ConfigError(
            f"terms: the refresh of {term.name} must return what it was given, in the same shapes "
            f"and dtypes, {described(before)}, but gives {described(after)}"
        )
