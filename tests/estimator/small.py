"""Three classes of vectors and of images, few of them labelled, and a network that learns them."""

import numpy as np

from jaxdml.estimator import SemiSupervisedEmbedder

SMALL = {
    "model.hidden": (16,),
    "model.latent_dim": 4,
    "model.encoder": "mlp",
    "train.batch_size": 16,
    "train.unlabelled_batch_size": 16,
    "optimizer.warmup_steps": 5.0,
}
RANDOM = np.random.default_rng(0)
WORDS = np.array(["cat", "dog", "owl"])
KIND = RANDOM.integers(0, 3, 90)
CENTRES = RANDOM.normal(size=(3, 6)) * 4
VECTORS = (CENTRES[KIND] + RANDOM.normal(size=(90, 6))) * 10.0 ** np.arange(-2, 4) + 7
IMAGES = RANDOM.integers(0, 90, (90, 6, 6)).astype("u1")
for row, kind in enumerate(KIND):
    IMAGES[row, 2 * kind : 2 * kind + 2] += 150  # a band above, in the middle or below
LABELLED = np.concatenate([np.flatnonzero(kind == KIND)[:4] for kind in range(3)])
Y = np.full(90, -1)
Y[LABELLED] = KIND[LABELLED]


def embedder(steps=60, **changes):
    options = {**SMALL, **changes.pop("options", {})}
    return SemiSupervisedEmbedder(steps=steps, random_state=0, options=options, **changes)
