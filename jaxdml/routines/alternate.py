"""Alternation by epoch, as the thesis trains (Algorithms 2, 3 and 5): a supervised epoch, then an
unsupervised one.
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
    first: str = "supervised",
    supervised: str = "weighted",
    supervised_data: str = "all",
    labelled_steps: str = "match",
) -> Routine:
    """Supervised epochs minimise (1−α) L_S + α L_U, unsupervised ones α L_U.

    Args:
      metric: the terms of L_S, which read the labelled stream.
      unsupervised: the terms of L_U.
      alpha: α in [0, 1].
      first: the phase of epoch 1: `supervised` or `unsupervised`.
      supervised: `weighted`, as above (the thesis), or `metric_only`: L_S alone (the paper).
      supervised_data: what L_U reads in a supervised epoch: `all` images or the `labelled` ones.
      labelled_steps: a supervised epoch is as long as a pass over all images, its labelled batches
        drawn with replacement (`match`), or one pass over the labelled ones (`pass`).

    Raises:
      ValueError: for an option that is not one of the above.
    """
    between("alpha", alpha, 0, 1)
    one_of("first", first, ("supervised", "unsupervised"))
    one_of("supervised", supervised, ("weighted", "metric_only"))
    one_of("supervised_data", supervised_data, ("all", "labelled"))
    one_of("labelled_steps", labelled_steps, LABELLED_STEPS)
    terms = on("labelled", metric)
    if supervised == "weighted":
        terms = on("labelled", weigh(1 - alpha, metric)) + on(
            supervised_data, weigh(alpha, unsupervised)
        )
    phases = (
        Phase("supervised", terms, LENGTH[labelled_steps]),
        Phase("unsupervised", on("all", weigh(alpha, unsupervised))),
    )
    offset = 1 if first == "supervised" else 0
    return Routine(phases, lambda epoch: ((epoch - offset) % 2,))
