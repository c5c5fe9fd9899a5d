"""Encoders as a user writes them with Flax Linen, outside the package; some cannot be trained."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdml.models.base import of_modules
from jaxdml.models.mlp import MLP


class Encoder(nn.Module):
    """A convolution and a dense layer, with what an option names between them."""

    between: str
    outputs: int

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(8, (3, 3), strides=2)(x))
        if self.between == "layer_norm":
            x = nn.LayerNorm()(x)
        elif self.between == "group_norm":
            x = nn.GroupNorm(num_groups=4)(x)
        elif self.between == "batch_norm":
            x = nn.BatchNorm(use_running_average=False)(x)
        elif self.between == "frozen_batch_norm":
            x = nn.BatchNorm(use_running_average=True)(x)
        elif self.between == "undecided_batch_norm":
            x = nn.BatchNorm(name="norm")(x)
        elif self.between == "dropout":
            x = nn.Dropout(0.5, deterministic=False)(x)
        elif self.between == "deterministic_dropout":
            x = nn.Dropout(0.5, deterministic=True)(x)
        elif self.between == "undecided_dropout":
            x = nn.Dropout(0.5)(x)
        elif self.between == "noise":
            x = x + jax.random.normal(self.make_rng("noise"), x.shape)
        elif self.between == "counter":
            count = self.variable("counts", "calls", jnp.zeros, ())
            x = x + count.value.reshape(1, 1, 1, 1)
        elif self.between == "block":
            x = Block()(x)
        elif self.between == "pair":
            return x, x
        elif self.between == "large_images_only":
            x = nn.Conv(8, (3, 3), padding="VALID")(x).reshape(len(x), 5 * 5 * 8)
        return nn.Dense(self.outputs)(x.reshape(len(x), -1))


class Block(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.BatchNorm(use_running_average=False)(nn.Dense(4)(x))


def make(spec, *, between: str = "layer_norm", latent_dim: int = 3):
    encoder = Encoder(between, latent_dim * (2 if spec.stochastic else 1))
    height, width, channels = spec.image_shape
    return of_modules(spec, encoder, MLP((height * width * channels,)), latent_dim)


def make_forgetful(spec, *, latent_dim: int = 3):
    """A model that forgets the log-variance."""
    return of_modules(spec, Encoder("layer_norm", latent_dim), MLP((1,)), latent_dim)


class Slope(nn.Module):
    """A module may hold a number that differs between the points of a program."""

    slope: jax.typing.ArrayLike
    outputs: int

    @nn.compact
    def __call__(self, x):
        h = nn.Dense(8)(x.reshape(len(x), -1))
        return nn.Dense(self.outputs)(nn.leaky_relu(h, self.slope))


def make_slope(spec, *, slope: float = 0.1, latent_dim: int = 3):
    height, width, channels = spec.image_shape
    outputs = latent_dim * (2 if spec.stochastic else 1)
    return of_modules(spec, Slope(slope, outputs), MLP((height * width * channels,)), latent_dim)


def make_decoder(spec, *, latent_dim: int = 3):
    """The decoder normalises over the batch."""
    outputs = latent_dim * (2 if spec.stochastic else 1)
    return of_modules(spec, MLP((outputs,)), Block(), latent_dim)
