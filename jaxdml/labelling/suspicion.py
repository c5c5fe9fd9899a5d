"""Labelled images whose label looks wrong.

A network learns wrong labels by heart, and is sure of them on the image itself. Of the image under
strong changes it is not: then the image is classed as those that look like it. So the suspicion of
a label is one minus its probability, in the mean over strong views.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdml.estimator.embedder import SemiSupervisedEmbedder
from jaxdml.labelling import calibration, held_out

VIEWS = 16  # of each image


class Doubts(NamedTuple):
    """How far the labels of some images are in doubt."""

    value: np.ndarray  # f64[L], in [0, 1]: one minus the probability of the label
    other: np.ndarray  # i64[L], the class that the image looks like, its own aside


def doubts(embedder: SemiSupervisedEmbedder, images: np.ndarray, labels: np.ndarray) -> Doubts:
    """The doubts about labels that a network has learned from.

    Args:
      embedder: as fitted with them.
      images: u8[L, H, W, C] or f32, or standardised vectors.
      labels: i[L].
    """
    shares = _shares(embedder, images)
    rows = np.arange(len(labels))
    others = shares.copy()
    others[rows, labels] = -1
    return Doubts(1 - shares[rows, labels], others.argmax(axis=1))


def _shares(embedder: SemiSupervisedEmbedder, images: np.ndarray) -> np.ndarray:
    """Probabilities f64[L, C], in the mean over strong views, or of the images themselves."""
    trained = embedder.trained_
    strong = trained.on_data.method.views.get("strong")
    x = images.astype(np.float32) / (255 if images.dtype == np.uint8 else 1)
    views = [x]
    if strong is not None:
        change = jax.jit(strong)
        views = [np.asarray(change(jax.random.key(i), jnp.asarray(x))) for i in range(VIEWS)]
    every = [
        calibration.probabilities(held_out.scores(embedder, trained.embed(view))) for view in views
    ]
    return np.asarray(np.mean(every, axis=0))
