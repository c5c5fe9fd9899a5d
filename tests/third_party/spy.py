"""A term that tells which random numbers it and the model are given: its metrics hold them."""

import jax
import jax.numpy as jnp

from jaxdml.types import Role, Term


def numbers(key):
    """A random key as two numbers."""
    data = jax.random.key_data(key)
    return {f"key{i}": part.astype(jnp.float32) for i, part in enumerate(data)}


def make(*, seen: str = "plain", kind: str = "unsupervised"):
    """Reads all images in the view `seen`."""

    def init(key, context):
        return {}, {"first": jax.random.key_data(key)}

    def value(params, kept, context, key):
        batch, outputs = context.batches["images"], context.outputs["images"]
        metrics = numbers(key) | {"pixels": jnp.sum(batch.x), "sample": jnp.sum(outputs.z)}
        return jnp.zeros(()), kept, metrics

    return Term("spy", kind, {"images": Role("all", seen)}, value, init)
