"""A loss that is not finite where `broken` is above 0."""

import jax.numpy as jnp

from jaxdml.losses import triplet


def make(*, broken: float = 0.0):
    def loss(embeddings, labels, *, labelled=None):
        return triplet(embeddings, labels, labelled=labelled) + jnp.where(broken > 0, jnp.nan, 0.0)

    return loss
