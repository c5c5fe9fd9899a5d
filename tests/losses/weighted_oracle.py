"""Metric losses of weighted rows by naive loops in float64: nothing of the library is used.

Each takes embeddings z, labels as distributions p over classes (certain ones are 0 and 1), weights
w of the rows, and n, what each row adds to the denominator. Absent rows have w = n = 0.
"""

import itertools
import math

import numpy as np

from tests.losses.oracle import PHI, distance


def same(p, i, j):
    return sum(a * b for a, b in zip(p[i], p[j], strict=True))


def ratio(terms, reduction="mean"):
    """Σ w v / Σ n of terms (v, w, n); of those with v > 0 alone; or Σ w v."""
    total = math.fsum(v * w for v, w, _ in terms)
    if reduction == "sum":
        return total
    count = math.fsum(n for v, _, n in terms if v > 0 or reduction == "mean")
    return total / count if count else 0.0


def contrastive(z, p, w, n, *, margin=1.0, squared=True, reduction="mean_nonzero"):
    genuine, impostor = [], []
    for i, j in itertools.permutations(range(len(z)), 2):
        d = distance(z[i], z[j], "euclidean")
        power = 2 if squared else 1
        s = same(p, i, j)
        genuine.append((d**power, w[i] * w[j] * s, n[i] * n[j] * s))
        impostor.append((max(0.0, margin - d) ** power, *(m[i] * m[j] * (1 - s) for m in (w, n))))
    return ratio(genuine, reduction) + ratio(impostor, reduction)


def triplet(z, p, w, n, *, margin=0.2, mining="all", form="hinge", reduction="mean_nonzero"):
    rows = range(len(z))
    d = {(i, j): distance(z[i], z[j], "euclidean") for i in rows for j in rows}
    phi = PHI[form]
    if mining == "hard":
        weighted = [(phi(t), m, 0.0) for t, m in hard(d, p, w, margin)]
        counted = [(phi(t), 0.0, m) for t, m in hard(d, p, n, margin)]
        return ratio(weighted + counted, reduction)
    terms = []
    for a, b, c in itertools.permutations(rows, 3):
        gap = d[a, c] - d[a, b]
        if mining == "all" or 0 < gap <= margin:
            s = same(p, a, b) * (1 - same(p, a, c))
            terms.append((phi(margin - gap), *(s * m[a] * m[b] * m[c] for m in (w, n))))
    return ratio(terms, reduction)


def hard(d, p, w, margin):
    rows = [i for i in range(len(w)) if w[i] > 0]
    for a in rows:
        positives = [i for i in rows if i != a and same(p, a, i) == 1]
        negatives = [i for i in rows if same(p, a, i) == 0]
        if positives and negatives:
            far = max(positives, key=lambda i, a=a: d[a, i])
            near = min(negatives, key=lambda i, a=a: d[a, i])
            yield d[a, far] - d[a, near] + margin, w[a] * w[far] * w[near]


def supcon(z, p, w, n, *, temperature=0.1, form="out"):
    z = np.array([row / (np.sqrt(row @ row) or 1) for row in z])
    terms = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i and w[a] > 0]
        chance = [1 - math.prod(1 - same(p, i, a) for a in range(len(z)) if a != i and m[a] > 0)
                  for m in (w, n)]  # fmt: skip
        positives = [a for a in others if same(p, i, a) > 0]
        value = 0.0
        if positives and w[i] > 0:
            total = sum(w[a] * math.exp(z[i] @ z[a] / temperature) for a in others)
            mass = sum(w[a] * same(p, i, a) for a in positives)
            share = {a: w[a] * same(p, i, a) / mass for a in positives}
            near = {a: math.exp(z[i] @ z[a] / temperature) / total for a in positives}
            if form == "out":
                value = -sum(share[a] * math.log(w[a] * near[a]) for a in positives)
            else:
                value = -math.log(sum(share[a] * near[a] for a in positives))
                value -= sum(share[a] * math.log(w[a]) for a in positives)
        terms.append((value, w[i] * chance[0], n[i] * chance[1]))
    return ratio(terms)


