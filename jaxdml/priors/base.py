"""A prior that is a mixture of normal distributions."""

from collections.abc import Callable
from typing import Any

from jax import Array

from jaxdml import distributions
from jaxdml.types import Components, Params, Prior


def mixture(init: Callable[..., Params], components: Callable[..., Components]) -> Prior:
    """A prior with the density and the samples of its components.

    Args:
      init: `(key, examples) → params`, what it learns.
      components: `(params, encode) → Components`.
    """

    def log_prob(params: Params, z: Array, encode: Any) -> Array:
        return distributions.log_mixture(z, components(params, encode))

    def sample(params: Params, key: Array, count: int, encode: Any) -> Array:
        return distributions.sample_mixture(key, count, components(params, encode))

    return Prior(init, log_prob, sample, components)


def learns_nothing(key: Array, examples: Any) -> Params:
    """The `init` of a fixed prior."""
    return {}
