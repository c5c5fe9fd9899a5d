"""Weights of a kNN graph, large between near neighbours (Calder, Cook, Thorpe, Slepčev 2020).

    w_ij = exp(−4 d_ij² / d_k(i)²)   for the k nearest neighbours j of i, else 0

Here d_k(i) is the distance from i to its k-th neighbour, so that a scale is found for each row.
The graph is (W + Wᵀ) / 2: symmetric, without loops.
"""

import numpy as np
from scipy import sparse

from jaxdml.graph.neighbours import Neighbours


def weights(neighbours: Neighbours) -> sparse.csr_array:
    """The symmetric weights f64[N, N] of a graph, sparse, in [0, 1].

    Where the k-th neighbour is a duplicate, d_k = 0, all weights are 1.

    >>> from jaxdml.graph.neighbours import nearest
    >>> weights(nearest(np.array([[0.0], [0.0], [1.0]]), 1)).toarray().round(3)
    array([[0.   , 1.   , 0.009],
           [1.   , 0.   , 0.   ],
           [0.009, 0.   , 0.   ]])
    """
    count, k = neighbours.rows.shape
    distance = neighbours.distances.astype(np.float64)
    furthest = distance[:, -1:]  # nothing is further: if it is 0, all are
    ratio = distance / np.where(furthest > 0, furthest, 1)
    directed = sparse.csr_array(
        (np.exp(-4 * ratio**2).ravel(), neighbours.rows.ravel(), k * np.arange(count + 1)),
        shape=(count, count),
    )
    return sparse.csr_array((directed + directed.T) / 2)
