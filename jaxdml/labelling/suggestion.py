"""Which images to label next: each from a group of images that has no label yet.

Embeddings are put into as many clusters as there are labelled images and images to suggest
together. Clusters that hold a labelled image are known already; of the others those come first in
which the network is most unsure in sum, which large ones are, and those between classes. Of each,
the image next to its centre is suggested: it is usual, and speaks for the others.

To take the images of which the network is most unsure was worse than chance with few labels: see
`experiments/results/labelling`. Hacohen, Dekel and Weinshall (2022), *Active Learning on a Budget*,
have typical images of clusters without a label; the order by doubt is ours.
"""

import numpy as np
from sklearn.cluster import KMeans

MOST_CLUSTERS = 500
CLUSTERED = 20_000  # images that clusters are made of


def suggest(
    embeddings: np.ndarray, shares: np.ndarray, labelled: np.ndarray, count: int
) -> np.ndarray:
    """Rows i64[count] of the images to label next, the first first; all where there are fewer.

    Args:
      embeddings: f32[N, D].
      shares: f64[N, C], probabilities of the classes.
      labelled: f32[L, D], embeddings of the labelled images.
      count: how many, at least 1.

    >>> z, shares = np.array([[0.0], [0.1], [5.0], [9.0]]), np.full((4, 2), 0.5)
    >>> suggest(z, shares, np.array([[0.05]]), 2).tolist()  # not those beside a labelled one
    [2, 3]
    """
    count = min(count, len(embeddings))
    clusters = min(len(labelled) + count, max(MOST_CLUSTERS, count), len(embeddings))
    order = np.random.default_rng(0).permutation(len(embeddings))[:CLUSTERED]
    few = np.sort(order) if len(order) >= clusters else np.arange(len(embeddings))
    means = KMeans(clusters, n_init=1, random_state=0).fit(embeddings[few])
    member, distance = means.predict(embeddings), means.transform(embeddings)
    two = np.sort(shares, axis=1)[:, -2:]
    doubt = np.bincount(member, 1 - (two[:, 1] - two[:, 0]), clusters)
    known = np.isin(np.arange(clusters), means.predict(labelled) if len(labelled) else [])
    ranked = np.lexsort((-doubt, known))  # those without a label first
    rows: list[int] = []
    while len(rows) < count:  # a second image of a cluster, where there are too few clusters
        for cluster in ranked:
            inside = np.setdiff1d(np.flatnonzero(member == cluster), rows)
            if len(inside) and len(rows) < count:
                rows.append(int(inside[distance[inside, cluster].argmin()]))
    return np.array(rows, np.int64)
