"""A loss as a user writes it, with an option that a term has too: `on`."""

import functools

from jaxdml import losses


def shifted(embeddings, labels, *, labelled=None, on=0.0):
    return losses.supcon(embeddings, labels, labelled=labelled) + on


def make(*, on: float = 1.0):
    return functools.partial(shifted, on=on)
