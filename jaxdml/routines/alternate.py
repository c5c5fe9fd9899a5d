"""Alternation: supervised epochs or batches, then unsupervised ones.

The thesis alternates by epoch (Algorithms 2, 3 and 5); by batch, and k to one, is what its future
work asks for.
"""

from jax.typing import ArrayLike

from jaxdml.options import between, one_of
from jaxdml.routines.base import LABELLED_STEPS, LENGTH, on, weigh
from jaxdml.types import Phase, Routine, Term


def make(
    metric: tuple[Term, ...],
    unsupervised: tuple[Term, ...],
    *,
    alpha: ArrayLike = 0.5,
    every: str = "epoch",
    turns: tuple[int, ...] = (1, 1),
    first: str = "supervised",
    supervised: str = "weighted",
    supervised_data: str = "all",
    labelled_steps: str = "match",
) -> Routine:
    """Supervised steps minimise (1−α) L_S + α L_U, unsupervised ones α L_U.

    Args:
      metric: the terms of L_S.
      unsupervised: the terms of L_U.
      alpha: α in [0, 1].
      every: what takes turns: each `epoch`, or each `batch` of an epoch.
      turns: so many supervised epochs or batches, then so many unsupervised ones, ≥ 1 each: (1, 10)
        is one labelled step to ten unlabelled ones. Turns go on from epoch to epoch.
      first: which of them begins: `supervised` or `unsupervised`.
      supervised: `weighted`, as above (the thesis), or `metric_only`: L_S alone (the paper).
      supervised_data: what L_U reads in a supervised epoch: `all` images or the `labelled` ones.
      labelled_steps: a supervised epoch is as long as a pass over all images, its labelled batches
        drawn with replacement (`match`), or one pass over the labelled ones (`pass`).

    Raises:
      ValueError: for an option that is not one of the above.

    >>> terms = (Term("metric", "supervised", {}, print),), (Term("ae", "unsupervised", {}, print),)
    >>> make(*terms, every="batch", turns=(1, 3)).pattern(1)  # which phase each step is, repeated
    (0, 1, 1, 1)
    """
    between("alpha", alpha, 0, 1)
    one_of("every", every, ("epoch", "batch"))
    one_of("first", first, ("supervised", "unsupervised"))
    one_of("supervised", supervised, ("weighted", "metric_only"))
    one_of("supervised_data", supervised_data, ("all", "labelled"))
    # turns of a batch each have one length of epoch, that of a pass over all images
    one_of("labelled_steps", labelled_steps, LABELLED_STEPS if every == "epoch" else ("match",))
    if len(turns) != 2:
        raise ValueError(f"turns must be two whole numbers, but is {turns}")
    for turn in turns:
        between("turns", turn, 1, 10**6)
    terms = metric
    if supervised == "weighted":
        terms = weigh(1 - alpha, metric) + on(supervised_data, weigh(alpha, unsupervised))
    phases = (
        Phase("supervised", terms, LENGTH[labelled_steps]),
        Phase("unsupervised", weigh(alpha, unsupervised)),
    )
    runs = [(0,) * turns[0], (1,) * turns[1]]
    cycle = sum(runs if first == "supervised" else reversed(runs), ())
    if every == "batch":
        return Routine(phases, lambda epoch: cycle)
    return Routine(phases, lambda epoch: (cycle[(epoch - 1) % len(cycle)],))
