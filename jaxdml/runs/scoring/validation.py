"""The accuracy of a network on the validation images, while it is trained."""

import numpy as np

from jaxdml.evaluate.classifiers import CLASSIFIERS, Options
from jaxdml.evaluate.score import evaluate
from jaxdml.runs.planning.cohort_setup import CohortSetup, Network
from jaxdml.runs.scoring.embedding import embeddings, why_unscorable
from jaxdml.runs.scoring.scorer import ON_DEVICE
from jaxdml.settings.setting import Setting
from jaxdml.train import population

# what a point is validated by, whatever it is scored by at the end
SCORED_BY = {
    "eval.split": "validation",
    "eval.protocols": ("labelled",),
    "eval.embeddings": ("mean",),
}


def accuracy(
    setup: CohortSetup, setting: Setting, network: Network, labelled: np.ndarray
) -> float | None:
    """Accuracy of kNN on the validation images, from the labelled training images, in [0, 1].

    It is the number that `eval.split=validation` has under the protocol `labelled`.

    Args:
      setup: of the point's cohort.
      setting: of the point.
      network: of the point, as it is now.
      labelled: rows of the training set, i64[L].

    Returns:
      `None` where embeddings are not finite or constant, or no classifier could be right.
    """
    c = {**setting, **SCORED_BY}
    embedded = embeddings(setup, c, network, labelled)["mean"]
    if why_unscorable(embedded):
        return None
    options = Options(*(c[f"eval.{option}"] for option in Options._fields))
    table = ON_DEVICE if population.accelerated() else CLASSIFIERS
    scores = evaluate({"mean": embedded}, c["eval.protocols"], ("knn",), options, table)
    return next((score.value for score in scores if score.metric == "accuracy"), None)
