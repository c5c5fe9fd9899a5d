"""Clustering: how well k-means, which sees no label, finds the classes."""

import warnings

import numpy as np
from jaxtyping import Float, Int

from jaxdml.arguments import checked

STARTS = 10  # of k-means; the one with the least inertia counts


@checked
def cluster(
    embeddings: Float[np.ndarray, "rows dim"], labels: Int[np.ndarray, " rows"]
) -> dict[str, float]:
    """Clustering accuracy, NMI, AMI and ARI of k-means, with k = the number of classes.

    Args:
      embeddings: [N, D], finite.
      labels: i32[N].

    Returns:
      Name → value, each at most 1; NMI is normalised by the arithmetic mean of the entropies.

    Raises:
      ValueError: for shapes that do not agree.

    >>> z, y = np.repeat([[0.0, 0.0], [9.0, 9.0]], 4, axis=0), np.repeat([5, 3], 4)
    >>> cluster(z, y)
    {'accuracy': 1.0, 'nmi': 1.0, 'ami': 1.0, 'ari': 1.0}
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import (
        adjusted_mutual_info_score,
        adjusted_rand_score,
        normalized_mutual_info_score,
    )

    means = KMeans(len(np.unique(labels)), n_init=STARTS, random_state=0)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        clusters = means.fit_predict(embeddings.astype(np.float64))  # fewer places than classes
    return {
        "accuracy": accuracy(labels, clusters),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ami": float(adjusted_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
    }


@checked
def accuracy(labels: Int[np.ndarray, " rows"], clusters: Int[np.ndarray, " rows"]) -> float:
    """The share of rows that are right if each cluster is named after a class of its own.

    The best such names are found by the Hungarian method (Kuhn 1955). Where there are more clusters
    than classes, some get no name and their rows are wrong.

    Args:
      labels: i32[N], N ≥ 1.
      clusters: i32[N].

    Raises:
      ValueError: for shapes that do not agree.

    >>> accuracy(np.array([0, 0, 1, 1]), np.array([7, 7, 7, 2]))
    0.75
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics.cluster import contingency_matrix

    counts = contingency_matrix(labels, clusters)  # [classes, clusters]
    return float(counts[linear_sum_assignment(-counts)].sum() / len(labels))
