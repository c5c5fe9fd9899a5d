"""Metric losses by naive loops in float64: nothing of the library is used."""

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
    # plain numbers: to read JAX's arrays number by number takes seconds
    y, labelled = np.asarray(y).tolist(), np.asarray(labelled).tolist()
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


def contrastive(
    z,
    y,
    labelled,
    *,
    margin=1.0,
    squared=True,
    distance_kind="euclidean",
    reduction="mean_nonzero",
):
    rows = [i for i in range(len(y)) if labelled[i]]
    genuine, impostor = [], []
    for i, j in itertools.permutations(rows, 2):
        d = distance(z[i], z[j], distance_kind)
        value = d if y[i] == y[j] else max(0.0, margin - d)
        (genuine if y[i] == y[j] else impostor).append(value**2 if squared else value)

    def reduced(values):
        if reduction == "sum":
            return math.fsum(values)
        count = len([v for v in values if v > 0]) if reduction == "mean_nonzero" else len(values)
        return math.fsum(values) / max(1, count)

    return reduced(genuine) + reduced(impostor)


def npair(z, y, labelled, *, l2=0.0, normalize=False):
    unscaled = z = np.asarray(z, np.float64)
    if normalize:
        z = np.array([row / (np.sqrt(row @ row) or 1) for row in z])
    members = {}
    for i in range(len(y)):
        if labelled[i]:
            members.setdefault(int(y[i]), []).append(i)
    pairs = {c: rows[:2] for c, rows in members.items() if len(rows) > 1}
    # a class with one labelled row has no positive of its own that could be another's negative
    values = [
        math.log(
            1
            + sum(
                math.exp(z[a] @ z[n] - z[a] @ z[p]) for other, (_, n) in pairs.items() if other != c
            )
        )
        for c, (a, p) in pairs.items()
    ]
    used = [i for pair in pairs.values() for i in pair]
    length = sum(unscaled[i] @ unscaled[i] for i in used) / max(1, len(used))
    return math.fsum(values) / max(1, len(values)) + l2 * length


def supcon(z, y, labelled, *, temperature=0.1, form="out", normalize=True):
    z = np.asarray(z, np.float64)
    if normalize:
        z = np.array([row / (np.sqrt(row @ row) or 1) for row in z])
    rows = [i for i in range(len(y)) if labelled[i]]
    values = []
    for i in rows:
        others = [a for a in rows if a != i]
        positives = [p for p in others if y[p] == y[i]]
        if not positives:
            continue
        total = sum(math.exp(z[i] @ z[a] / temperature) for a in others)
        shares = [math.exp(z[i] @ z[p] / temperature) / total for p in positives]
        if form == "out":
            values.append(-sum(math.log(s) for s in shares) / len(shares))
        else:
            values.append(-math.log(sum(shares) / len(shares)))
    return math.fsum(values) / max(1, len(values))


def nt_xent(first, second, valid, *, temperature=0.2):
    views = [(i, z / (math.sqrt(z @ z) or 1)) for z_of in (first, second)
             for i, z in enumerate(np.asarray(z_of, np.float64)) if valid[i]]  # fmt: skip
    if len(views) < 4:
        return 0.0
    values = []
    for a, (i, z) in enumerate(views):
        near = {
            b: math.exp(z @ other / temperature) for b, (_, other) in enumerate(views) if b != a
        }
        [positive] = [near[b] for b, (j, _) in enumerate(views) if j == i and b != a]
        values.append(-math.log(positive / sum(near.values())))
    return math.fsum(values) / len(values)


def cross_entropy(rows):
    """The mean cross-entropy of pairs (logits, label)."""
    values = []
    for logits, label in rows:
        top = max(logits)
        values.append(top + math.log(sum(math.exp(v - top) for v in logits)) - logits[label])
    return math.fsum(values) / max(1, len(values))


def center(z, y, labelled, centres, weights, bias, *, weight=0.003):
    rows = [i for i in range(len(y)) if labelled[i]]
    logits = [([sum(z[i] * weights[:, c]) + bias[c] for c in range(len(bias))], y[i]) for i in rows]
    away = [sum((z[i] - centres[y[i]]) ** 2) for i in rows]
    return cross_entropy(logits) + weight * 0.5 * math.fsum(away) / max(1, len(rows))


def moved_centres(z, y, labelled, centres, *, rate=0.5):
    centres = np.array(centres, np.float64)
    for c, old in enumerate(centres.copy()):
        mine = [i for i in range(len(y)) if labelled[i] and y[i] == c]
        centres[c] = old - rate * sum((old - z[i] for i in mine), np.zeros(len(old))) / (
            1 + len(mine)
        )
    return centres


def angles(z, y, labelled, weights):
    """For each labelled row, its angles to all classes, its label, its length."""
    rows = []
    for i in range(len(y)):
        if labelled[i]:
            row = []
            for w in weights.T:
                lengths = math.sqrt(z[i] @ z[i]) * math.sqrt(w @ w)
                row.append(math.acos(max(-1, min(1, z[i] @ w / lengths))))
            rows.append((row, int(y[i]), math.sqrt(z[i] @ z[i])))
    return rows


def angular(z, y, labelled, weights, target, scale=None):
    """Logits s cos θ, at the label s target(θ); s = ‖z‖ if none is given."""
    rows = []
    for row, label, length in angles(z, y, labelled, weights):
        s = length if scale is None else scale
        logits = [s * math.cos(t) for t in row]
        logits[label] = s * target(row[label])
        rows.append((logits, label))
    return cross_entropy(rows)


def sphereface(z, y, labelled, weights, *, m=4):
    def psi(t):
        k = math.floor(m * t / math.pi)
        return (-1) ** k * math.cos(m * t) - 2 * k

    return angular(z, y, labelled, weights, psi)


def cosface(z, y, labelled, weights, *, margin=0.35, scale=64.0):
    return angular(z, y, labelled, weights, lambda t: math.cos(t) - margin, scale)


def normalized_softmax(z, y, labelled, weights, *, scale=10.0):
    return angular(z, y, labelled, weights, math.cos, scale)


def arcface(z, y, labelled, weights, *, margin=0.5, scale=64.0):
    def target(t):
        if t <= math.pi - margin:
            return math.cos(t + margin)
        return math.cos(t) - margin * math.sin(margin)

    return angular(z, y, labelled, weights, target, scale)


def adacos(z, y, labelled, weights, scale, *, adaptive=True, largest=64.0):
    rows = angles(z, y, labelled, weights)
    if adaptive and rows:
        mass = [
            sum(math.exp(scale * math.cos(t)) for c, t in enumerate(row) if c != label)
            for row, label, _ in rows
        ]
        middle = float(np.median([row[label] for row, label, _ in rows]))
        scale = math.log(sum(mass) / len(mass)) / math.cos(min(math.pi / 4, middle))
        scale = min(max(scale, 0.0), largest)
    return angular(z, y, labelled, weights, math.cos, scale), scale
