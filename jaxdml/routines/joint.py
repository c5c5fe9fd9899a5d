"""Joint training: every step minimises both losses, each on its own stream."""

from jax.typing import ArrayLike

from jaxdml.options import at_least, between, one_of
from jaxdml.routines.base import on, weigh
from jaxdml.types import Phase, Routine, Term


def make(
    metric: tuple[Term, ...],
    unsupervised: tuple[Term, ...],
    *,
    balance: str = "alpha",
    alpha: ArrayLike = 0.5,
    gamma: ArrayLike = 1.0,
    labelled_steps: str = "match",
) -> Routine:
    """(1−α) L_S + α L_U, or L_U + γ L_S (the thesis's Table 6.6), on every step.

    Args:
      metric: the terms of L_S, which read the labelled stream.
      unsupervised: the terms of L_U, which read all images.
      balance: which of the two: `alpha` or `gamma`.
      alpha: α in [0, 1]; read where `balance` is `alpha`.
      gamma: γ ≥ 0; read where `balance` is `gamma`.
      labelled_steps: `match`; a pass over the labelled images alone would not be joint.

    Raises:
      ValueError: for an option that is not one of the above.
    """
    one_of("balance", balance, ("alpha", "gamma"))
    between("alpha", alpha, 0, 1)
    at_least("gamma", gamma, 0)
    one_of("labelled_steps", labelled_steps, ("match",))
    on_metric, on_unsupervised = (1 - alpha, alpha) if balance == "alpha" else (gamma, 1.0)
    terms = on("labelled", weigh(on_metric, metric)) + on(
        "all", weigh(on_unsupervised, unsupervised)
    )
    return Routine((Phase("joint", terms),), lambda epoch: (0,))
