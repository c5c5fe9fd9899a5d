"""MNIST with shuffled test labels: what is scored when a loader shuffles images, but not labels.

A data set of one's own is a `make(data_dir)` that a configuration names by its dotted path.
"""

import dataclasses
from pathlib import Path

import numpy as np

from jaxdml.data.sets import mnist
from jaxdml.types import Dataset, Split


def make(data_dir: Path) -> Dataset:
    """MNIST, as `data.name = "configs.misaligned:make"`."""
    original = mnist.load("mnist", data_dir)
    labels = np.random.default_rng(0).permutation(original.test.y)
    return dataclasses.replace(original, test=Split(original.test.x, labels))
