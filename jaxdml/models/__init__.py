"""Encoders and decoders; the only room that knows Flax.

A model is `make(spec: ModelSpec, **options) → Model`: pure functions over a tree of parameters
whose first level is `encoder` and, where the spec asks for one, `decoder`.
"""

from collections.abc import Callable

from jaxdml.models import conv, conv_small, mlp, resnet
from jaxdml.types import Model

__all__ = ["MODELS"]

MODELS: dict[str, Callable[..., Model]] = {
    "mlp": mlp.make,
    "conv": conv.make,
    "conv_small": conv_small.make,
    "resnet": resnet.make,
}
