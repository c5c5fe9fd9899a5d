"""Priors p(z) over the latent space: what can score a latent point, and draw one.

A prior is `make(latent_dim, classes, **options) → Prior`. What it learns is kept with the term that
reads it, in `params["terms"]["kl"]`.
"""

from collections.abc import Callable

from jaxdml.priors import hypercube, sphere, unit, vamp
from jaxdml.types import Prior

__all__ = ["PRIORS"]

PRIORS: dict[str, Callable[..., Prior]] = {
    "unit": unit.make,
    "hypercube": hypercube.make,
    "sphere": sphere.make,
    "learned_mixture": sphere.make_learned,
    "vamp": vamp.make,
}
