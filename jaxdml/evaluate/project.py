"""Embeddings in two dimensions, to look at."""

import importlib.util
import sys
from typing import NamedTuple

import numpy as np

from jaxdml.options import ConfigError, one_of

METHODS = ("pca", "tsne", "umap")


class Plane(NamedTuple):
    """Embeddings in the plane, all by the same map."""

    name: str  # of the map, for the axes
    positions: list[np.ndarray]  # f32[N, 2], as the embeddings came
    origin: np.ndarray | None  # f32[D], where the map is z → (z - origin) @ matrix
    matrix: np.ndarray | None  # f32[D, 2]; `None` where the map is not linear


def check(method: str) -> None:
    """Makes sure that there is such a `method`, and that it is installed.

    Raises:
      ValueError, ConfigError: if it is not so.

    >>> check("pca")
    """
    one_of("method", method, METHODS)
    umap = sys.modules["umap"] if "umap" in sys.modules else importlib.util.find_spec("umap")
    if method == "umap" and umap is None:
        raise ConfigError("umap is not installed: pip install 'jaxdml[umap]'")


def plane(*embeddings: np.ndarray, method: str = "pca") -> Plane:
    """The embeddings of D dimensions in the plane.

    Two dimensions stay as they are, and one gets a second that is 0.

    Args:
      embeddings: f32[N, D] each, finite; together at least three rows.
      method: for D > 2: `pca`, fitted to the first of them; or of all of them together `tsne` (van
        der Maaten and Hinton 2008), which takes a minute for 10,000; or `umap` (McInnes et al.
        2018), if it is installed.

    Raises:
      ValueError: if there is no such method. ConfigError: if it is not installed.

    >>> flat = plane(np.zeros((4, 2)))
    >>> flat.positions[0].shape, flat.name
    ((4, 2), 'latent space')
    """
    check(method)
    dimensions = embeddings[0].shape[1]
    if dimensions <= 2:
        matrix = np.eye(2)[:dimensions]
        name = "latent space" if dimensions == 2 else "latent line"
        return Plane(name, [z @ matrix for z in embeddings], np.zeros(dimensions), matrix)
    space = f"{dimensions}-D latent space"
    if method == "pca":
        from sklearn.decomposition import PCA

        pca = PCA(2, random_state=0).fit(embeddings[0])
        share = pca.explained_variance_ratio_.sum()
        positions = [pca.transform(z) if len(z) else np.zeros((0, 2)) for z in embeddings]
        return Plane(
            f"{space}, by PCA ({share:.0%} of its variance)",
            positions,
            pca.mean_,
            pca.components_.T,
        )
    together = np.concatenate(embeddings)
    if method == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(30.0, (len(together) - 1) / 3)
        all_positions = TSNE(2, perplexity=perplexity, random_state=0).fit_transform(together)
    else:
        umap = importlib.import_module("umap")
        all_positions = umap.UMAP(random_state=0, n_jobs=1).fit_transform(together)
    ends = np.cumsum([len(z) for z in embeddings])[:-1]
    return Plane(f"{space}, by {_NAMES[method]}", np.split(all_positions, ends), None, None)


_NAMES = {"tsne": "t-SNE", "umap": "UMAP"}
