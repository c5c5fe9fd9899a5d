"""Class scores of embeddings whose model has no class weights: nearness to the classes' means.

A class scores −‖z − μ_c‖², where μ_c is the mean of its labelled embeddings, as in prototypical
networks (Snell, Swersky, Zemel 2017). Whoever takes the highest score names the nearest mean.
"""

import numpy as np
from jaxtyping import Float, Int

from jaxdml.arguments import checked

ENTRIES = 2**22  # values of embeddings that are widened at once


@checked
def class_means(
    labelled: Float[np.ndarray, "rows dim"], labels: Int[np.ndarray, " rows"], classes: int
) -> np.ndarray:
    """The mean of each class, f64[C, D]; NaN where a class has no labelled image.

    Args:
      labelled: f32[L, D], embeddings of the labelled images.
      labels: i32[L], each at least 0 and less than `classes`.
      classes: C.

    Raises:
      ValueError: for shapes that do not agree.

    >>> class_means(np.array([[0.0], [2.0]]), np.array([1, 1]), 2)
    array([[nan],
           [ 1.]])
    """
    means = np.full((classes, labelled.shape[1]), np.nan)
    for label in np.unique(labels):
        means[label] = labelled[labels == label].mean(axis=0, dtype=np.float64)
    return means


@checked
def class_scores(
    embeddings: Float[np.ndarray, "scored dim"],
    labelled: Float[np.ndarray, "rows dim"],
    labels: Int[np.ndarray, " rows"],
    classes: int,
) -> np.ndarray:
    """−‖z − μ_c‖², f64[M, C]; −∞ for a class without a labelled image, which is never predicted.

    They are found in float64, so that neither tiny nor huge embeddings are all equally near.

    Args:
      embeddings: f32[M, D], finite.
      labelled, labels, classes: as for `class_means`.

    Raises:
      ValueError: for shapes that do not agree.

    >>> z, y = np.array([[0.0], [2.0], [9.0]]), np.array([0, 0, 2])
    >>> class_scores(np.array([[3.0]]), z, y, 3)
    array([[ -4., -inf, -36.]])
    """
    from scipy.spatial.distance import cdist

    means = class_means(labelled, labels, classes)
    labelled_classes = np.unique(labels)
    scores = np.full((len(embeddings), classes), -np.inf)
    rows = max(1, ENTRIES // max(1, embeddings.shape[1]))
    for start in range(0, len(embeddings), rows):
        row_slice = slice(start, start + rows)
        scores[row_slice, labelled_classes] = -cdist(
            embeddings[row_slice], means[labelled_classes], "sqeuclidean"
        )
    return scores
