"""Naive loops for class means, and for labels that a teacher gives."""

import math

import numpy as np


def softmax(row):
    largest = max(row)
    exponentials = [math.exp(value - largest) for value in row]
    return [value / sum(exponentials) for value in exponentials]


def class_means(batches, classes, dim, decay=0.99):
    """Running sums and counts after batches of (embeddings, labels, labelled)."""
    total, count = np.zeros((classes, dim)), np.zeros(classes)
    for embeddings, labels, labelled in batches:
        total, count = total * decay, count * decay
        for z, y, is_labelled in zip(embeddings, labels, labelled, strict=True):
            if is_labelled and 0 <= y < classes:
                total[y] += z
                count[y] += 1
    return total, count


def class_scores(embeddings, total, count, temperature, kind):
    """Logits by the distance to class means, or the cosine; unseen classes 10⁴ below."""
    seen_classes = [c for c in range(len(count)) if count[c] > 0]
    means = {c: total[c] / count[c] for c in seen_classes}
    if kind == "distance" and seen_classes:
        centre = sum(means.values()) / len(seen_classes)
        spread = (
            sum(float(((means[c] - centre) ** 2).sum()) for c in seen_classes) / len(seen_classes)
            or 1.0
        )
    logits = np.zeros((len(embeddings), len(count)))
    for i, z in enumerate(embeddings):
        for c in seen_classes:
            if kind == "cosine":
                norms = np.linalg.norm(z) * np.linalg.norm(means[c])
                logits[i, c] = 2 * float(z @ means[c]) / norms / temperature if norms else 0.0
            else:
                logits[i, c] = -float(((z - means[c]) ** 2).sum()) / spread / temperature
    lowest = (
        min(0.0, *(logits[i, c] for i in range(len(logits)) for c in seen_classes))
        if seen_classes
        else 0.0
    )
    unseen = [c for c in range(len(count)) if c not in seen_classes]
    logits[:, unseen] = lowest - 1e4
    return logits


def teacher_labels(scores, threshold, sharpness=None):
    """Labels (or probabilities), weights and confidences of each row."""
    labels, weights, confidences = [], [], []
    for row in scores:
        probabilities = softmax(row)
        best = max(range(len(row)), key=lambda c: probabilities[c])
        confidences.append(probabilities[best])
        weights.append(1.0 if probabilities[best] >= threshold else 0.0)
        if sharpness is None:
            labels.append(best)
        else:
            powers = [p**sharpness for p in probabilities]
            labels.append([p / sum(powers) for p in powers])
    return np.array(labels), np.array(weights), np.array(confidences)
