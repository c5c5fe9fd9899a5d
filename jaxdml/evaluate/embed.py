"""Embeddings of images with a trained model."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxdml.types import Model, Params


def embedder(model: Model, batch_size: int = 1000) -> Callable[[Params, np.ndarray], np.ndarray]:
    """A function `(params["model"], images) → f32[N, D]`: the posterior means, compiled once.

    Args:
      model: its `encode` is used.
      batch_size: images at a time.
    """

    @jax.jit
    def encode(params: Params, x: jax.Array) -> jax.Array:
        if x.dtype == jnp.uint8:
            x = x.astype(jnp.result_type(float)) / 255
        return model.encode(params, x)[0]

    def embed(params: Params, x: np.ndarray) -> np.ndarray:
        size = min(batch_size, len(x))
        parts = []
        for start in range(0, len(x), max(size, 1)):
            part = x[start : start + size]
            padded = np.pad(part, [(0, size - len(part))] + [(0, 0)] * (x.ndim - 1))
            parts.append(encode(params, padded)[: len(part)])
        if not parts:
            return np.zeros((0, model.latent_dim), np.float32)
        return np.concatenate(jax.device_get(parts))

    return embed


def defect(embeddings: np.ndarray) -> str | None:
    """What makes embeddings impossible to judge, or `None`.

    They are constant if no coordinate varies by more than rounding: a classifier would then answer
    with one class, and its accuracy would look like a result.

    >>> defect(np.ones((3, 2)))
    'constant embeddings'
    >>> defect(np.array([[0.0], [np.nan]]))
    'non-finite embeddings'
    >>> defect(np.eye(2)) is None
    True
    """
    if not np.isfinite(embeddings).all():
        return "non-finite embeddings"
    if len(embeddings) > 1:
        extent = np.ptp(embeddings, axis=0).max()
        if extent <= 8 * np.finfo(np.float32).eps * np.abs(embeddings).max():
            return "constant embeddings"
    return None
