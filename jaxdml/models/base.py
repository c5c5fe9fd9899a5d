"""What every model does with its encoder and decoder."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxdml.models.stateless import output_shape
from jaxdml.options import ConfigError
from jaxdml.types import Model, ModelSpec, Outputs, Params


def model(
    init: Callable[[Array], Params],
    encode: Callable[..., tuple[Array, Array | None]],
    decode: Callable[..., Array | None],
    latent_dim: int,
) -> Model:
    """A model whose `apply` encodes, samples z ~ N(mean, e^logvar), and decodes z.

    Without a log-variance z is the mean. What a loss does not read costs nothing: the compiler
    drops it. Means, log-variances and pixels of narrower types, like bfloat16, become float32.

    Args:
      init: a key → parameters.
      encode: `(params, x, y)` → mean f32[B, D], log-variance f32[B, D] or `None`.
      decode: `(params, z, y)` → f32[B, H, W, C], or `None`.
      latent_dim: D.

    >>> def encode(params, x, y=None):
    ...     return x.reshape(len(x), -1) * params, None
    >>> one = model(lambda key: jnp.ones(()), encode, lambda params, z, y=None: None, 4)
    >>> one.apply(jnp.ones(()), jnp.ones((1, 2, 2, 1)), jax.random.key(0)).z.tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """

    def encode_wide(params: Params, x: Array, y: Array | None = None) -> tuple[Array, Array | None]:
        mean, logvar = encode(params, x, y)
        return _wide(mean), _wide(logvar)

    def decode_wide(params: Params, z: Array, y: Array | None = None) -> Array | None:
        return _wide(decode(params, z, y))

    def apply(params: Params, x: Array, key: Array, y: Array | None = None) -> Outputs:
        mean, logvar = encode_wide(params, x, y)
        z = mean
        if logvar is not None:
            z = mean + jnp.exp(0.5 * logvar) * jax.random.normal(key, mean.shape, mean.dtype)
        return Outputs(z, mean, logvar, decode_wide(params, z, y))

    return Model(init, apply, encode_wide, decode_wide, latent_dim)


def _wide(x: Any) -> Any:
    """An array in float32, if its type is narrower; `None` stays."""
    return None if x is None else x.astype(jnp.promote_types(x.dtype, jnp.float32))


def of_modules(
    spec: ModelSpec,
    encoder: nn.Module,
    decoder: nn.Module,
    latent_dim: int,
    *,
    check: bool = True,
) -> Model:
    """A model of two Flax modules, each called as `module(x)`, in training and afterwards alike.

    Args:
      spec: the image's shape, and whether there is a log-variance and a decoder.
      encoder: f32[B, H, W, C] → f32[B, D], or f32[B, 2D] where a log-variance follows the mean.
      decoder: f32[B, D] → f32[B, …], the pixels in their order; read where the spec asks for it.
      latent_dim: D.
      check: whether modules are traced once, for the errors below. It takes a tenth of a second for
        each model of a grid, which the library's own models save.

    Raises:
      ConfigError: for a module that is no function of its parameters alone, as one with batch
        normalisation or dropout; and for an encoder that gives another number of values.

    >>> from jaxdml.models.mlp import MLP
    >>> spec = ModelSpec((8, 8, 1), 10, stochastic=True, decoder=True)
    >>> model = of_modules(spec, MLP((2 * 3,)), MLP((8 * 8,)), 3)
    >>> sorted(model.init(jax.random.key(0)))
    ['decoder', 'encoder']
    """
    if check:
        _check(spec, encoder, decoder, latent_dim)

    def init(key: Array) -> Params:
        encoder_key, decoder_key = jax.random.split(key)
        params = {"encoder": encoder.init(encoder_key, jnp.zeros((1, *spec.image_shape)))["params"]}
        if spec.decoder:
            params["decoder"] = decoder.init(decoder_key, jnp.zeros((1, latent_dim)))["params"]
        return params

    def encode(params: Params, x: Array, y: Array | None = None) -> tuple[Array, Array | None]:
        out = encoder.apply({"params": params["encoder"]}, x)
        assert isinstance(out, Array)
        if not spec.stochastic:
            return out, None
        return out[:, :latent_dim], out[:, latent_dim:]

    def decode(params: Params, z: Array, y: Array | None = None) -> Array | None:
        if not spec.decoder:
            return None
        out = decoder.apply({"params": params["decoder"]}, z)
        assert isinstance(out, Array)
        return out.reshape(z.shape[0], *spec.image_shape)

    return model(init, encode, decode, latent_dim)


def _check(spec: ModelSpec, encoder: nn.Module, decoder: nn.Module, latent_dim: int) -> None:
    """Refuses modules that training could not use, before it starts."""
    outputs = latent_dim * (2 if spec.stochastic else 1)
    shape = output_shape("encoder", encoder, spec.image_shape)
    if shape not in (None, (1, outputs)):
        variance = ", the mean and then the log-variance" if spec.stochastic else ""
        raise ConfigError(
            f"model.encoder: the encoder must give {outputs} values for an image{variance}, "
            f"but gives an array of shape {shape} for a batch of one"
        )
    if spec.decoder:
        output_shape("decoder", decoder, (latent_dim,))
