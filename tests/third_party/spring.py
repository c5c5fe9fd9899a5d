"""A loss as a user writes it, outside the package: one file, found by its dotted path."""

import functools

import jax.numpy as jnp

from jaxdml import masks
from jaxdml.distances import squared_euclidean


def spring(embeddings, labels, *, labelled=None, stiffness=0.1):
    """Springs pull genuine pairs together, charges push impostors apart."""
    positive, negative = masks.pairs(labels, labelled)
    distance = squared_euclidean(embeddings)
    pull = jnp.where(positive, distance, 0).sum() / jnp.maximum(positive.sum(), 1)
    push = jnp.where(negative, jnp.exp(-distance), 0).sum() / jnp.maximum(negative.sum(), 1)
    return stiffness * pull + push


def make(*, stiffness: float = 0.1):
    return functools.partial(spring, stiffness=stiffness)
