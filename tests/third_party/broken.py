"""Losses as they should not be; that of `make` is not finite where `broken` is above 0."""

import jax.numpy as jnp

from jaxdml.losses import triplet


def make(*, broken: float = 0.0):
    def loss(embeddings, labels, *, labelled=None):
        return triplet(embeddings, labels, labelled=labelled) + jnp.where(broken > 0, jnp.nan, 0.0)

    return loss


def vector():
    return lambda embeddings, labels, *, labelled=None: embeddings.sum(axis=1)


def branching(*, reach: float = 1.0):
    scale = 2 if reach > 0.5 else 1
    return lambda embeddings, labels, *, labelled=None: scale * embeddings.sum()


def nothing():
    def loss(embeddings, labels, *, labelled=None):
        embeddings.sum()  # and no return

    return loss
