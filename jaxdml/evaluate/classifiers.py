"""Classifiers, as the protocols fit them: deterministic, and with bounded work.

Four of scikit-learn's have names. Any other is named by its dotted path in `eval.classifiers`:

    sklearn.neighbors:NearestCentroid    a class of scikit-learn, with its defaults
    my_module:make                       `make(options: Options)` returns a classifier, not fitted

A classifier has `fit(z, y)` and `predict(z)`, as scikit-learn's have.
"""

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxdml.arguments import checked, must_have
from jaxdml.options import ConfigError, find, listed


class Options(NamedTuple):
    """How much work classifiers may do; in a configuration `eval.neighbours` and so on, ≥ 1."""

    neighbours: int = 5  # k of kNN, where there are as many to ask
    trees: int = 100  # of the random forest
    mlp_iterations: int = 200  # passes over what the MLP is fitted on, at most
    linear_iterations: int = 1000  # of L-BFGS, at most


DEFAULTS = Options()


def _knn(options: Options) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(options.neighbours)


def _forest(options: Options) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(options.trees, random_state=0)


def _mlp(options: Options) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(max_iter=options.mlp_iterations, random_state=0)


def _linear(options: Options) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # its L2 penalty has a unit: without a scale of their own, small embeddings look like chance
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=options.linear_iterations))


Table = Mapping[str, Callable[[Options], Any]]  # name → what makes an unfitted classifier
CLASSIFIERS: Table = {"knn": _knn, "rf": _forest, "mlp": _mlp, "linear": _linear}


def make_classifier(name: str, options: Options = DEFAULTS, table: Table = CLASSIFIERS) -> Any:
    """An unfitted classifier: one of a table, or any other by its dotted path.

    What the path names is called with the options if it has one required argument, or an argument
    `options`; otherwise with nothing. Where a seed (`random_state`) of a scikit-learn classifier is
    `None`, it becomes 0, also inside a pipeline: equal embeddings have equal scores.

    Args:
      name: a key of `table`, or a dotted path.
      options: how much work it may do.
      table: what has a name.

    Raises:
      ConfigError: if there is none, or it is no classifier.

    >>> make_classifier("sklearn.ensemble:ExtraTreesClassifier").random_state
    0
    """
    if name in table:
        return table[name](options)
    make = find("eval.classifiers", name, CLASSIFIERS)
    needed = required(make)
    if len(needed) > 1 or (needed and hasattr(make, "get_params")):
        raise ConfigError(
            f"eval.classifiers={name} needs {listed(needed)}: name a function make(options) of "
            "your own, which gives them"
        )
    takes = bool(needed) or "options" in inspect.signature(make).parameters
    try:
        model = make(options) if takes else make()
    except (Exception, SystemExit) as error:  # whatever a user's own may raise
        raise ConfigError(
            f"eval.classifiers={name} cannot be made: {type(error).__name__}: {error}"
        ) from error
    if isinstance(model, type) or not (hasattr(model, "fit") and hasattr(model, "predict")):
        raise ConfigError(
            f"eval.classifiers={name} must make a classifier with fit and predict, but makes "
            f"{model!r}"
        )
    return _seeded(name, model)


def _seeded(name: str, model: Any) -> Any:
    """Returns a scikit-learn classifier with seed 0, or any other classifier unchanged."""
    from sklearn.base import BaseEstimator, is_classifier

    if not isinstance(model, BaseEstimator):
        return model
    if not is_classifier(model):
        raise ConfigError(
            f"eval.classifiers={name} must make a classifier, but a {type(model).__name__} is none "
            "for scikit-learn (one's own derives from sklearn.base.ClassifierMixin)"
        )
    options = model.get_params()
    seeds = [o for o in options if o.rpartition("__")[2] == "random_state" and options[o] is None]
    return model.set_params(**dict.fromkeys(seeds, 0))


def check_classifier(name: str) -> None:
    """Makes sure that there is a classifier called `name`.

    scikit-learn is imported only for a dotted path.

    Raises:
      ConfigError: if there is none.

    >>> check_classifier("knn")
    """
    if name not in CLASSIFIERS:
        make_classifier(name)


def required(make: Callable[..., Any]) -> list[str]:
    """The arguments without which the function `make` cannot be called.

    >>> required(lambda a, b=1, *c, d, e=2: None)
    ['a', 'd']
    """
    several = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return [
        parameter.name
        for parameter in inspect.signature(make).parameters.values()
        if parameter.default is inspect.Parameter.empty and parameter.kind not in several
    ]


@checked
def predict(
    model: Any,
    fit: Float[np.ndarray, "rows dim"],
    labels: Int[np.ndarray, " rows"],
    scored: Float[np.ndarray, "scored dim"],
) -> np.ndarray:
    """The labels i32[M] of embeddings, by a classifier that is fitted on others.

    Where all labels are the same one, so is every answer: some classifiers refuse such a fit. That
    an iteration ends at its bound is how these classifiers are defined, and no warning.

    Args:
      model: has `fit(z, y)` and `predict(z)`.
      fit: f32[N, D].
      labels: i32[N], of `fit`.
      scored: f32[M, D].

    Raises:
      ValueError: for shapes that do not agree.

    >>> model = CLASSIFIERS["linear"](Options())
    >>> predict(model, np.zeros((3, 2)), np.array([7, 7, 7]), np.ones((2, 2)))
    array([7, 7])
    """
    if (labels == labels[0]).all():
        return np.full(len(scored), labels[0])
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        model.fit(fit, labels)
        predicted = np.asarray(model.predict(scored))
    must_have("what a classifier predicts", predicted, (len(scored),), "a label for each image")
    return predicted
