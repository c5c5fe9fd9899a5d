"""Label spreading (Zhou, Bousquet, Lal, Weston, Schölkopf 2004).

    F = (1 − a) (I − a S)⁻¹ Y    with S = D^-½ W D^-½, D the diagonal of the rows' sums of W

Each label spreads over the graph; a step keeps the share a of what it spreads.
"""

import numpy as np
from scipy import sparse

from jaxdml.graph.solve import conjugate_gradients
from jaxdml.options import between

TOLERANCE = 1e-10  # far from all labels F is small, but still tells the classes apart


def spread(graph: sparse.csr_array, targets: np.ndarray, *, a: float = 0.99) -> np.ndarray:
    """The scores F f64[N, C], at least 0. A row that no label reaches has 0.

    Args:
      graph: symmetric weights f64[N, N].
      targets: Y f64[N, C], 1 where a labelled row is of a class, else 0.
      a: in [0, 0.9999].

    Raises:
      ValueError: for an a out of range.

    >>> line = sparse.csr_array(np.array([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    >>> spread(line, np.array([[1.0], [0], [0]]), a=0.5).round(3).ravel().tolist()
    [0.583, 0.236, 0.083]
    """
    between("a", a, 0, 0.9999)
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    scale = sparse.diags_array(1 / np.sqrt(np.where(degrees > 0, degrees, 1)))
    similarity = sparse.csr_array(scale @ graph @ scale)
    scores = conjugate_gradients(
        lambda f: f - a * (similarity @ f), (1 - a) * targets.astype(np.float64), TOLERANCE
    )
    return np.maximum(scores, 0)  # so is the exact solution


def class_scores(graph: sparse.csr_array, targets: np.ndarray) -> np.ndarray:
    """The logarithm of F, f64[N, C]; −∞ for a class that does not reach a row.

    Args:
      graph: symmetric weights f64[N, N].
      targets: Y f64[N, C], as for `spread`.

    >>> line = sparse.csr_array(np.array([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    >>> class_scores(line, np.array([[1.0, 0], [0, 0], [0, 1]])).argmax(axis=1)[[0, 2]].tolist()
    [0, 1]
    """
    scores = spread(graph, targets)
    return np.log(scores, where=scores > 0, out=np.full(scores.shape, -np.inf))
