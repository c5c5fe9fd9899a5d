"""A classifier as a user writes it, without scikit-learn: the label of the nearest embedding."""

import numpy as np


class Lookup:
    def __init__(self, neighbours):
        self.neighbours = neighbours

    def fit(self, z, y):
        self.z, self.y = z, y

    def predict(self, z):
        return self.y[np.square(z[:, None] - self.z).sum(axis=2).argmin(axis=1)]


def make(options):
    return Lookup(options.neighbours)
