"""What the decoder of a trained network makes of latents, and of samples of its prior."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdml.data import vectors
from jaxdml.estimator.trained.network import TrainedNetwork
from jaxdml.train import step


def decoded(trained: TrainedNetwork, latents: Any, method_name: str) -> np.ndarray:
    """Images [N, H, W, C], or vectors [N, d], of latents f32[N, D].

    Args:
      trained: the network.
      latents: f32[N, D].
      method_name: for the error message.

    Raises:
      ValueError: if the method has no decoder, or the latents have another dimension.
    """
    model = trained.on_data.method.model
    z = np.asarray(latents, np.float32)
    if z.ndim != 2 or z.shape[1] != model.latent_dim:
        raise ValueError(f"Z must be (n, {model.latent_dim}), but its shape is {z.shape}")
    found = model.decode(trained.network.params["model"], jnp.asarray(z))
    if found is None:
        raise ValueError(
            f"method={method_name!r} has no decoder: use one with a reconstruction, like 'ae', "
            "'vae' or 'dml_ae'"
        )
    if trained.on_data.setting.get("reconstruction.name") == "bernoulli":
        found = jax.nn.sigmoid(found)
    images = np.asarray(found)
    if trained.columns is not None:
        return vectors.original(images, trained.columns)
    return images


def sampled(trained: TrainedNetwork, count: int, seed: int, method_name: str) -> Any:
    """Samples of the prior, f32[count, D].

    Args:
      trained: the network.
      count: of samples.
      seed: of the draw.
      method_name: for the error message.

    Raises:
      ValueError: if the method has no prior.
    """
    method, params = trained.on_data.method, trained.network.params
    terms = step.terms(method.routine)
    priors = {name: term.prior for name, term in terms.items() if term.prior is not None}
    if not priors:
        raise ValueError(f"method={method_name!r} has no prior: use 'vae', or 'mvae'")
    name, make = next(iter(priors.items()))
    prior = make(method.model.latent_dim, method.classes)

    def encode(x: Any) -> Any:
        return method.model.encode(params["model"], x)

    return prior.sample(params["terms"][name], jax.random.key(seed), count, encode)
