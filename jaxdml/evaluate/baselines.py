"""Baselines without a network: what the same classifiers make of raw pixels, and of their PCA.

A network is worth its training where it beats them. Both see images only: no label is read.
"""

from collections.abc import Callable

import numpy as np

COMPONENTS = 50  # of PCA
MOST_FITTED = 10_000  # images that PCA is fitted on
Features = Callable[[np.ndarray], np.ndarray]  # images [N, H, W, C] → f32[N, D]


def pixels(train: np.ndarray) -> Features:
    """The images as they are, flat, in [0, 1].

    Args:
      train: the training images, u8[N, H, W, C] or float in [0, 1]; they are not read.

    >>> pixels(np.zeros((0, 1, 2, 1)))(np.full((1, 1, 2, 1), 255, np.uint8))
    array([[1., 1.]], dtype=float32)
    """

    def flat(x: np.ndarray) -> np.ndarray:
        scale = 255 if x.dtype == np.uint8 else 1
        return (x.reshape(len(x), -1) / np.float32(scale)).astype(np.float32)

    return flat


def pca(train: np.ndarray) -> Features:
    """The first fifty principal components of the pixels, or as many as there are.

    Args:
      train: u8[N, H, W, C] or float in [0, 1], at least one image: it is fitted on ten thousand
        of them at most, always the same ones.

    >>> pca(np.eye(4).reshape(4, 2, 2, 1))(np.zeros((3, 2, 2, 1))).shape
    (3, 4)
    """
    from sklearn.decomposition import PCA

    flat = pixels(train)
    rows = np.random.default_rng(0).permutation(len(train))[:MOST_FITTED]
    flat_images = flat(train[np.sort(rows)])
    solver = "covariance_eigh" if flat_images.shape[1] <= 1000 < len(flat_images) else "auto"
    fitted = PCA(min(COMPONENTS, *flat_images.shape), svd_solver=solver, random_state=0).fit(
        flat_images
    )
    return lambda x: np.asarray(fitted.transform(flat(x)), np.float32)


BASELINES: dict[str, Callable[[np.ndarray], Features]] = {"pixels": pixels, "pca": pca}
