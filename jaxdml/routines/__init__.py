"""Routines: which terms read which stream, in which epoch or step.

A routine is `make(metric, unsupervised, **options) → Routine`, from the terms of the supervised
loss L_S and of the unsupervised loss L_U. A system that has only one of the two uses `single`.
"""

from collections.abc import Callable

from jaxdml.routines import alternate, joint, pretrain, single
from jaxdml.types import Routine

__all__ = ["ROUTINES", "single"]

ROUTINES: dict[str, Callable[..., Routine]] = {
    "alternate": alternate.make,
    "joint": joint.make,
    "joint_gamma": joint.make_gamma,
    "pretrain": pretrain.make,
    "pretrain_joint": pretrain.make_joint,
}
