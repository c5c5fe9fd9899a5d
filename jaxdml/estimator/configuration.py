"""From the parameters of an embedder to a configuration."""

import warnings
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from jaxdml.configs.few import STEPS
from jaxdml.settings.fields import assign
from jaxdml.settings.systems import FEW, FEW_VECTORS

OF_NETWORK = ("model", "train", "optimizer")  # sections that every method has from the recipe


def of(embedder: Any, *, labelled: bool) -> dict[str, Any]:
    """What the parameters of an embedder ask for, as a flat configuration.

    Args:
      embedder: which knows whether X holds images or vectors.
      labelled: whether there are labels.

    Raises:
      ValueError: for an unknown effort.
    """
    if embedder.effort not in STEPS:
        raise ValueError(f"effort must be one of {', '.join(STEPS)}, but is {embedder.effort!r}")
    method = embedder.method
    if method == "few" and not labelled:
        warnings.warn(
            "there are no labels, which the method 'few' needs: 'ae' is trained in its place",
            stacklevel=3,
        )
        method = "ae"
    recipe = FEW
    if embedder.image_ndim_ == 2:
        recipe, method = FEW_VECTORS, "few_vectors" if method == "few" else method
    # network, batches, schedule and average are the recipe's for every method
    config = {path: v for path, v in recipe.items() if path.partition(".")[0] in OF_NETWORK}
    config |= {path: recipe[path] for path in ("loss.name", "eval.parameters")}
    effort = "full" if embedder.max_seconds is not None else embedder.effort
    config |= {
        "train.steps": embedder.steps or STEPS[effort],
        "seed": seed(embedder.random_state),
    }
    config |= {"system": method, "data.invariances": embedder.invariances}
    changes = dict(embedder.options or {})
    if embedder.max_seconds is not None:
        changes.pop("train.epochs", None)  # steps are what is chosen
    return assign(config, changes)


def seed(random_state: Any) -> int:
    """A seed: the number itself, or one that a `RandomState` draws."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
