"""What a trained model shows when asked: reconstructions, samples, pseudo-inputs, components."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdml.types import Components, Method, Params

MOST_COMPONENTS = 500  # that are listed


class Gallery(NamedTuple):
    """Images in [0, 1]. `None` where the model has no such part."""

    images: np.ndarray | None  # f32[N, H, W, C], as given; `None` where they are no pictures
    reconstructions: np.ndarray | None  # f32[N, H, W, C]
    samples: np.ndarray | None  # f32[S, H, W, C], decoded draws from the prior
    pseudo_inputs: np.ndarray | None  # f32[K, H, W, C]
    components: Components | None  # of the prior, in host memory


def gallery(
    method: Method,
    params: Params,
    images: np.ndarray,
    as_image: Callable[[jax.Array], jax.Array],
    samples: int = 12,
) -> Gallery:
    """What one trained point shows.

    Args:
      method: as assembled; of its terms the first with a prior is shown.
      params: `{"model": …, "terms": …}` of the point.
      images: u8[N, H, W, C], or f32 in [0, 1], to be reconstructed from their posterior mean.
      as_image: from what the decoder gives to values in [0, 1].
      samples: how many to draw, with seed 0.
    """
    model = method.model
    terms = (term for phase in method.routine.phases for term in phase.terms)
    priors = [(term.name, term.prior) for term in terms if term.prior]
    x = jnp.asarray(images, jnp.float32) / (255 if images.dtype == np.uint8 else 1)

    def encode(x: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        return model.encode(params["model"], x)

    def decode(z: jax.Array) -> np.ndarray | None:
        decoded = model.decode(params["model"], z)
        return None if decoded is None else np.asarray(as_image(decoded))

    drawn = pseudo_inputs = components = None
    if priors:
        name, make = priors[0]
        prior, prior_params = make(model.latent_dim, method.classes), params["terms"][name]
        drawn = decode(prior.sample(prior_params, jax.random.key(0), samples, encode))
        if isinstance(prior_params, dict) and "pseudo_inputs" in prior_params:
            pseudo_inputs = np.clip(np.asarray(prior_params["pseudo_inputs"]), 0, 1)
        try:
            prior_components = prior.components(prior_params, encode)
        except ValueError:  # too many to list
            prior_components = None
        if prior_components is not None and len(prior_components.means) <= MOST_COMPONENTS:
            components = jax.tree.map(np.asarray, prior_components)
    return Gallery(np.asarray(x), decode(encode(x)[0]), drawn, pseudo_inputs, components)
