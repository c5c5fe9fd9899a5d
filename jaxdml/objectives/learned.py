"""Losses that learn or keep something, and those that do not, as one kind."""

from collections.abc import Callable

from jax import Array

from jaxdml.types import Learned

Loss = Learned | Callable[..., Array]


def learned(loss: Loss) -> Learned:
    """The loss as a `Learned` one: a plain function learns and keeps nothing.

    >>> learned(lambda x: x + 1).value({}, {}, 2)
    (3, {})
    """
    if isinstance(loss, Learned):
        return loss
    return Learned(
        lambda key, classes, latent_dim: ({}, {}),
        lambda params, kept, *arguments, **options: (loss(*arguments, **options), kept),
    )
