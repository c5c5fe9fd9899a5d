"""Joint training: every step minimises both losses, each on its own stream."""

from jax.typing import ArrayLike

from jaxdml.options import at_least, between, one_of
from jaxdml.routines.base import weigh
from jaxdml.types import Phase, Routine, Term


def make(
    metric: tuple[Term, ...],
    unsupervised: tuple[Term, ...],
    *,
    alpha: ArrayLike = 0.5,
    labelled_steps: str = "match",
) -> Routine:
    """(1−α) L_S + α L_U on every step.

    Args:
      metric: the terms of L_S.
      unsupervised: the terms of L_U.
      alpha: α in [0, 1].
      labelled_steps: `match`; a pass over the labelled images alone would not be joint.

    Raises:
      ValueError: for an option that is not one of the above.

    >>> terms = (Term("metric", "supervised", {}, print),), (Term("ae", "unsupervised", {}, print),)
    >>> [term.weight(0) for term in make(*terms, alpha=0.25).phases[0].terms]
    [0.75, 0.25]
    """
    between("alpha", alpha, 0, 1)
    one_of("labelled_steps", labelled_steps, ("match",))
    return _together(weigh(1 - alpha, metric), weigh(alpha, unsupervised))


def make_gamma(
    metric: tuple[Term, ...],
    unsupervised: tuple[Term, ...],
    *,
    gamma: ArrayLike = 1.0,
    labelled_steps: str = "match",
) -> Routine:
    """L_U + γ L_S on every step (the thesis's Table 6.6).

    Args:
      metric, unsupervised, labelled_steps: as for `make`.
      gamma: γ ≥ 0.

    >>> terms = (Term("metric", "supervised", {}, print),), (Term("ae", "unsupervised", {}, print),)
    >>> make_gamma(*terms, gamma=2.0).phases[0].terms[0].weight(0)
    2.0
    """
    at_least("gamma", gamma, 0)
    one_of("labelled_steps", labelled_steps, ("match",))
    return _together(weigh(gamma, metric), unsupervised)


def _together(metric: tuple[Term, ...], unsupervised: tuple[Term, ...]) -> Routine:
    terms = metric + unsupervised
    return Routine((Phase("joint", terms),), lambda epoch: (0,))
