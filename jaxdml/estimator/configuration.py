"""From the parameters of an embedder to a configuration."""

import warnings
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from jaxdml.configs.few import STEPS
from jaxdml.settings.fields import assign
from jaxdml.settings.systems import FEW, FEW_VECTORS

# fields of a configuration that a parameter is for
PARAMETERS = {
    "system": "method",
    "seed": "random_state",
    "data.invariances": "invariances",
    "train.steps": "steps",
}
OF_FILES = ("data.size", "data.channels", "data.range")  # fields that say how files are read
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
    seconds = embedder.max_seconds
    if seconds is not None and not 0 < seconds < float("inf"):
        raise ValueError(f"max_seconds must be above 0 and finite, or None, but is {seconds!r}")
    if not isinstance(embedder.options or {}, Mapping):
        raise ValueError(
            f"options must map fields to values, like {{'loss.name': 'supcon'}}, but is "
            f"{embedder.options!r}"
        )
    method = embedder.method
    if method == "few" and not labelled:
        warnings.warn(
            "there are no labels, which the method 'few' needs: 'ae' is trained instead",
            stacklevel=3,
        )
        method = "ae"
    recipe = FEW
    if embedder.image_ndim_ == 2:
        recipe, method = FEW_VECTORS, "few_vectors" if method == "few" else method
    # network, batches, schedule and average are the recipe's for every method
    config = {path: v for path, v in recipe.items() if path.partition(".")[0] in OF_NETWORK}
    config |= {path: recipe[path] for path in ("loss.name", "eval.parameters")}
    if embedder.image_ndim_ == 2:
        config["prior.within"] = False  # pseudo-inputs are vectors too
    changes = _changes(embedder)
    config |= {"train.steps": _steps(embedder), "seed": seed(embedder.random_state)}
    config |= {"system": method, "data.invariances": embedder.invariances}
    return assign(config, changes)


def _steps(embedder: Any) -> int:
    """The most steps that `fit` may take."""
    if embedder.steps is not None:
        if isinstance(embedder.steps, bool) or not isinstance(embedder.steps, Integral):
            raise ValueError(f"steps must be a whole number, or None, but is {embedder.steps!r}")
        return int(embedder.steps)
    return STEPS["full" if embedder.max_seconds is not None else embedder.effort]


def _changes(embedder: Any) -> dict[str, Any]:
    """The options, if they say nothing that a parameter says."""
    changes = {
        path: value.item() if isinstance(value, np.generic) else value
        for path, value in (embedder.options or {}).items()
    }
    for path, parameter in PARAMETERS.items():
        if path in changes and (parameter != "steps" or embedder.steps is not None):
            raise ValueError(f"options say {path}, which the parameter {parameter} is for")
    strange = [p for p in changes if p.startswith("data.") and p not in OF_FILES]
    if strange:
        raise ValueError(
            f"options say {strange[0]}, but data are what fit is given: of data only "
            f"{', '.join(OF_FILES)} are read, for files of images"
        )
    if embedder.max_seconds is not None:
        changes.pop("train.epochs", None)  # steps are what is chosen
    return changes


def seed(random_state: Any) -> int:
    """A seed: the number itself, or one that a `RandomState` draws."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
