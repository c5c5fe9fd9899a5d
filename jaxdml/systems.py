"""The systems of the thesis: which losses each one has, and how they become terms of an objective.

A system is a row of the table below, not a class: everything else about it is configuration.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxdml.losses import METRIC, RECONSTRUCTION
from jaxdml.models import MODELS
from jaxdml.options import ConfigError, defaults, find, one_of, where
from jaxdml.routines import ROUTINES, single
from jaxdml.types import Batch, Metrics, Model, ModelSpec, Outputs, Params, Routine, Term


class System(NamedTuple):
    """Which losses a system minimises."""

    metric: bool  # L_S, a metric loss on labelled images
    reconstruction: bool  # part of L_U, on all images


SYSTEMS = {
    "dml": System(metric=True, reconstruction=False),  # Algorithm 1
    "dml_ae": System(metric=True, reconstruction=True),  # Algorithm 2
    "ae": System(metric=False, reconstruction=True),  # its α = 1 end
}

# section of the config → (the option that names its part, the parts that the library has)
PARTS: dict[str, tuple[str, Mapping[str, Callable[..., Any]]]] = {
    "model": ("encoder", MODELS),
    "loss": ("name", METRIC),
    "reconstruction": ("name", RECONSTRUCTION),
    "routine": ("name", ROUTINES),
}


def parts(system: System, config: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """The `make` of each section that the system reads.

    Args:
      system: a row of `SYSTEMS`.
      config: config path → value; only the paths that name a part are read.
    """

    def named(section: str) -> Callable[..., Any]:
        option, table = PARTS[section]
        path = f"{section}.{option}"
        return find(path, config[path], table)

    found = {"model": named("model")}
    if system.metric:
        found["loss"] = named("loss")
    if system.reconstruction:
        found["reconstruction"] = named("reconstruction")
    if system.metric and system.reconstruction:
        found["routine"] = named("routine")
    else:
        found["routine"] = single.make_supervised if system.metric else single.make_unsupervised
    return found


def assemble(
    config: Mapping[str, Any], image_shape: tuple[int, int, int], classes: int
) -> tuple[Model, Routine]:
    """The model and the routine that a resolved configuration describes.

    Inside a compiled program the numbers of `config` may be traced.

    Args:
      config: config path → value, as `jaxdml.config.resolve` gives it.
      image_shape: (H, W, C).
      classes: how many classes there are.

    Raises:
      ConfigError: if a part refuses one of its options.
    """
    system = SYSTEMS[config["system"]]
    makes = parts(system, config)

    def made(section: str, *arguments: Any) -> Any:
        make = makes[section]
        try:
            return make(*arguments, **{o: config[f"{section}.{o}"] for o in defaults(make)})
        except ValueError as error:
            raise ConfigError(f"{section}.{error}") from error
        except jax.errors.TracerBoolConversionError as error:
            raise ConfigError(
                f"{where(make)} branches on a number of {section}, which is traced: use jnp.where, "
                "or give the option a default that is no float"
            ) from error
        except TypeError as error:
            raise ConfigError(f"{where(make)} cannot make a part of {section}: {error}") from error

    spec = ModelSpec(image_shape, classes, stochastic=False, decoder=system.reconstruction)
    objectives: list[tuple[Term, ...]] = []
    if system.metric:
        objectives.append((metric_term(made("loss"), config["loss.on"]),))
    if system.reconstruction:
        objectives.append((reconstruction_term(made("reconstruction")),))
    return made("model", spec), made("routine", *objectives)


def metric_term(loss: Callable[..., Array], on: str = "sample") -> Term:
    """A metric loss as a term called `metric`, on the sampled z or on the posterior's mean.

    Its metric `spread` is the root mean square distance of the embeddings from their mean: a loss
    that has collapsed to a point shows it.
    """
    one_of("on", on, ("sample", "mean"))

    def value(
        params: Params, extra: Any, model: Model, outputs: Outputs, batch: Batch, key: Array
    ) -> tuple[Array, Any, Metrics]:
        embeddings = outputs.z if on == "sample" else outputs.mean
        labelled = batch.labelled & batch.valid
        rows = labelled[:, None]
        count = jnp.maximum(labelled.sum(), 1)
        mean = jnp.where(rows, embeddings, 0).sum(axis=0, keepdims=True) / count
        variance = jnp.where(rows, (embeddings - mean) ** 2, 0).sum() / count
        loss_value = jnp.asarray(loss(embeddings, batch.y, labelled=labelled))
        if loss_value.shape != ():
            raise ConfigError(
                f"loss.name: a loss must return one number, but returns {loss_value.shape}"
            )
        return loss_value, extra, {"spread": jnp.sqrt(variance)}

    return Term("metric", value)


def reconstruction_term(loss: Callable[..., Array]) -> Term:
    """A reconstruction loss as a term called `reconstruction`."""

    def value(
        params: Params, extra: Any, model: Model, outputs: Outputs, batch: Batch, key: Array
    ) -> tuple[Array, Any, Metrics]:
        return loss(batch.x, outputs.reconstruction, valid=batch.valid), extra, {}

    return Term("reconstruction", value)
