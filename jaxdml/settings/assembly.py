"""From a resolved configuration to a method: all that a training step is made of.

    configuration → parts, and the layers around them → terms → routine ─┐
                                                   model, optimizer, views ┴→ Method

`parts` says which functions are named; here they are called, with the options of the configuration.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxdml.augment import POLICIES
from jaxdml.objectives.label_sources.sources import Source
from jaxdml.options import ConfigError, dotted_path, find
from jaxdml.settings import parts
from jaxdml.settings.layers import Part, viewed
from jaxdml.settings.parts import Instance
from jaxdml.train import optimizers
from jaxdml.types import Learned, Method, Model, ModelSpec, Optimizer, Prior, Routine, Term


def assemble(
    config: Mapping[str, Any],
    image_shape: tuple[int, int, int],
    classes: int,
    invariances: tuple[str, ...] = (),
) -> Method:
    """All that a training step of a resolved configuration is made of.

    Inside a compiled program the numbers of `config` may be traced.

    Args:
      config: config path → value, as `jaxdml.settings.resolve` gives it.
      image_shape: (H, W, C).
      classes: how many classes there are.
      invariances: what keeps an image's class, see `jaxdml.augment`.

    Raises:
      ConfigError: if a part refuses one of its options.
    """
    named = parts.instances(config)
    part_by_section = parts.parts(config, named)
    scored = parts.scored(named)
    terms: dict[str, Term] = {}
    priors: list[Callable[[int, int], Prior]] = []
    for name, instance in named.items():
        terms[name] = _term(instance, config, scored, priors)._replace(name=name)
    plain = {r.view for t in terms.values() for r in t.roles.values()} == {"plain"}
    if config.get("augment.weak") is not None:
        terms = {
            name: term
            if config.get(f"{named[name].part.section}.view") is not None
            else term._replace(roles=viewed(term.roles, "weak"))
            for name, term in terms.items()
        }
        plain = False
    needs = {need for term in terms.values() for need in term.needs}
    precision = config.get("train.precision", "float32")
    dtype = None if precision == "float32" else precision
    spec = ModelSpec(image_shape, classes, "variance" in needs, "decoder" in needs, dtype)
    model = part_by_section["model"].call(
        1, config, _made(part_by_section["model"], Model, config, spec)
    )
    for make_prior in priors:
        make_prior(model.latent_dim, classes)  # refuses its options here
    if "class_scores" in needs and not any(term.class_scores for term in terms.values()):
        raise ConfigError("terms: class scores are read, but no metric loss is there to give them")
    groups = [
        tuple(term for term in terms.values() if term.kind == kind)
        for kind in ("supervised", "unsupervised")
    ]
    routine = _made(
        part_by_section["routine"], Routine, config, *(group for group in groups if group)
    )
    for path in ("augment.weak", "augment.strong"):
        if config.get(path) is not None:
            find(path, config[path], POLICIES)
    return Method(
        model,
        routine,
        _optimizer(part_by_section["optimizer"], config),
        image_shape,
        classes,
        {} if plain else _views(config, image_shape, invariances, routine),
        config.get("train.average"),
    )


def _term(
    instance: Instance,
    config: Mapping[str, Any],
    scored: bool,
    priors: list[Callable[[int, int], Prior]],
) -> Term:
    part = instance.part
    term: Term
    if instance.partless:
        term = part.call(1, config, _made(part, Term, config))
    elif instance.sources:
        sources = {
            parts.split("sources", entry)[0]: source.call(0, config)
            for entry, source in zip(instance.sources, instance.parts_beside, strict=True)
        }
        for name, source in sources.items():
            if not isinstance(source, Source):
                raise ConfigError(
                    f"{part.section}.sources: {name} must be made as a "
                    f"jaxdml.objectives.label_sources.source.Source, but is {type(source).__name__}"
                )
        term = part.call(1, config, _made(part, _LOSS, config), sources, scored)
        term = part.call(3, config, term)
    else:
        prior_makers = [
            functools.partial(_made, other, Prior, config) for other in instance.parts_beside
        ]
        priors += prior_makers
        term = part.call(1, config, _made(part, _LOSS, config), *prior_makers)
        term = part.call(2, config, term)
    return term


_LOSS = (Callable, Learned)


def _made(part: Part, kinds: Any, config: Mapping[str, Any], *arguments: Any) -> Any:
    """What the innermost layer of a part makes, if it is of one of some kinds.

    Raises:
      ConfigError: if it is not: a user's own may return anything.
    """
    made = part.call(0, config, *arguments)
    if not isinstance(made, kinds):
        wanted = "a function" if kinds is _LOSS else f"a jaxdml.types.{kinds.__name__}"
        raise ConfigError(
            f"{dotted_path(part.layers[0])}, which makes a part of {part.section}, must return "
            f"{wanted}, but returns {type(made).__name__}"
        )
    return made


def _optimizer(part: Part, config: Mapping[str, Any]) -> Optimizer:
    def transformation(rate: ArrayLike) -> Any:
        return part.call(0, config, rate)

    made = transformation(config["train.learning_rate"])  # refuses its options here
    if not hasattr(made, "update"):
        raise ConfigError(
            f"{dotted_path(part.layers[0])}, which makes a part of optimizer, must return an optax "
            f"transformation, but returns {type(made).__name__}"
        )
    together = part.layers[0] not in optimizers.OPTIMIZERS.values()
    optimizer: Optimizer = part.call(
        1, config, transformation, config["train.learning_rate"], together, part.layers[0]
    )
    return optimizer


def _views(
    config: Mapping[str, Any],
    image_shape: tuple[int, int, int],
    invariances: tuple[str, ...],
    routine: Routine,
) -> dict[str, Callable[[Array, Array], Array]]:
    used = {r.view for phase in routine.phases for t in phase.terms for r in t.roles.values()}
    views = {}
    for view in sorted(used - {"plain"}):
        policy = view.rstrip("0123456789")  # `strong2` is a second draw of the policy of `strong`
        path = f"augment.{policy}"
        name = config.get(path) or policy
        make = find(path, name, POLICIES)
        try:
            made = make(image_shape, invariances)
        except Exception as error:  # whatever a user's own may raise
            raise ConfigError(f"{path}={name} fails: {type(error).__name__}: {error}") from error
        views[view] = _view(path, name, made)
    return views


def _view(path: str, name: str, view: Any) -> Callable[[Array, Array], Array]:
    def checked(key: Array, x: Array) -> Array:
        changed = jnp.asarray(view(key, x))
        if changed.shape != x.shape:
            raise ConfigError(
                f"{path}={name} must keep the shape of images, {x.shape}, but gives {changed.shape}"
            )
        return changed.astype(x.dtype)

    return checked
