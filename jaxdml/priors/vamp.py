"""VampPrior: the prior is a mixture of posteriors of learned pseudo-inputs.

Tomczak and Welling, "VAE with a VampPrior", 2018.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxdml.options import at_least, one_of
from jaxdml.priors.base import mixture
from jaxdml.types import Components, Params, Prior


def make(
    latent_dim: int,
    classes: int,
    *,
    pseudo_inputs: int = 50,
    initial: str = "data",
    within: bool = True,
) -> Prior:
    """p(z) = 1/K Σ_k q(z | u_k), as `prior.name = "vamp"` selects it.

    The pseudo-inputs u_k are images with values in [0, 1], or vectors, learned with everything
    else; the gradient reaches the encoder through them too. A step encodes K images more.

    Args:
      latent_dim, classes: not used: the encoder says where the components lie.
      pseudo_inputs: K ≥ 1 (500 in the paper, 10 in the thesis's ancestor).
      initial: `data`, K training images; or `noise`, uniform in [0, 1].
      within: whether they stay in [0, 1], as images do, and vectors do not.

    Raises:
      ValueError: for an option that is not one of the above.

    >>> prior = make(2, 10, pseudo_inputs=3, initial="noise")
    >>> params = prior.init(jax.random.key(0), lambda key, count: jnp.zeros((count, 4, 4, 1)))
    >>> encode = lambda x: (x.reshape(len(x), -1)[:, :2], jnp.zeros((len(x), 2)))
    >>> prior.components(params, encode).means.shape
    (3, 2)
    """
    at_least("pseudo_inputs", pseudo_inputs, 1)
    one_of("initial", initial, ("data", "noise"))

    def init(key: Array, examples: Any) -> Params:
        images = examples(key, pseudo_inputs)
        if initial == "noise":
            images = jax.random.uniform(key, images.shape, images.dtype)
        return {"pseudo_inputs": images}

    def components(params: Params, encode: Any) -> Components:
        inputs = params["pseudo_inputs"]
        means, logvars = encode(bounded(inputs) if within else inputs)
        return Components(jnp.full(len(means), -math.log(len(means))), means, logvars)

    return mixture(init, components)


@jax.custom_vjp
def bounded(x: Array) -> Array:
    """`x`, f32[…], clipped to [0, 1]; its gradient is cut only where descent would lead outwards.

    Plain clipping has no gradient outside of [0, 1], so that a value that momentum carries there
    would never come back.

    >>> slope = jax.grad(lambda x: -bounded(x).sum())  # descent goes up
    >>> slope(jnp.array([-0.1, 0.5, 1.1])).tolist()
    [-1.0, -1.0, 0.0]
    """
    return jnp.clip(x, 0, 1)


def _forward(x: Array) -> tuple[Array, Array]:
    return bounded(x), x


def _backward(x: Array, slope: Array) -> tuple[Array]:
    outwards = ((x <= 0) & (slope > 0)) | ((x >= 1) & (slope < 0))
    return (jnp.where(outwards, 0, slope),)


bounded.defvjp(_forward, _backward)
