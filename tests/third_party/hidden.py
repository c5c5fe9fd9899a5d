"""Blobs whose labels, but for nine of the training images, are other ones, or none."""

import dataclasses

import numpy as np

from jaxdml.data import labels
from jaxdml.types import Split
from tests.third_party import blobs

LABELLED = 9


def make(data_dir, *, hidden: str = "true"):
    dataset = blobs.make(data_dir)
    true = dataset.train.y
    other = {
        "true": true,
        "random": np.random.default_rng(7).integers(0, 3, len(true)).astype(np.int32),
        "none": np.full_like(true, -1),
    }[hidden]
    rows = labels.select(true, count=LABELLED)  # those that a run labels, whatever the others are
    y = other.copy()
    y[rows] = true[rows]
    return dataclasses.replace(dataset, name="hidden", train=Split(dataset.train.x, y))
