"""Triplet losses by naive loops in float64: nothing of the library is used."""

import itertools
import math

import numpy as np


def distance(a, b, kind):
    if kind == "cosine":
        norm = math.sqrt(sum(a * a)) * math.sqrt(sum(b * b))
        return 1 - (sum(a * b) / norm if norm else 0)
    squared = sum((a - b) ** 2)
    return squared if kind == "squared_euclidean" else math.sqrt(squared)


PHI = {
    "hinge": lambda t: max(0.0, t),
    "softplus": lambda t: max(t, 0) + math.log1p(math.exp(-abs(t))),
    "abs": abs,
}


def triplet(
    z,
    y,
    labelled,
    *,
    margin,
    mining,
    form="hinge",
    distance_kind="euclidean",
    reduction="mean_nonzero",
    normalize=False,
):
    z = np.asarray(z, np.float64)
    if normalize:
        z = np.array([row / (np.sqrt(row @ row) or 1) for row in z])
    rows = [i for i in range(len(y)) if labelled[i]]
    d = {(i, j): distance(z[i], z[j], distance_kind) for i, j in itertools.product(rows, repeat=2)}
    triplets = []
    for a in rows:
        positives = [p for p in rows if p != a and y[p] == y[a]]
        negatives = [n for n in rows if y[n] != y[a]]
        if mining == "hard":
            if positives and negatives:
                hardest = max(positives, key=lambda p, a=a: d[a, p])
                triplets.append((a, hardest, min(negatives, key=lambda n, a=a: d[a, n])))
            continue
        for p, n in itertools.product(positives, negatives):
            gap = d[a, n] - d[a, p]
            if mining == "all" or 0 < gap <= margin:
                triplets.append((a, p, n))
    values = [PHI[form](d[a, p] - d[a, n] + margin) for a, p, n in triplets]
    nonzero = [v for v in values if v > 0]
    total = math.fsum(values)
    if reduction == "sum":
        return total
    return total / max(1, len(nonzero if reduction == "mean_nonzero" else values))
