"""Predictions that have given shares of the classes.

Row i is of the class argmax_c (score_c(i) + b_c). Poisson learning's volume constraint (Calder et
al. 2020) asks for predictions with the shares that are known of the classes; there scores have
factors, here their logarithms have offsets b, which reach any shares, also of two classes. They are
found by b_c ← b_c + η (share_c − predicted share_c): a step that brings the shares no nearer is
taken back, and η shrinks.
"""

import numpy as np

ITERATIONS = 200
LARGEST = 10.0  # of an offset
ENOUGH = 1e-3  # as Σ |share − predicted share| / 2


def offsets(scores: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Returns offsets b f64[C], between −10 and 10, that bring predictions nearest to the shares.

    Args:
      scores: f64[N, C], at least one row; −∞ for a class that a row cannot have.
      shares: f64[C], at least 0, of sum 1.

    >>> scores = np.log([[0.9, 0.1], [0.6, 0.4], [0.55, 0.45], [0.2, 0.8]])
    >>> (scores + offsets(scores, np.array([0.5, 0.5]))).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    best, slope, least, step = np.zeros(len(shares)), np.zeros(len(shares)), np.inf, 4.0
    tried = best
    for _ in range(ITERATIONS):
        counts = np.bincount((scores + tried).argmax(axis=1), minlength=len(shares))
        missing = shares - counts / len(scores)
        distance = np.abs(missing).sum() / 2
        if distance < least:
            best, slope, least = tried, missing, distance
        else:
            step *= 0.7
        if least <= ENOUGH or step < 1e-4:
            break
        tried = np.clip(best + step * slope, -LARGEST, LARGEST)
    return best
