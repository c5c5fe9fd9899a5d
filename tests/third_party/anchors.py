"""A term as a user writes it, outside the package: anchors in latent space, moved between epochs.

It keeps k anchors and how often they were moved, and pulls every image to its nearest anchor.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdml.types import Refresh, Role, Term


def make(*, anchors: int = 5, pull: float = 0.1, every: int = 1):
    def init(key, context):
        return {}, {
            "anchors": jnp.zeros((anchors, context.latent_dim)),
            "of_row": jnp.zeros(context.images, jnp.int32),
            "moved": jnp.zeros((), jnp.int32),
        }

    def value(params, kept, context, key):
        batch, outputs = context.batches["images"], context.outputs["images"]
        z = context.embedding(outputs.mean)
        anchor = kept["anchors"][kept["of_row"][batch.row]]
        distance = jnp.where(batch.valid, jnp.sum((z - anchor) ** 2, axis=1), 0).mean()
        return pull * distance, kept, {"moved": kept["moved"].astype(distance.dtype)}

    def update(params, kept, corpus, seed):
        random = np.random.default_rng(seed)
        rows = random.choice(len(corpus.embeddings), anchors, replace=False)
        centres = corpus.embeddings[np.sort(rows)]
        for _ in range(3):
            distance = ((corpus.embeddings[:, None] - centres[None]) ** 2).sum(axis=2)
            nearest = distance.argmin(axis=1)
            centres = np.stack(
                [
                    corpus.embeddings[nearest == i].mean(axis=0) if (nearest == i).any() else centre
                    for i, centre in enumerate(centres)
                ]
            )
        return params, {
            "anchors": centres.astype(kept["anchors"].dtype),
            "of_row": nearest.astype(np.int32),
            "moved": np.asarray(kept["moved"] + 1, np.int32),
        }

    refresh = Refresh(lambda epoch: epoch % every == 0, update)
    return Term("anchors", "unsupervised", {"images": Role("all")}, value, init, refresh=refresh)


def make_drawn(*, scale: float = 0.01):
    """A term that draws random numbers: a noisy pull to the origin."""

    def value(params, kept, context, key):
        z = context.outputs["images"].mean
        noise = jax.random.normal(key, z.shape, z.dtype)
        return scale * jnp.mean((z - noise) ** 2), kept, {}

    return Term("drawn", "unsupervised", {"images": Role("all")}, value)
