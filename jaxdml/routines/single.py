"""One phase for every step: systems that have only a supervised or only an unsupervised loss."""

from jaxdml.options import one_of
from jaxdml.routines.base import LABELLED_STEPS, LENGTH
from jaxdml.types import Phase, Routine, Term


def make_supervised(metric: tuple[Term, ...], *, labelled_steps: str = "match") -> Routine:
    """Every step minimises L_S, on labelled images only (Algorithm 1).

    Args:
      metric: the terms of L_S.
      labelled_steps: an epoch is as long as a pass over all images, its batches drawn with
        replacement (`match`), or one pass over the labelled ones (`pass`).

    >>> make_supervised((Term("metric", "supervised", {}, print),)).phases[0].name
    'supervised'
    """
    one_of("labelled_steps", labelled_steps, LABELLED_STEPS)
    phase = Phase("supervised", metric, LENGTH[labelled_steps])
    return Routine((phase,), lambda epoch: (0,))


def make_unsupervised(unsupervised: tuple[Term, ...]) -> Routine:
    """Every step minimises L_U, the terms `unsupervised`, on all images without labels.

    >>> make_unsupervised((Term("ae", "unsupervised", {}, print),)).pattern(1)
    (0,)
    """
    return Routine((Phase("unsupervised", unsupervised),), lambda epoch: (0,))
