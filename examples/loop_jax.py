"""A training loop in plain JAX: jaxdml's views and losses, a network of your own.

python examples/loop_jax.py
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

from jaxdml import augment, graph, losses

x, kind = load_digits(return_X_y=True)
images = jnp.asarray(x.reshape(-1, 8, 8, 1) / 16, jnp.float32)
labelled = np.concatenate([np.flatnonzero(kind == c)[:5] for c in range(10)])  # and no others
view = augment.POLICIES["weak"]((8, 8, 1), ("shift", "scale", "rotate"))


def embed(params, images):
    hidden = jax.nn.relu(images.reshape(len(images), -1) @ params["hidden"])
    return hidden @ params["out"]


def loss(params, key):
    first, second, rows = jax.random.split(key, 3)
    some = images[jax.random.choice(rows, len(images), (256,))]
    alike = losses.nt_xent(embed(params, view(first, some)), embed(params, view(second, some)))
    own = embed(params, view(first, images[labelled]))
    return losses.supcon(own, jnp.asarray(kind[labelled])) + alike


@jax.jit
def step(params, state, key):
    value, slope = jax.value_and_grad(loss)(params, key)
    changes, state = optimizer.update(slope, state)
    return optax.apply_updates(params, changes), state, value


keys = jax.random.split(jax.random.key(0), 402)
params = {
    "hidden": jax.random.normal(keys[0], (64, 128)) / 8,
    "out": jax.random.normal(keys[1], (128, 16)) / 11,
}
optimizer = optax.adam(3e-3)
state = optimizer.init(params)
for key in keys[2:]:
    params, state, value = step(params, state, key)
found = graph.propagate(np.asarray(embed(params, images)), labelled, kind[labelled], 10)
others = ~np.isin(np.arange(len(kind)), labelled)
print(f"accuracy {(found.labels == kind)[others].mean():.3f}")
