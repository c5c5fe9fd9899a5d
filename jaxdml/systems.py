"""The systems of the thesis: which losses each one has, and how a configuration becomes one.

A system is a row of the table below, not a class: everything else about it is configuration.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from jaxdml.losses import KL, METRIC, RECONSTRUCTION
from jaxdml.models import MODELS
from jaxdml.options import ConfigError, defaults, find, where
from jaxdml.priors import PRIORS
from jaxdml.routines import ROUTINES, single
from jaxdml.terms import TERMS
from jaxdml.types import Model, ModelSpec, Prior, Routine, Term


class System(NamedTuple):
    """Which losses a system minimises."""

    metric: bool  # L_S, a metric loss on labelled images
    reconstruction: bool  # part of L_U, on all images
    prior: str | None  # part of L_U is the KL to a prior; this one, where none is named

    @property
    def both(self) -> bool:
        """Whether it has L_S and L_U, so that a routine has to say when each is minimised."""
        return self.metric and (self.reconstruction or self.prior is not None)


SYSTEMS = {
    "dml": System(metric=True, reconstruction=False, prior=None),  # Algorithm 1
    "dml_ae": System(metric=True, reconstruction=True, prior=None),  # Algorithm 2
    "dml_prior": System(metric=True, reconstruction=False, prior="unit"),  # Algorithm 3
    "mvae": System(metric=True, reconstruction=True, prior="vamp"),  # Algorithm 5
    "ae": System(metric=False, reconstruction=True, prior=None),  # Algorithm 2 at α = 1
    "vae": System(metric=False, reconstruction=True, prior="unit"),  # Algorithm 5 at α = 1
}

# section of the config → (the option that names its part, the parts that the library has)
PARTS: dict[str, tuple[str, Mapping[str, Callable[..., Any]]]] = {
    "model": ("encoder", MODELS),
    "loss": ("name", METRIC),
    "reconstruction": ("name", RECONSTRUCTION),
    "prior": ("name", PRIORS),
    "kl": ("name", KL),
    "routine": ("name", ROUTINES),
}


def names(system: System, config: Mapping[str, Any]) -> dict[str, str]:
    """The config path that names each part which the system reads, and the part's name.

    Args:
      system: a row of `SYSTEMS`.
      config: config path → value; `None` for the prior means the system's own, and for the KL the
        exact one where the prior is `unit`, else the Monte-Carlo estimate.
    """
    sections = ["model"]
    sections += ["loss"] * system.metric
    sections += ["reconstruction"] * system.reconstruction
    sections += ["prior", "kl"] * (system.prior is not None)
    sections += ["routine"] * system.both
    paths = {section: f"{section}.{PARTS[section][0]}" for section in sections}
    named = {path: config[path] for path in paths.values()}
    if system.prior is not None:
        prior = named["prior.name"] or system.prior
        kl = named["kl.name"] or ("analytic" if prior == "unit" else "monte_carlo")
        if kl == "analytic" and prior != "unit":
            raise ConfigError(
                f"kl.name=analytic is for prior.name=unit only, but the prior is {prior}: "
                "choose monte_carlo"
            )
        named |= {"prior.name": prior, "kl.name": kl}
    return named


def parts(system: System, config: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """The `make` of each section that the system reads.

    Args:
      system: a row of `SYSTEMS`.
      config: config path → value; only the paths that name a part are read.
    """
    found: dict[str, Callable[..., Any]] = {}
    for path, name in names(system, config).items():
        section = path.partition(".")[0]
        found[section] = find(path, name, PARTS[section][1])
    if not system.both:
        found["routine"] = single.make_supervised if system.metric else single.make_unsupervised
    return found


def options(system: System, config: Mapping[str, Any]) -> dict[str, Any]:
    """The config path of every option that the system's parts read, and its default."""
    found: dict[str, Any] = {}
    for section, make in parts(system, config).items():
        own = defaults(make)
        if section in TERMS:
            own = own | defaults(TERMS[section])
        found |= {f"{section}.{option}": default for option, default in own.items()}
    if system.prior is None:
        found.pop("loss.on", None)  # there is no posterior: a sample is the mean
    return found


class Assembly(NamedTuple):
    """What a resolved configuration describes."""

    model: Model
    routine: Routine
    prior: Prior | None  # its parameters are `params["terms"]["kl"]`


def assemble(
    config: Mapping[str, Any], image_shape: tuple[int, int, int], classes: int
) -> Assembly:
    """The model, the routine and the prior that a resolved configuration describes.

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

    def call(section: str, make: Callable[..., Any], *arguments: Any) -> Any:
        given = {o: f"{section}.{o}" for o in defaults(make)}
        try:
            return make(*arguments, **{o: config[p] for o, p in given.items() if p in config})
        except ConfigError:
            raise
        except ValueError as error:
            raise ConfigError(f"{section}.{error}") from error
        except jax.errors.TracerBoolConversionError as error:
            raise ConfigError(
                f"{where(make)} branches on a number of {section}, which is traced: use jnp.where, "
                "or give the option a default that is no float"
            ) from error
        except TypeError as error:
            raise ConfigError(f"{where(make)} cannot make a part of {section}: {error}") from error

    def made(section: str, *arguments: Any) -> Any:
        return call(section, makes[section], *arguments)

    def term(section: str, *arguments: Any) -> Term:
        term: Term = call(section, TERMS[section], made(section), *arguments)
        return term

    stochastic = system.prior is not None
    model = made("model", ModelSpec(image_shape, classes, stochastic, system.reconstruction))
    prior = made("prior", model.latent_dim, classes) if stochastic else None
    unsupervised: tuple[Term, ...] = ()
    if system.reconstruction:
        unsupervised += (term("reconstruction", model, classes),)
    if prior is not None:
        unsupervised += (term("kl", prior),)
    supervised: tuple[Term, ...] = (term("loss", model, classes),) if system.metric else ()
    objectives = [terms for terms in (supervised, unsupervised) if terms]
    return Assembly(model, made("routine", *objectives), prior)
