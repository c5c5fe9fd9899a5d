"""What a result was made with: versions, data and labels, by which it can be made again."""

import functools
import hashlib
import platform
from importlib import metadata
from typing import Any

import numpy as np

PACKAGES = ("jaxdml", "jax", "jaxlib", "flax", "optax", "numpy", "scikit-learn")


def record(fingerprint: str, labels: str) -> dict[str, Any]:
    """What `result.json` says of it.

    Args:
      fingerprint: of the data set, see `data.fingerprint`.
      labels: what `labels` returns.

    >>> sorted(record("0", "1"))
    ['data', 'labels', 'machine', 'versions']
    """
    return {
        "versions": _versions(),
        "machine": f"{platform.system()} {platform.machine()}",
        "data": fingerprint,
        "labels": labels,
    }


def labels(rows: np.ndarray, y: np.ndarray) -> str:
    """SHA-256 of which images have a label, and which one.

    Args:
      rows: i[L] of the labelled images in the training set.
      y: i[N], the classes of that set.

    >>> labels(np.array([2, 0]), np.array([5, 6, 7]))[:8]
    '58f0ce5d'
    """
    both = np.stack([rows, np.asarray(y)[rows]]).astype("<i8")
    return hashlib.sha256(both.tobytes()).hexdigest()


@functools.cache
def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in PACKAGES
    }
