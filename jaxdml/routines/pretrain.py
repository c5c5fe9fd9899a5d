"""Pre-training without labels, then fine-tuning with them."""

from jax.typing import ArrayLike

from jaxdml.options import at_least, between, one_of
from jaxdml.routines.base import LABELLED_STEPS, LENGTH, weigh
from jaxdml.types import Phase, Routine, Term


def make(
    metric: tuple[Term, ...],
    unsupervised: tuple[Term, ...],
    *,
    pretrain_epochs: int = 5,
    labelled_steps: str = "match",
) -> Routine:
    """First epochs of L_U alone, then epochs of L_S alone.

    What only L_U reads (a decoder, a prior) stands still once fine-tuning begins.

    Args:
      metric: the terms of L_S.
      unsupervised: the terms of L_U.
      pretrain_epochs: how many epochs of L_U, ≥ 1; what is left of the training is L_S.
      labelled_steps: a supervised epoch is as long as a pass over all images, its labelled batches
        drawn with replacement (`match`), or one pass over the labelled ones (`pass`).

    Raises:
      ValueError: for an option that is not one of the above.

    >>> routine = make(
    ...     (Term("metric", "supervised", {}, print),),
    ...     (Term("kl", "unsupervised", {}, print),),
    ...     pretrain_epochs=2,
    ... )
    >>> [routine.phases[i].name for n in (1, 2, 3) for i in routine.pattern(n)]
    ['pretrain', 'pretrain', 'finetune']
    """
    one_of("labelled_steps", labelled_steps, LABELLED_STEPS)
    finetune = Phase("finetune", metric, LENGTH[labelled_steps])
    return _then(finetune, unsupervised, pretrain_epochs)


def make_joint(
    metric: tuple[Term, ...],
    unsupervised: tuple[Term, ...],
    *,
    alpha: ArrayLike = 0.5,
    pretrain_epochs: int = 5,
) -> Routine:
    """First epochs of L_U alone, then (1−α) L_S + α L_U on every step.

    Args:
      metric, unsupervised, pretrain_epochs: as for `make`.
      alpha: α in [0, 1].

    >>> terms = (Term("metric", "supervised", {}, print),), (Term("ae", "unsupervised", {}, print),)
    >>> [phase.name for phase in make_joint(*terms).phases]
    ['pretrain', 'finetune']
    """
    between("alpha", alpha, 0, 1)
    terms = weigh(1 - alpha, metric) + weigh(alpha, unsupervised)
    return _then(Phase("finetune", terms), unsupervised, pretrain_epochs)


def _then(finetune: Phase, unsupervised: tuple[Term, ...], pretrain_epochs: int) -> Routine:
    at_least("pretrain_epochs", pretrain_epochs, 1)
    phases = (Phase("pretrain", unsupervised), finetune)
    return Routine(phases, lambda epoch: (int(epoch > pretrain_epochs),))
