"""Semi-supervised deep metric learning in JAX: losses, priors, objectives, and grids of them.

    >>> import jaxdml
    >>> jaxdml.losses.triplet.__name__
    'triplet'

`jaxdml.SemiSupervisedEmbedder` is an estimator in the manner of scikit-learn; `jaxdml.search`
chooses its settings, `jaxdml.study` runs a grid, and `jaxdml.load` takes a trained point out of a
run folder. Rooms are imported when they are first asked for. `jaxdml --help` tells of the command
line.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

ROOMS = (
    "augment",  # views of images
    "data",  # data sets, and labels of some of their images
    "distances",
    "distributions",
    "evaluate",  # scores of embeddings
    "graph",  # neighbours, and labels that spread over them
    "losses",  # metric losses of embeddings and labels
    "masks",  # which pairs a loss compares
    "models",  # encoders and decoders
    "objectives",  # terms: losses with a place in a training
    "priors",
    "routines",  # which terms are minimised when
    "types",  # the records that all share
)
# name → the room that has it
OF_ROOMS = dict.fromkeys(("SemiSupervisedEmbedder", "load", "search"), "estimator")
OF_ROOMS["study"] = "estimator.study"
__all__ = ["__version__", *OF_ROOMS, *ROOMS]


def __getattr__(name: str) -> Any:
    """A room, or what one of them has, by its name."""
    if name in ROOMS:
        return importlib.import_module(f"jaxdml.{name}")
    if name in OF_ROOMS:
        return getattr(importlib.import_module(f"jaxdml.{OF_ROOMS[name]}"), name)
    raise AttributeError(f"module 'jaxdml' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What is public."""
    return sorted(__all__)
