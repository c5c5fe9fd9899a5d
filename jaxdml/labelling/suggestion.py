"""Which images to label next: the network is unsure of them, they are unlike each other, and usual.

Images are taken one by one. Each time that of the largest worth is next, which is how unsure its
class is: one minus the difference of its two largest probabilities. What is taken lowers the worth
of images like it, so that one question is not asked twice. Images with few others like them are
outliers, and worth nothing: their label would say little of others.

Settles (2009), *Active Learning Literature Survey*, sections 3.1 and 3.6.
"""

import numpy as np

COMPARED = 3000  # images that an image is compared with, to see how usual it is
ALIKE = 20  # of these, how many nearest ones say so
OUTLIERS = 0.05  # the share of images that is left out as unusual


def suggest(embeddings: np.ndarray, shares: np.ndarray, count: int) -> np.ndarray:
    """Rows i64[count] of the images to label next, the first first; all where there are fewer.

    Args:
      embeddings: f32[N, D]; their directions count.
      shares: f64[N, C], probabilities of the classes.
      count: how many, at least 1.

    >>> z = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    >>> suggest(z, np.array([[0.5, 0.5], [0.52, 0.48], [0.7, 0.3]]), 2).tolist()  # no twins
    [0, 2]
    """
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    z = embeddings / np.where(lengths > 0, lengths, 1)
    two = np.sort(shares, axis=1)[:, -2:]
    usual = _usual(z)
    worth = 1 - (two[:, 1] - two[:, 0])
    worth = np.where(usual >= np.sort(usual)[int(OUTLIERS * len(usual))], worth, 0.0)
    rows: list[int] = []
    for _ in range(min(count, len(z))):
        row = int(worth.argmax())
        rows.append(row)
        worth = worth * (1 - np.clip(z @ z[row], 0, 1) ** 2)
        worth[rows] = -1
    return np.array(rows, np.int64)


def _usual(z: np.ndarray) -> np.ndarray:
    """The mean similarity f[N] of each unit vector to those that are most like it, of a sample."""
    sample = z[np.random.default_rng(0).permutation(len(z))[:COMPARED]]
    alike = min(ALIKE, len(sample) - 1)
    parts = [
        np.sort(z[start : start + COMPARED] @ sample.T, axis=1)[:, len(sample) - 1 - alike :]
        for start in range(0, len(z), COMPARED)
    ]
    return np.asarray(np.concatenate(parts).mean(axis=1))
