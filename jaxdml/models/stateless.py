"""Which Flax modules can be part of a model: those that are functions of their parameters alone.

Training moves parameters and nothing else, for many networks side by side. Batch normalisation
would also keep statistics, for each network and each kind of view; dropout would give an image
another embedding at every call. Both are refused before anything trains, with what to use instead.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.errors import InvalidRngError
from flax.linen.module import InterceptorContext
from flax.traverse_util import flatten_dict
from jax import Array

from jaxdml.options import ConfigError

Shape = tuple[int, ...]
Path = tuple[str, ...]  # the names of a module and of those around it, the outermost first


def output_shape(part: str, module: nn.Module, shape: Shape) -> Shape | None:
    """The shape that a module gives for a batch of one; nothing is computed.

    Args:
      part: `encoder` or `decoder`, for the error message.
      module: what would be trained; called as `module(x)`.
      shape: of one row of its input.

    Returns:
      The shape, or `None` where the module cannot be called so. A configuration is checked on an
      image of one pixel, which may be too small for it. The reason comes when parameters are made.

    Raises:
      ConfigError: if the module or one inside it keeps something beside its parameters, as batch
        normalisation does, or draws random numbers, as dropout does.

    >>> output_shape("encoder", nn.Dense(3), (5,))
    (1, 3)
    >>> output_shape("encoder", nn.Dropout(0.5, deterministic=False), (5,))
    Traceback (most recent call last):
    ...
    jaxdml.options.ConfigError: model.encoder: Dropout in the encoder draws random numbers, but an
    embedding must follow from parameters and image: leave it out or set deterministic=True, and
    regularise by augmented views or weight decay
    """
    try:
        hash(module)
    except TypeError:  # it holds an array
        return _traced(part, module, shape)
    return _remembered(part, module, shape)


def _traced(part: str, module: nn.Module, shape: Shape) -> Shape | None:
    called: dict[Path, nn.Module] = {}
    running: list[nn.Module] = []

    def follow(
        call: Callable[..., Any], values: Any, options: Any, context: InterceptorContext
    ) -> Any:
        called[context.module.path] = context.module
        running.append(context.module)
        result = call(*values, **options)
        running.pop()  # not reached where the call fails: the last one is where it failed
        return result

    def apply(x: Array) -> Any:
        variables = module.init(jax.random.key(0), x)
        for collection, *path in flatten_dict(variables):
            if collection != "params":
                raise _keeps(part, _owner(called, path), collection)
        return module.apply({"params": variables.get("params", {})}, x)

    row = jax.ShapeDtypeStruct((1, *shape), jnp.result_type(float))
    try:
        with nn.intercept_methods(follow):
            out = jax.eval_shape(apply, row)
    except ConfigError:
        raise
    except InvalidRngError as error:
        raise _draws(part, running[-1]) from error
    except Exception as error:
        if running and isinstance(running[-1], nn.BatchNorm):  # not told whether it is training
            raise _keeps(part, running[-1], "batch_stats") from error
        if running and isinstance(running[-1], nn.Dropout):
            raise _draws(part, running[-1]) from error
        return None
    if not isinstance(out, jax.ShapeDtypeStruct):
        raise ConfigError(
            f"model.encoder: the {part} must give one array, but gives a {type(out).__name__}"
        )
    return out.shape


_remembered = functools.lru_cache(_traced)  # a grid makes the same model for each of its points


def _owner(called: dict[Path, nn.Module], path: Sequence[str]) -> nn.Module:
    """The innermost module that holds the variable at a path."""
    return next(
        called[tuple(path[:n])] for n in range(len(path), -1, -1) if tuple(path[:n]) in called
    )


def _described(part: str, module: nn.Module) -> str:
    location = f" at {'/'.join(module.path)}" if module.path else ""
    return f"model.encoder: {type(module).__name__}{location} in the {part}"


def _keeps(part: str, module: nn.Module, collection: str) -> ConfigError:
    instead = {"batch_stats": "use nn.GroupNorm or nn.LayerNorm instead"}
    return ConfigError(
        f"{_described(part, module)} keeps {collection}, but training moves parameters only: "
        f"{instead.get(collection, 'make it a parameter, or a field of the module')}"
    )


def _draws(part: str, module: nn.Module) -> ConfigError:
    return ConfigError(
        f"{_described(part, module)} draws random numbers, but an embedding must follow from "
        "parameters and image: leave it out or set deterministic=True, and regularise by "
        "augmented views or weight decay"
    )
