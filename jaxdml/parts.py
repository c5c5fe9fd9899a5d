"""Which parts a configuration names, and which options they have.

A part is a function that makes something: a loss, a model, a routine. For `system = "mvae"`:

    terms of the system    section            named by                  around it
    metric                 loss               loss.name                 the metric term
    reconstruction         reconstruction     reconstruction.name       the reconstruction term
    kl                     kl, prior          kl.name, prior.name       the term of the divergence

Sections `model`, `routine` and `optimizer` name one part each. Nothing is made here: `config` asks
which options a configuration may have, and `assembly` makes the parts.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jaxdml.layers import Part, placed, with_embedding, with_sources
from jaxdml.models import MODELS
from jaxdml.objectives import KINDS, SOURCES, Kind
from jaxdml.options import ConfigError, find, one_of
from jaxdml.routines import ROUTINES, single
from jaxdml.systems import system_of
from jaxdml.train import optimizers
from jaxdml.types import Term

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
# What stands around a part.
OUTER: dict[str, tuple[Callable[..., Any], ...]] = {
    "model": (with_embedding,),
    "routine": (),
    "optimizer": (optimizers.scheduled,),
}


class Instance(NamedTuple):
    """A term of a system, by its name."""

    name: str
    make: Callable[..., Term]
    kind: Kind | None  # `None` for a user's own
    own: Part  # of its own section: its layers are the part that it names, the term, its place
    others: tuple[Part, ...] = ()  # of sections beside it: a prior; sources of labels
    sources: tuple[str, ...] = ()  # where it has some


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
        paths = _names(config, record, section, name)
        own = f"{section}.name"
        made = {
            path: find(path, named, record.parts["" if path == own else "prior"])
            for path, named in paths.items()
        }
        others = [Part(p.partition(".")[0], (part,)) for p, part in made.items() if p != own]
        sources: tuple[str, ...] = ()
        if kind == "metric":
            sources = tuple(config.get(f"{section}.sources") or ("true",))
            others += [_source(f"{section}.sources", source) for source in sources]
        part = Part(section, (made[own], *_outer(record)))
        found[name] = Instance(name, record.make, record, part, tuple(others), sources)
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
    found = {"model": _named("model.encoder", config)}
    for instance in terms.values():
        for part in (instance.own, *instance.others):
            if part.section in found and found[part.section] != part:
                raise ConfigError(f"two parts have the section {part.section}: rename a term")
            found[part.section] = part
    if both(terms):
        found["routine"] = _named("routine.name", config)
    else:
        supervised = kind_of(next(iter(terms.values()))) == "supervised"
        made = single.make_supervised if supervised else single.make_unsupervised
        found["routine"] = Part("routine", (made,))
    return found | {"optimizer": _named("optimizer.name", config)}


def _named(path: str, config: Mapping[str, Any]) -> Part:
    section = path.partition(".")[0]
    return Part(section, (find(path, config[path], TABLES[path]), *OUTER[section]))


def _outer(kind: Kind) -> tuple[Callable[..., Any], ...]:
    """The layers around the part that a term names."""
    sources = (with_sources,) if kind is KINDS["metric"] else ()
    return kind.make, *sources, placed


def options(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config path of every option that is read, and its default."""
    found: dict[str, Any] = {}
    for part in parts(config).values():
        found |= part.defaults()
    terms = instances(config)
    scores_read = scored(terms)
    for instance in terms.values():
        section = instance.own.section
        if instance.kind is not KINDS["metric"]:
            continue
        term_option = {option: name for name, (at, option) in instance.own.options().items() if at}
        unread = [] if any(map(_stochastic, terms.values())) else ["on"]
        unread += ["normalizer"] if instance.sources == ("true",) else []
        unread += [] if scores_read else ["class_scores", "temperature_of_scores"]
        for option in unread:  # as without a posterior: a sample is its mean
            found.pop(f"{section}.{term_option[option]}", None)
    return found


def known(config: Mapping[str, Any]) -> set[str]:
    """The config path of every option of every part that could be named, and of those that are."""
    possible = [Part("pseudo", (SOURCES["teacher"],))]
    for path, table in TABLES.items():
        section = path.partition(".")[0]
        possible += [Part(section, (make, *OUTER[section])) for make in table.values()]
    for kind, record in KINDS.items():
        for beside, table in record.parts.items():
            section = beside or ("loss" if kind == "metric" else kind)
            outer = () if beside else _outer(record)
            possible += [Part(section, (make, *outer)) for make in table.values()]
    found = {*options(config), *names(config)}
    return found.union(*(part.defaults() for part in possible))


def optional(config: Mapping[str, Any]) -> set[str]:
    """The config paths of options that are numbers where they are not `None`."""
    return {path for part in parts(config).values() for path in part.numbers()}


def _stochastic(instance: Instance) -> bool:
    if instance.kind is not None:
        return "prior" in instance.kind.parts
    return "variance" in instance.make().needs


def scored(terms: Mapping[str, Instance]) -> bool:
    """Whether a term or a source reads class scores."""
    for instance in terms.values():
        if any(source != "true" for source in instance.sources):
            return True
        if instance.kind is None and "class_scores" in instance.make().needs:
            return True
    return False
