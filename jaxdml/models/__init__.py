"""Encoders and decoders; the only room that knows Flax.

A model is `make(spec: ModelSpec, **options) → Model`: pure functions over a tree of parameters
whose first level is `encoder` and, where the spec asks for one, `decoder`.

An encoder of your own is one file outside the library, say `my_encoder.py`:

>>> import flax.linen as nn
>>> from jaxdml.models.base import of_modules
>>> from jaxdml.models.layers import Conv
>>> from jaxdml.models.mlp import MLP
>>> class Encoder(nn.Module):
...     features: int
...     outputs: int
...
...     @nn.compact
...     def __call__(self, x):
...         x = nn.relu(nn.GroupNorm(num_groups=4)(Conv(self.features, (3, 3), stride=2)(x)))
...         return nn.Dense(self.outputs)(x.mean(axis=(1, 2)))
>>> def make(spec, *, features: int = 16, latent_dim: int = 10):
...     height, width, channels = spec.image_shape
...     encoder = Encoder(features, latent_dim * (2 if spec.stochastic else 1))
...     decoder = MLP((256, height * width * channels))
...     return of_modules(spec, encoder, decoder, latent_dim)

`--config.model.encoder=my_encoder:make` selects it, if `PYTHONPATH` names the file's folder. Its
keyword arguments are options: `--config.model.features=32` sets one. The rules are few:

- The encoder reads images f32[B, H, W, C] in [0, 1]. It gives f32[B, D], the embeddings; where
  `spec.stochastic` is true it gives f32[B, 2D], the mean and then the log-variance.
- The decoder reads f32[B, D] and gives a value for each pixel. It is read if `spec.decoder`.
- Both follow from parameters and input alone. `nn.BatchNorm` and a random `nn.Dropout` are refused:
  normalise by `nn.GroupNorm` or `nn.LayerNorm`.
- A configuration is checked on an image of one pixel. `make` must not fail on it.
- `jaxdml.models.layers.Conv` trains much faster on a CPU than `nn.Conv`, which works too.
- It trains in float32, unless its layers are given `dtype=spec.dtype`, as those of Flax and of the
  library can be. That is `None`, or `bfloat16` with `train.precision=bfloat16`. Parameters stay
  float32, and what the encoder and the decoder give becomes float32.

What the library then sees of it:

>>> import jax
>>> from jaxdml.types import ModelSpec
>>> model = make(ModelSpec((28, 28, 1), 10, stochastic=True, decoder=True), latent_dim=2)
>>> params = jax.eval_shape(model.init, jax.random.key(0))
>>> images = jax.ShapeDtypeStruct((64, 28, 28, 1), "float32")
>>> out = jax.eval_shape(model.apply, params, images, jax.random.key(1))
>>> out.z.shape, out.logvar.shape, out.reconstruction.shape
((64, 2), (64, 2), (64, 28, 28, 1))

A model that is not made of Linen modules fills a `jaxdml.types.Model` with its own functions;
`jaxdml.models.base.model` makes one of `init`, `encode` and `decode`.
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
