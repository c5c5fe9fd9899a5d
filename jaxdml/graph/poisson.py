"""Poisson learning (Calder, Cook, Thorpe, Slepčev 2020), for few labels.

    L u = Σ_labelled j (y_j − ȳ) δ_j    with L = D − W, and Σ_i d_i u_i = 0

Labels are sources and sinks, ȳ is their mean, and u is how they flow through the graph. Where it is
not connected, each component is a problem of its own, with the mean of its own labels.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from jaxdml.graph.solve import conjugate_gradients

TOLERANCE = 1e-6


def flow(graph: sparse.csr_array, targets: np.ndarray) -> np.ndarray:
    """The solution u f64[N, C]. It is 0 in a component without a label, or with one class.

    Args:
      graph: symmetric weights f64[N, N].
      targets: f64[N, C], 1 where a labelled row is of a class, else 0.

    >>> line = sparse.csr_array(np.array([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    >>> flow(line, np.array([[1.0, 0], [0, 0], [0, 1]])).round(3).tolist()
    [[0.5, -0.5], [0.0, 0.0], [-0.5, 0.5]]
    """
    components = _components(graph)
    labelled = targets.sum(axis=1)
    label_counts = _sums(components, labelled[:, None])
    mean = _sums(components, targets) / np.where(label_counts > 0, label_counts, 1)
    sources = targets - labelled[:, None] * mean[components]

    # with v = D^½ u the matrix is D^-½ L D^-½, whose diagonal is 1
    degrees = np.asarray(graph.sum(axis=1))[:, None]
    roots = np.sqrt(np.where(degrees > 0, degrees, 1))
    scale = sparse.diags_array(1 / roots[:, 0])
    similarity = sparse.csr_array(scale @ graph @ scale)
    v = conjugate_gradients(lambda v: v - similarity @ v, sources / roots, TOLERANCE)
    u = v / roots
    total = _sums(components, degrees)
    return u - (_sums(components, degrees * u) / np.where(total > 0, total, 1))[components]


def class_scores(graph: sparse.csr_array, targets: np.ndarray) -> np.ndarray:
    """The solution u in units of its median margin, f64[N, C].

    A row's margin is the difference of its two largest values; u has no scale of its own. A class
    without a label in a row's component has −∞.

    Args:
      graph: symmetric weights f64[N, N].
      targets: Y f64[N, C], as for `flow`.

    >>> line = sparse.csr_array(np.array([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    >>> class_scores(line, np.array([[1.0, 0], [0, 0], [0, 1]])).argmax(axis=1)[[0, 2]].tolist()
    [0, 1]
    """
    components = _components(graph)
    there = _sums(components, targets)[components] > 0
    scores = np.where(there, flow(graph, targets), -np.inf)
    several = there.sum(axis=1) > 1
    if not several.any():
        return scores
    ordered = np.sort(scores[several], axis=1)
    median = np.median(ordered[:, -1] - ordered[:, -2])
    return scores / median if median > 0 else scores


def _components(graph: sparse.csr_array) -> np.ndarray:
    """The number of each row's component, i32[N]."""
    return np.asarray(connected_components(graph, directed=False)[1])


def _sums(components: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The sums of f64[N, C] over each component."""
    columns = [np.bincount(components, column) for column in values.T]
    return np.stack(columns, axis=1)
