"""scikit-learn's classifiers, as the protocols fit them: deterministic, and with bounded work."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxdml.arguments import checked


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


@checked
def predict(
    model: Any,
    fit: Float[np.ndarray, "rows dim"],
    labels: Int[np.ndarray, " rows"],
    scored: Float[np.ndarray, "scored dim"],
) -> np.ndarray:
    """Labels i32[M] of embeddings [M, D], by a classifier that is fitted on [N, D] and i32[N].

    Where all labels are the same one, so is every answer: some classifiers refuse such a fit. That
    an iteration ends at its bound is how these classifiers are defined, and no warning.

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
        return model.fit(fit, labels).predict(scored)
