"""The systems of the thesis: which terms each one has, and how a configuration becomes a method.

A system is a row of the table below, not a class: everything else about it is configuration. The
options of a part and of what it stands in share a section of the configuration:

    loss.name = "triplet"    loss.margin   an option of the loss
                             loss.on       an option of the term in which the loss stands
                             loss.view     an option of every term

Where two of them have an option of the same name, the inner one has it, and the other one's is
called `term_…`, like `loss.term_on`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxdml.augment import POLICIES
from jaxdml.distances import unit
from jaxdml.models import MODELS
from jaxdml.objectives import KINDS, SOURCES, Kind
from jaxdml.options import (
    ConfigError,
    at_least,
    defaults,
    find,
    listed,
    one_of,
    optional_numbers,
    where,
)
from jaxdml.routines import ROUTINES, single
from jaxdml.train import optimizers
from jaxdml.types import Method, Model, ModelSpec, Optimizer, Prior, Role, Term

VIEWS = ("plain", "weak", "strong")


class System(NamedTuple):
    """What a system minimises.

    A user's own is `make() → System` in one file, named by its dotted path.
    """

    terms: tuple[str, ...]  # as `config.terms` names them, see `instances`
    # config path → what it is where a configuration leaves it unset
    defaults: Mapping[str, Any] = MappingProxyType({})


SYSTEMS: dict[str, System] = {
    "dml": System(("metric",)),  # Algorithm 1
    "dml_ae": System(("metric", "reconstruction")),  # Algorithm 2
    "dml_prior": System(("metric", "kl"), {"prior.name": "unit"}),  # Algorithm 3
    "mvae": System(("metric", "reconstruction", "kl"), {"prior.name": "vamp"}),  # Algorithm 5
    "ae": System(("reconstruction",)),  # Algorithm 2 at α = 1
    "vae": System(("reconstruction", "kl"), {"prior.name": "unit"}),  # Algorithm 5 at α = 1
}

# What stands where a configuration names no part.
NAMES: dict[str, Any] = {
    "model.encoder": "mlp",
    "loss.name": "triplet",
    "reconstruction.name": "mse",
    "prior.name": None,
    "kl.name": None,
    "routine.name": "joint",
    "optimizer.name": "adam",
}
TABLES: dict[str, Mapping[str, Callable[..., Any]]] = {
    "model.encoder": MODELS,
    "routine.name": ROUTINES,
    "optimizer.name": optimizers.OPTIMIZERS,
}


class Part(NamedTuple):
    """What is made of one section of a configuration: each layer of what the one before gives."""

    section: str
    layers: tuple[Callable[..., Any], ...]

    def options(self) -> dict[str, tuple[int, str]]:
        """The name of each option in its section → its layer, and its name there."""
        named: dict[str, tuple[int, str]] = {}
        for number, layer in enumerate(self.layers):
            for option in defaults(layer):
                taken = option in named
                named[f"term_{option}" if taken else option] = number, option
        return named

    def defaults(self) -> dict[str, Any]:
        """The config path of each option, and its default."""
        return {
            f"{self.section}.{name}": defaults(self.layers[number])[option]
            for name, (number, option) in self.options().items()
        }

    def numbers(self) -> set[str]:
        """The config paths of options which are numbers, or `None`."""
        return {
            f"{self.section}.{name}"
            for name, (number, option) in self.options().items()
            if option in optional_numbers(self.layers[number])
        }

    def call(self, number: int, config: Mapping[str, Any], *arguments: Any) -> Any:
        """What a layer makes, with the options that a configuration gives to it.

        Raises:
          ConfigError: if it refuses one of them.
        """
        make = self.layers[number]
        paths = {o: f"{self.section}.{n}" for n, (at, o) in self.options().items() if at == number}
        try:
            return make(*arguments, **{o: config[p] for o, p in paths.items() if p in config})
        except ConfigError:
            raise
        except ValueError as error:
            raise ConfigError(f"{self.section}.{error}") from error
        except jax.errors.TracerBoolConversionError as error:
            raise ConfigError(
                f"{where(make)} branches on a number of {self.section}, which is traced: use "
                "jnp.where, or give the option a default that is no float"
            ) from error
        except TypeError as error:
            raise ConfigError(
                f"{where(make)} cannot make a part of {self.section}: {error}"
            ) from error


class Instance(NamedTuple):
    """A term of a system, by its name."""

    name: str
    make: Callable[..., Term]
    kind: Kind | None  # `None` for a user's own
    own: Part  # of its own section: its layers are the part that it names, the term, its place
    others: tuple[Part, ...] = ()  # of sections beside it: a prior; sources of labels
    sources: tuple[str, ...] = ()  # where it has some


# ---------------------------------------------------------------- what a configuration names


def system_of(name: Any) -> System:
    """The system that `config.system` names.

    Raises:
      ConfigError: if there is none.
    """
    if name not in SYSTEMS and (not isinstance(name, str) or ("." not in name and ":" not in name)):
        raise ConfigError(
            f"system must be one of {listed(SYSTEMS)}, or a dotted path like "
            f"my_package.my_module:make, but is {name!r}"
        )
    if name in SYSTEMS:
        return SYSTEMS[name]
    system = find("system", name, {})()
    if not isinstance(system, System):
        raise ConfigError(
            f"system={name} must return a jaxdml.systems.System, but gives {system!r}"
        )
    return system


def split(path: str, entry: str) -> tuple[str, str]:
    """The name of an instance, and of what it is.

    >>> split("terms", "proxies=metric"), split("terms", "kl"), split("terms", "my.entropy:make")
    (('proxies', 'metric'), ('kl', 'kl'), ('entropy', 'my.entropy:make'))
    """
    name, equals, kind = entry.rpartition("=")
    if not equals:
        name = kind.partition(":")[0].rpartition(".")[2]
    if not name.isidentifier():
        raise ConfigError(
            f"{path}: {entry!r} must be a term, or a name for it and the term, like proxies=metric"
        )
    return name, kind


def instances(config: Mapping[str, Any]) -> dict[str, Instance]:
    """The terms that a configuration has, by name.

    An entry of `config.terms` (or else of the system's) is a kind of `KINDS`, a user's own by its
    dotted path, or `name=kind`. The name is that of its section, but `metric` has `loss`.

    Args:
      config: config path → value; only what names a part is read.

    Raises:
      ConfigError: if there is no such term or part.
    """
    entries = config.get("terms") or system_of(config["system"]).terms
    found: dict[str, Instance] = {}
    for entry in entries:
        name, kind = split("terms", entry)
        if name in found:
            raise ConfigError(
                f"terms names {name} twice: give one of them a name of its own, like {name}2={kind}"
            )
        section = "loss" if name == "metric" else name
        if section in ("model", "train", "data", "eval", "routine", "optimizer", "augment"):
            raise ConfigError(f"terms: {name} is a section of its own: give the term another name")
        if kind not in KINDS:
            make = find("terms", kind, {k: v.make for k, v in KINDS.items()})
            found[name] = Instance(name, make, None, Part(section, (make, placed)))
            continue
        record = KINDS[kind]
        named = _names(config, record, section, name)
        [(first, table), *rest] = [
            (path, record.parts["" if path == f"{section}.name" else "prior"]) for path in named
        ]
        layers = find(first, named[first], table), record.make, placed
        others = [
            Part(path.partition(".")[0], (find(path, named[path], table),)) for path, table in rest
        ]
        sources: tuple[str, ...] = ()
        if kind == "metric":
            sources = tuple(config.get(f"{section}.sources") or ("true",))
            others += [_source(f"{section}.sources", source) for source in sources]
            layers = layers[0], record.make, with_sources, placed
        found[name] = Instance(
            name, record.make, record, Part(section, layers), (*others,), sources
        )
    if not found:
        raise ConfigError("terms is empty: name a term, like terms=('metric', 'reconstruction')")
    return found


def _source(path: str, entry: str) -> Part:
    name, kind = split(path, entry)
    section = {"true": "true", "teacher": "pseudo"}.get(name, name)
    return Part(section, (find(path, kind, SOURCES),))


def _names(config: Mapping[str, Any], kind: Kind, section: str, name: str) -> dict[str, str]:
    """The config path that names each part of a term, its own first, and the part's name."""
    system = system_of(config["system"]).defaults

    def named(path: str, usual: str) -> Any:
        return config.get(path) or system.get(path) or NAMES[usual]

    if "prior" not in kind.parts:
        usual = "loss.name" if kind is KINDS["metric"] else "reconstruction.name"
        return {f"{section}.name": named(f"{section}.name", usual)}
    prior_path = "prior.name" if name == "kl" else f"{name}_prior.name"
    prior = named(prior_path, "prior.name") or "unit"
    kl = named(f"{section}.name", "kl.name") or ("analytic" if prior == "unit" else "monte_carlo")
    if kl == "analytic" and prior != "unit":
        raise ConfigError(
            f"{section}.name=analytic is for {prior_path}=unit only, but the prior is {prior}: "
            "choose monte_carlo"
        )
    return {f"{section}.name": kl, prior_path: prior}


def names(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config path that names each part which is read, and the part's name.

    Args:
      config: config path → value; `None` for the prior means the system's own, and for the KL the
        exact one where the prior is `unit`, else the Monte-Carlo estimate.
    """
    named = {"model.encoder": config["model.encoder"]}
    terms = instances(config)
    for name, instance in terms.items():
        if instance.kind is not None:
            named |= _names(config, instance.kind, instance.own.section, name)
    if both(terms):
        named["routine.name"] = config["routine.name"]
    return named | {"optimizer.name": config["optimizer.name"]}


def both(terms: Mapping[str, Instance]) -> bool:
    """Whether there are L_S and L_U, so that a routine has to say when each is minimised."""
    return len({kind_of(term) for term in terms.values()}) == 2


def kind_of(instance: Instance) -> str:
    """`supervised` or `unsupervised`. A user's own term is made with its defaults to be asked."""
    if instance.kind is not None:
        return "supervised" if instance.kind is KINDS["metric"] else "unsupervised"
    kind = instance.make().kind
    return str(one_of(f"the kind of {instance.name}", kind, ("supervised", "unsupervised")))


def parts(config: Mapping[str, Any]) -> dict[str, Part]:
    """What is made of each section that is read."""
    terms = instances(config)
    found = {"model": Part("model", (_found("model.encoder", config), with_embedding))}
    for instance in terms.values():
        for part in (instance.own, *instance.others):
            if part.section in found and found[part.section] != part:
                raise ConfigError(f"two parts have the section {part.section}: rename a term")
            found[part.section] = part
    if both(terms):
        routine = _found("routine.name", config)
    else:
        supervised = kind_of(next(iter(terms.values()))) == "supervised"
        routine = single.make_supervised if supervised else single.make_unsupervised
    found["routine"] = Part("routine", (routine,))
    found["optimizer"] = Part("optimizer", (_found("optimizer.name", config), optimizers.scheduled))
    return found


def _found(path: str, config: Mapping[str, Any]) -> Callable[..., Any]:
    return find(path, config[path], TABLES[path])


def options(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config path of every option that is read, and its default."""
    found: dict[str, Any] = {}
    for part in parts(config).values():
        found |= part.defaults()
    terms = instances(config)
    scored = _scored(terms)
    for instance in terms.values():
        section = instance.own.section
        if instance.kind is not KINDS["metric"]:
            continue
        term_option = {option: name for name, (at, option) in instance.own.options().items() if at}
        unread = [] if any(map(_stochastic, terms.values())) else ["on"]
        unread += [] if len(instance.sources) > 1 else ["normalizer"]
        unread += [] if scored else ["class_scores", "temperature_of_scores"]
        for option in unread:  # as without a posterior: a sample is its mean
            found.pop(f"{section}.{term_option[option]}", None)
    return found


def known(config: Mapping[str, Any]) -> set[str]:
    """The config path of every option of every part that could be named, and of those that are."""
    found = set(options(config))
    tables: dict[str, tuple[Mapping[str, Callable[..., Any]], tuple[Callable[..., Any], ...]]] = {
        path.partition(".")[0]: (table, outer)
        for (path, table), outer in zip(
            TABLES.items(), ((with_embedding,), (), (optimizers.scheduled,)), strict=True
        )
    }
    tables["pseudo"] = {"teacher": SOURCES["teacher"]}, ()
    for kind, record in KINDS.items():
        outer = (record.make, *([with_sources] if kind == "metric" else []), placed)
        for section, table in record.parts.items():
            name = section or ("loss" if kind == "metric" else kind)
            tables[name] = table, () if section else outer
    for section, (table, outer) in tables.items():
        for make in table.values():
            found |= Part(section, (make, *outer)).defaults().keys()
    return found | names(config).keys()


def optional(config: Mapping[str, Any]) -> set[str]:
    """The config paths of options that are numbers where they are not `None`."""
    return {path for part in parts(config).values() for path in part.numbers()}


def _stochastic(instance: Instance) -> bool:
    if instance.kind is not None:
        return "prior" in instance.kind.parts
    return "variance" in instance.make().needs


def _scored(terms: Mapping[str, Instance]) -> bool:
    """Whether a term or a source reads class scores."""
    for instance in terms.values():
        if any(source != "true" for source in instance.sources):
            return True
        if instance.kind is None and "class_scores" in instance.make().needs:
            return True
    return False


# ---------------------------------------------------------------- outer layers


def placed(term: Term, *, view: str | None = None, weight: ArrayLike | None = None) -> Term:
    """A term with a view and a weight of its own: options that every term has.

    Args:
      term: reads the roles that it names.
      view: of the images that its roles read plainly: `plain`, `weak` or `strong`.
      weight: ≥ 0, in L_S or L_U; `None`: 1.
    """
    if view is not None:
        one_of("view", view, VIEWS)
        term = term._replace(roles=_viewed(term.roles, view))
    if weight is not None:
        at_least("weight", weight, 0)
        inner = term.weight
        term = term._replace(weight=lambda step: weight * inner(step))
    return term


def _viewed(roles: Mapping[str, Role], view: str) -> dict[str, Role]:
    return {
        n: role._replace(view=view) if role.view == "plain" else role for n, role in roles.items()
    }


def with_sources(term: Term, *, sources: tuple[str, ...] = ("true",)) -> Term:
    """The term as it is: its sources are named here, and were given to it when it was made."""
    return term


def with_embedding(model: Model, *, unit_length: bool = False) -> Model:
    """A model whose embeddings have the length 1, if it is asked for.

    Losses, class scores and scores of an evaluation read z/‖z‖ then; decoder and divergence read
    the latent z as it is.
    """
    return model._replace(embedding=unit) if unit_length else model


# ---------------------------------------------------------------- from names to functions


def assemble(
    config: Mapping[str, Any],
    image_shape: tuple[int, int, int],
    classes: int,
    invariances: tuple[str, ...] = (),
) -> Method:
    """All that a training step of a resolved configuration is made of.

    Inside a compiled program the numbers of `config` may be traced.

    Args:
      config: config path → value, as `jaxdml.config.resolve` gives it.
      image_shape: (H, W, C).
      classes: how many classes there are.
      invariances: what keeps an image's class, see `jaxdml.augment`.

    Raises:
      ConfigError: if a part refuses one of its options.
    """
    found = parts(config)
    named = instances(config)
    scored = _scored(named)
    terms: dict[str, Term] = {}
    priors: list[Callable[[int, int], Prior]] = []
    for name, instance in named.items():
        terms[name] = _term(instance, config, scored, priors)._replace(name=name)
    plain = {r.view for t in terms.values() for r in t.roles.values()} == {"plain"}
    if config.get("augment.weak") is not None:
        terms = {
            name: term
            if config.get(f"{named[name].own.section}.view") is not None
            else term._replace(roles=_viewed(term.roles, "weak"))
            for name, term in terms.items()
        }
        plain = False
    needs = {need for term in terms.values() for need in term.needs}
    spec = ModelSpec(image_shape, classes, "variance" in needs, "decoder" in needs)
    model = found["model"].call(1, config, found["model"].call(0, config, spec))
    for prior in priors:
        prior(model.latent_dim, classes)  # refuses its options here
    if "class_scores" in needs and not any(term.class_scores for term in terms.values()):
        raise ConfigError("terms: class scores are read, but no metric loss is there to give them")
    groups = [
        tuple(term for term in terms.values() if term.kind == kind)
        for kind in ("supervised", "unsupervised")
    ]
    routine = found["routine"].call(0, config, *(group for group in groups if group))
    return Method(
        model,
        routine,
        _optimizer(found["optimizer"], config),
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
    own = instance.own
    term: Any
    if instance.kind is None:
        term = own.call(0, config)
        if not isinstance(term, Term):
            raise ConfigError(f"{where(instance.make)} must return a jaxdml.types.Term")
        return own.call(1, config, term)  # type: ignore[no-any-return]
    part = own.call(0, config)
    if instance.sources:
        sources = {
            split("sources", entry)[0]: source.call(0, config)
            for entry, source in zip(instance.sources, instance.others, strict=True)
        }
        term = own.call(1, config, part, sources, scored)
        return own.call(3, config, term)  # type: ignore[no-any-return]
    beside = [lambda *sizes, part=part: part.call(0, config, *sizes) for part in instance.others]
    priors += beside
    term = own.call(1, config, part, *beside)
    return own.call(2, config, term)  # type: ignore[no-any-return]


def _optimizer(part: Part, config: Mapping[str, Any]) -> Optimizer:
    def transformation(rate: ArrayLike) -> Any:
        return part.call(0, config, rate)

    own = part.layers[0] not in optimizers.OPTIMIZERS.values()
    made: Optimizer = part.call(
        1, config, transformation, config["train.learning_rate"], not own, part.layers[0]
    )
    return made


def _views(
    config: Mapping[str, Any],
    image_shape: tuple[int, int, int],
    invariances: tuple[str, ...],
    routine: Any,
) -> dict[str, Callable[[Array, Array], Array]]:
    used = {r.view for phase in routine.phases for t in phase.terms for r in t.roles.values()}
    views = {}
    for view in sorted(used - {"plain"}):
        path = f"augment.{view}"
        name = config.get(path) or view
        views[view] = _view(path, name, find(path, name, POLICIES)(image_shape, invariances))
    return views


def _view(path: str, name: str, view: Any) -> Callable[[Array, Array], Array]:
    def checked(key: Array, x: Array) -> Array:
        changed = jnp.asarray(view(key, x))
        if changed.shape != x.shape:
            raise ConfigError(
                f"{path}={name} must keep the shape of a batch, {x.shape}, but gives {changed.shape}"
            )
        return changed.astype(x.dtype)

    return checked
