"""A model as a user writes it with Flax NNX: a module split into its graph and its parameters."""

import math

import jax
from flax import nnx

from jaxdml.models.base import model


class Network(nnx.Module):
    def __init__(self, size, latent_dim, stochastic, decoder, rngs):
        self.encoder = nnx.Linear(size, latent_dim * (2 if stochastic else 1), rngs=rngs)
        if decoder:
            self.decoder = nnx.Linear(latent_dim, size, rngs=rngs)


def make(spec, *, latent_dim: int = 3):
    size = math.prod(spec.image_shape)

    def network(key):
        return Network(size, latent_dim, spec.stochastic, spec.decoder, nnx.Rngs(key))

    graph, _ = nnx.split(nnx.eval_shape(lambda: network(jax.random.key(0))), nnx.Param)

    def init(key):
        return nnx.to_pure_dict(nnx.state(network(key), nnx.Param))

    def merged(params):
        state = nnx.state(nnx.eval_shape(lambda: network(jax.random.key(0))), nnx.Param)
        nnx.replace_by_pure_dict(state, params)
        return nnx.merge(graph, state)

    def encode(params, x, y=None):
        out = merged(params).encoder(x.reshape(x.shape[0], -1))
        return (out[:, :latent_dim], out[:, latent_dim:]) if spec.stochastic else (out, None)

    def decode(params, z, y=None):
        if not spec.decoder:
            return None
        return merged(params).decoder(z).reshape(z.shape[0], *spec.image_shape)

    return model(init, encode, decode, latent_dim)
