"""Contrast of two views: the views of an image lie close together, and far from other images.

Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", 2020 (SimCLR).
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxdml.losses.nt_xent import nt_xent
from jaxdml.options import at_least
from jaxdml.types import Context, InitContext, Metrics, Outputs, Params, Role, Term


def make(*, temperature: ArrayLike = 0.2, projection: int | None = None) -> Term:
    """NT-Xent between two strong views of all images, as a term.

    It reads the embeddings of posterior means. A metric loss with the labels of a teacher reads the
    first of its two views too: then the network sees that view once for both of them.

    Args:
      temperature: τ > 0, see `losses.nt_xent`.
      projection: features of a hidden layer with ReLU, and of a linear layer behind it, whose
        output is contrasted in place of the embedding; the term learns both. `None`: no layers.

    Raises:
      ValueError: for a value out of range.

    >>> {name: role.view for name, role in make().roles.items()}
    {'first': 'strong', 'second': 'strong2'}
    """
    at_least("temperature", temperature, 1e-6)
    if projection is not None:
        if not isinstance(projection, int) or isinstance(projection, bool):
            raise ValueError(f"projection must be a whole number, but is {projection!r}")
        at_least("projection", projection, 1)

    def init(key: Array, context: InitContext) -> tuple[Params, Any]:
        if projection is None:
            return {}, {}
        return _layers(key, (context.latent_dim, projection, projection)), {}

    def value(
        params: Params, kept: Any, context: Context, key: Array
    ) -> tuple[Array, Any, Metrics]:
        def projected(outputs: Outputs) -> Array:
            z = context.embedding(outputs.mean)
            return z if projection is None else _projected(params, z)

        first, second = (projected(context.outputs[role]) for role in ("first", "second"))
        valid = context.batches["first"].valid
        return nt_xent(first, second, valid=valid, temperature=temperature), kept, {}

    roles = {"first": Role("all", "strong"), "second": Role("all", "strong2")}
    return Term("contrast", "unsupervised", roles, value, init)


def _layers(key: Array, sizes: tuple[int, int, int]) -> Params:
    """Kernels of the variance 1 / inputs (LeCun 1998), and biases of 0, of two dense layers."""
    normal = jax.nn.initializers.lecun_normal()
    dtype = jnp.result_type(float)
    shapes = {"hidden": sizes[:2], "out": sizes[1:]}
    return {
        name: {"kernel": normal(layer_key, shape, dtype), "bias": jnp.zeros(shape[1], dtype)}
        for layer_key, (name, shape) in zip(jax.random.split(key), shapes.items(), strict=True)
    }


def _projected(params: Params, z: Array) -> Array:
    hidden = jax.nn.relu(z @ params["hidden"]["kernel"] + params["hidden"]["bias"][None, :])
    return hidden @ params["out"]["kernel"] + params["out"]["bias"][None, :]