def npair(z, p, w, n, *, l2=0.0):
    def pairs(m):
        members = {}
        for i in range(len(z)):
            if m[i] > 0:
                members.setdefault(int(np.argmax(p[i])), []).append(i)
        return {c: rows[:2] for c, rows in members.items() if len(rows) > 1}

    terms, lengths = [], []
    for c, (a, b) in pairs(w).items():
        ratios = [
            w[m] / w[b] * math.exp(z[a] @ z[m] - z[a] @ z[b])
            for other, (_, m) in pairs(w).items()
            if other != c
        ]
        terms.append((math.log(1 + sum(ratios)), w[a] * w[b], 0.0))
        lengths += [(z[i] @ z[i], w[i], 0.0) for i in (a, b)]
    for a, b in pairs(n).values():
        terms.append((0.0, 0.0, n[a] * n[b]))
        lengths += [(0.0, 0.0, n[i]) for i in (a, b)]
    return ratio(terms) + l2 * ratio(lengths)


def cross_entropy(logits, p, w, n):
    terms = []
    for row, labels, *weights in zip(logits, p, w, n, strict=True):
        top = max(row)
        log_total = top + math.log(sum(math.exp(v - top) for v in row))
        terms.append((sum(q * (log_total - v) for q, v in zip(labels, row, strict=True)), *weights))
    return ratio(terms)


def center(z, p, w, n, params, centres, *, weight=0.003):
    logits = z @ params["weights"] + params["bias"]
    away = [
        sum(q * sum((row - c) ** 2) for q, c in zip(labels, centres, strict=True))
        for row, labels in zip(z, p, strict=True)
    ]
    pull = ratio(list(zip(away, w, n, strict=True)))
    return cross_entropy(logits, p, w, n) + weight * 0.5 * pull


def moved(z, p, w, centres, rate=0.5):
    result = np.array(centres, np.float64)
    for c, old in enumerate(centres):
        pull = sum(w[i] * p[i][c] * (old - z[i]) for i in range(len(z)))
        result[c] = old - rate * pull / (1 + sum(w[i] * p[i][c] for i in range(len(z))))
    return result


def cosines(z, weights):
    return np.array([[a @ b / math.sqrt((a @ a) * (b @ b)) for b in weights.T] for a in z])


def angular(z, p, w, n, weights, target, scale=None):
    logits = []
    for row, labels, cosine in zip(z, p, cosines(z, weights), strict=True):
        s = math.sqrt(row @ row) if scale is None else scale
        y = int(np.argmax(labels))
        logits.append([s * (target(math.acos(t)) if c == y else t) for c, t in enumerate(cosine)])
    return cross_entropy(logits, p, w, n)


def sphereface(z, p, w, n, params, _, *, m=4):
    def psi(t):
        k = math.floor(m * t / math.pi)
        return (-1) ** k * math.cos(m * t) - 2 * k

    return angular(z, p, w, n, params["weights"], psi)


def cosface(z, p, w, n, params, _, *, margin=0.35, scale=64.0):
    return angular(z, p, w, n, params["weights"], lambda t: math.cos(t) - margin, scale)


def normalized_softmax(z, p, w, n, params, _, *, scale=10.0):
    return angular(z, p, w, n, params["weights"], math.cos, scale)


def arcface(z, p, w, n, params, _, *, margin=0.5, scale=64.0):
    def target(t):
        past = t > math.pi - margin
        return math.cos(t) - margin * math.sin(margin) if past else math.cos(t + margin)

    return angular(z, p, w, n, params["weights"], target, scale)


def adacos(z, p, w, n, params, scale):
    scale = adapted(z, p, w, params["weights"], scale)
    return angular(z, p, w, n, params["weights"], math.cos, scale)


def adapted(z, p, w, weights, scale, largest=64.0):
    mass, angles = 0.0, []
    for labels, cosine, weight in zip(p, cosines(z, weights), w, strict=True):
        y = int(np.argmax(labels))
        mass += weight * sum(math.exp(scale * t) for c, t in enumerate(cosine) if c != y)
        angles.append((math.acos(cosine[y]), weight))
    half = sum(w) / 2
    below = [(t, sum(v for u, v in angles if u <= t)) for t, v in sorted(angles) if v > 0]
    lower = next(t for t, v in below if v >= half)
    upper = next(t for t, v in below if v > half)
    result = math.log(mass / sum(w)) / math.cos(min(math.pi / 4, (lower + upper) / 2))
    return min(max(result, 0.0), largest)
