"""A training loop in Flax NNX: a variational autoencoder whose latents also tell classes apart.

python examples/loop_nnx.py
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from jaxdml import augment, losses

x, kind = load_digits(return_X_y=True)
images = jnp.asarray(x.reshape(-1, 8, 8, 1) / 16, jnp.float32)
labelled = np.concatenate([np.flatnonzero(kind == c)[:5] for c in range(10)])  # and no others
view = augment.POLICIES["weak"]((8, 8, 1), ("shift", "scale", "rotate"))


class Network(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.Linear(64, 128, rngs=rngs)
        self.posterior = nnx.Linear(128, 2 * 16, rngs=rngs)
        self.decoder = nnx.Sequential(
            nnx.Linear(16, 128, rngs=rngs), nnx.relu, nnx.Linear(128, 64, rngs=rngs)
        )

    def encode(self, images):
        hidden = nnx.relu(self.hidden(images.reshape(len(images), -1)))
        return jnp.split(self.posterior(hidden), 2, axis=1)  # mean, log-variance


def loss(network, key):
    viewed = view(key, images)
    mean, logvar = network.encode(viewed)
    z = mean + jnp.exp(logvar / 2) * jax.random.normal(key, mean.shape)
    decoded = network.decoder(z).reshape(images.shape)
    apart = losses.triplet(mean[labelled], jnp.asarray(kind[labelled]), normalize=True)
    divergence = losses.kl.analytic(mean, logvar).mean()
    return losses.mse(viewed, decoded) + 0.01 * divergence + 20.0 * apart


@nnx.jit
def step(network, optimizer, key):
    value, slope = nnx.value_and_grad(loss)(network, key)
    optimizer.update(network, slope)
    return value


network = Network(nnx.Rngs(0))
optimizer = nnx.Optimizer(network, optax.adam(3e-3), wrt=nnx.Param)
for key in jax.random.split(jax.random.key(0), 300):
    value = step(network, optimizer, key)
z = np.asarray(network.encode(images)[0])
others = ~np.isin(np.arange(len(kind)), labelled)
nearest = KNeighborsClassifier(3).fit(z[labelled], kind[labelled])
print(f"accuracy {nearest.score(z[others], kind[others]):.3f}")
