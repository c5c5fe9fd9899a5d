"""A policy of views as a user writes it, outside the package: noise, and images upside down."""

import jax
import jax.numpy as jnp


def make(shape, invariances):
    def view(key, x):
        turn_key, noise_key = jax.random.split(key)
        turned = jax.random.bernoulli(turn_key, 0.5, (len(x), 1, 1, 1))
        x = jnp.where(turned, x[:, ::-1], x)
        return jnp.clip(x + 0.05 * jax.random.normal(noise_key, x.shape, x.dtype), 0, 1)

    return view
