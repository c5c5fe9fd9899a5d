"""The teacher: an exponential average of all parameters over the steps.

Tarvainen and Valpola, "Mean teachers are better role models", 2017. Its class scores change more
slowly than the student's, and are better.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxdml.types import Method, Params


def first(method: Method, params: Params) -> Params:
    """The teacher before the first step: the parameters, or {} where there is no teacher."""
    return {} if method.average is None else params


def moved(method: Method, average: Params, params: Params, step: Array) -> Params:
    """The teacher after step number `step`, from 0: a · average + (1 − a) · parameters.

    a is `Method.average`, and smaller in the first steps, (1 + t) / (10 + t), so that the first
    parameters are soon forgotten.
    """
    if method.average is None:
        return average
    step = step.astype(jnp.result_type(float))
    share = jnp.minimum(jnp.asarray(method.average), (1 + step) / (10 + step))

    def mixed(before: Array, now: Array) -> Array:
        return before + (1 - share).astype(now.dtype) * (now - before)

    return jax.tree.map(mixed, average, params)


def of(average: Params, params: Params) -> Any:
    """The teacher's parameters, which no gradient moves; the student's where there is none."""
    return jax.lax.stop_gradient(average or params)
