"""Embeddings of images with a trained model."""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxdml.arguments import checked
from jaxdml.types import Model, Params

EMBEDDINGS = ("mean", "sample")  # of the posterior; see `draw`

MOST_VALUES = 2**24  # of pixels in a batch

Encode = Callable[..., tuple[np.ndarray, np.ndarray | None]]


def encoder(model: Model, batch_size: int = 1000) -> Encode:
    """`(params["model"], images, rows=None) → mean f32[N, D], logvar f32[N, D]` of many images.

    The log-variance is `None` where the encoder is deterministic. It is compiled once, in full
    float32 also where training rounds factors to fewer bits (on GPUs), so that an image's embedding
    depends on batches and devices by the last bits only. Images may lie on disk, as in a
    `numpy.memmap`: no more of them than a batch are in memory. `rows` says which ones are meant,
    i64[N]; `None`: all of them.

    Args:
      model: its `encode` is used.
      batch_size: images at a time; fewer where they are large.

    >>> from jaxdml.models.mlp import make
    >>> from jaxdml.types import ModelSpec
    >>> model = make(ModelSpec((2, 2, 1), 2, stochastic=False, decoder=False), latent_dim=3)
    >>> params = {"model": model.init(jax.random.key(0))}
    >>> mean, logvar = encoder(model)(params["model"], np.zeros((5, 2, 2, 1), np.uint8))
    >>> mean.shape, logvar
    ((5, 3), None)
    """

    @jax.jit
    def encode(params: Params, x: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        if x.dtype == jnp.uint8:
            x = x.astype(jnp.result_type(float)) / 255
        with jax.default_matmul_precision("highest"):
            return model.encode(params, x)

    def encode_all(
        params: Params, x: np.ndarray, rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        count = len(x) if rows is None else len(rows)
        size = max(1, min(batch_size, count, MOST_VALUES // math.prod(x.shape[1:])))
        parts = []
        for start in range(0, max(1, count), size):
            batch_slice = slice(start, start + size)
            part = x[batch_slice] if rows is None else x[rows[batch_slice]]
            padded = np.pad(part, [(0, size - len(part))] + [(0, 0)] * (x.ndim - 1))
            # waited for: batches that are only asked for would all lie on the device
            parts.append(jax.device_get(encode(params, padded)))

        def joined(*pieces: np.ndarray) -> np.ndarray:
            return np.concatenate(pieces)[:count]

        return jax.tree.map(joined, *parts)

    return encode_all


@checked
def draw(
    mean: Float[np.ndarray, "rows dim"], logvar: Float[np.ndarray, "rows dim"], seed: Sequence[int]
) -> np.ndarray:
    """One sample of N(mean, e^logvar) for each row, f32[N, D]; the same for the same seed.

    Where the variance overflows, so does the sample.

    Args:
      mean: f32[N, D].
      logvar: f32[N, D].
      seed: whole numbers.

    Raises:
      ValueError: for shapes that do not agree.

    >>> draw(np.zeros((1, 2), "f"), np.full((1, 2), -np.inf, "f"), (0, 1))
    array([[0., 0.]], dtype=float32)
    """
    noise = np.random.default_rng(seed).standard_normal(mean.shape, mean.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        return mean + np.exp(logvar / 2) * noise


@checked
def defect(embeddings: Float[np.ndarray, "rows dim"]) -> str | None:
    """What makes `embeddings` f32[N, D] impossible to score, or `None`.

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
