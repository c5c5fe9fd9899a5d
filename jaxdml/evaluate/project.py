"""Embeddings in two dimensions, to look at."""

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA


def plane(*embeddings: np.ndarray) -> tuple[Sequence[np.ndarray], str]:
    """Embeddings of D dimensions in the plane, all by the same map, and the name of that map.

    Two dimensions stay as they are, one gets a second that is 0, more are projected by a PCA that
    is fitted to the first argument.

    >>> [z], name = plane(np.zeros((4, 2)))
    >>> z.shape, name
    ((4, 2), 'latent space')
    """
    dimensions = embeddings[0].shape[1]
    if dimensions == 2:
        return embeddings, "latent space"
    if dimensions == 1:
        return [np.pad(z, ((0, 0), (0, 1))) for z in embeddings], "latent line"
    pca = PCA(2, random_state=0).fit(embeddings[0])
    share = pca.explained_variance_ratio_.sum()
    name = f"{dimensions}-D latent space, by PCA ({share:.0%} of its variance)"
    return [pca.transform(z) if len(z) else np.zeros((0, 2)) for z in embeddings], name
