"""Probabilities that mean what they say: class scores divided by a temperature.

A network that is right in nine of ten cases often says 0.99. One number mends most of that: the
temperature T, by which class scores are divided before the softmax. It is chosen on labelled images
that the network has not learned from, and changes no prediction.

Guo et al. (2017), *On Calibration of Modern Neural Networks*.
"""

from typing import NamedTuple

import numpy as np
from scipy import optimize, special

LOG_RANGE = (-5.0, 5.0)  # of the temperature's natural logarithm
FEWEST = 50  # held-out images, with fewer of which a temperature is an accident


class Reliability(NamedTuple):
    """How often predictions of about the same confidence are right."""

    confidence: np.ndarray  # f64[B], the mean of each bin that holds predictions
    accuracy: np.ndarray  # f64[B], the share that is right
    rows: np.ndarray  # i64[B], how many each bin holds

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance of the two, weighted by counts."""
        gaps = np.abs(self.confidence - self.accuracy)
        return float((gaps * self.rows).sum() / self.rows.sum())


def probabilities(scores: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """The softmax of class scores f[N, C] at a temperature, f64[N, C].

    >>> probabilities(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    return np.asarray(special.softmax(np.asarray(scores, np.float64) / temperature, axis=1))


def temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """The temperature at which held-out labels are most likely.

    Args:
      scores: f[N, C], class scores; −∞ for a class that cannot be predicted.
      labels: i[N], in [0, C). Rows whose own class cannot be predicted do not count.

    Raises:
      ValueError: if no row counts.

    >>> scores = np.array([[9.0, 0.0]] * 4)
    >>> bool(temperature(scores, np.array([0, 0, 0, 1])) > 5)  # three of four are right, not all
    True
    """
    own = np.asarray(scores, np.float64)[np.arange(len(labels)), labels]
    counted = np.isfinite(own)
    if not counted.any():
        raise ValueError("a temperature needs held-out rows of classes that can be predicted")
    logits, own = np.asarray(scores, np.float64)[counted], own[counted]

    def surprise(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        return float((special.logsumexp(scale * logits, axis=1) - scale * own).mean())

    return float(np.exp(optimize.minimize_scalar(surprise, bounds=LOG_RANGE, method="bounded").x))


def reliability(shares: np.ndarray, labels: np.ndarray, bins: int = 10) -> Reliability:
    """Predictions f64[N, C] in bins of equal width by their confidence; empty bins are left out.

    >>> reliability(np.array([[0.8, 0.2]] * 5), np.array([0, 0, 0, 0, 1])).error < 1e-9
    True
    """
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    which = np.minimum((sure * bins).astype(int), bins - 1)
    count = np.bincount(which, minlength=bins)
    held = count > 0
    confidence = np.bincount(which, sure, bins)[held] / count[held]
    accuracy = np.bincount(which, right, bins)[held] / count[held]
    return Reliability(confidence, accuracy, count[held])


def before_and_after(
    scores: np.ndarray, labels: np.ndarray
) -> tuple[Reliability, Reliability] | None:
    """The reliability of class scores on held-out rows, without and with a temperature.

    The latter is that of `honest` probabilities. `None` of fewer than `FEWEST` rows.
    """
    if len(labels) < FEWEST:
        return None
    before, after = probabilities(scores), honest(scores, labels)
    return reliability(before, labels), reliability(after, labels)


def honest(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Probabilities f64[N, C] of held-out rows, each by a temperature that did not see it.

    The temperature of every second row is chosen on the other rows.
    """
    shares = np.empty(scores.shape)
    even = np.arange(len(labels)) % 2 == 0
    for chosen in (even, ~even):
        t = temperature(scores[~chosen], labels[~chosen])
        shares[chosen] = probabilities(scores[chosen], t)
    return shares
