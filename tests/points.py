"""Points for tests that need one, whatever it is."""

import jax.numpy as jnp

from jaxdml.types import Point


def any_point(seed: int = 0) -> Point:
    """A point of this seed, without a labelled image."""
    zero = jnp.zeros((), jnp.int32)
    return Point(jnp.int32(seed), {}, zero[None], zero[None], zero)
