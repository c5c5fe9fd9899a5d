"""A training loop in Equinox: an autoencoder whose embeddings have the class weights of ArcFace.

pip install equinox; python examples/loop_equinox.py
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

from jaxdml import augment, losses
from jaxdml.distances import unit

x, kind = load_digits(return_X_y=True)
images = jnp.asarray(x.reshape(-1, 8, 8, 1) / 16, jnp.float32)
labelled = np.concatenate([np.flatnonzero(kind == c)[:5] for c in range(10)])  # and no others
classes = jnp.asarray(kind[labelled])
view = augment.POLICIES["weak"]((8, 8, 1), ("shift", "scale", "rotate"))


class Network(eqx.Module):
    encoder: eqx.nn.MLP
    decoder: eqx.nn.MLP
    class_weights: jax.Array

    def __init__(self, key):
        first, second, third = jax.random.split(key, 3)
        self.encoder = eqx.nn.MLP(64, 16, 128, 1, key=first)
        self.decoder = eqx.nn.MLP(16, 64, 128, 1, key=second)
        self.class_weights = jax.random.normal(third, (16, 10))

    def embed(self, images):
        return jax.vmap(self.encoder)(images.reshape(len(images), -1))


def loss(network, key):
    viewed = view(key, images)
    z = network.embed(viewed)
    decoded = jax.vmap(network.decoder)(z).reshape(images.shape)
    apart = losses.arcface(z[labelled], classes, network.class_weights, margin=0.2, scale=16.0)
    return losses.mse(viewed, decoded) + apart


@eqx.filter_jit
def step(network, state, key):
    value, slope = eqx.filter_value_and_grad(loss)(network, key)
    changes, state = optimizer.update(slope, state)
    return eqx.apply_updates(network, changes), state, value


network = Network(jax.random.key(0))
optimizer = optax.adam(3e-3)
state = optimizer.init(eqx.filter(network, eqx.is_array))
for key in jax.random.split(jax.random.key(1), 300):
    network, state, value = step(network, state, key)
scores = unit(network.embed(images)) @ unit(network.class_weights.T).T  # cosines
others = ~np.isin(np.arange(len(kind)), labelled)
print(f"accuracy {(np.asarray(scores).argmax(axis=1) == kind)[others].mean():.3f}")
