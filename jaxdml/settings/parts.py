"""Which parts a configuration names, and which options they have.

A part is a function that makes something: a loss, a model, a routine. For `system = "mvae"`:

    terms of the system    section            named by                  around it
    metric                 loss               loss.name                 the metric term
    reconstruction         reconstruction     reconstruction.name       the reconstruction term
    kl                     kl, prior          kl.name, prior.name       the term of the divergence

Other kinds of terms, like `contrast`, and a user's own have no parts: their section is the term's.
Sections `model`, `routine` and `optimizer` name one part each. Nothing is made here: `config` asks
which options a configuration may have, and `assembly` makes the parts.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from jaxdml.models import MODELS
from jaxdml.objectives import KINDS, SOURCES, Kind
from jaxdml.options import ConfigError, dotted_path, find, one_of
from jaxdml.routines import ROUTINES, single
from jaxdml.settings.layers import Part, placed, with_embedding, with_sources
from jaxdml.settings.systems import system_of
from jaxdml.train import optimizers
from jaxdml.types import Term
from jaxdml.values import coerce

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
# Sections that are no name for a term, nor for a source of labels.
RESERVED = ("model", "train", "data", "eval", "routine", "optimizer", "augment", "loss", "prior")


class Instance(NamedTuple):
    """A term of a system, by its name."""

    name: str
    make: Callable[..., Term]
    kind: Kind | None  # `None` for a user's own
    part: Part  # of its own section: its layers are the part that it names, the term, its place
    parts_beside: tuple[Part, ...] = ()  # of other sections: a prior; sources of labels
    sources: tuple[str, ...] = ()  # where it has some

    @property
    def partless(self) -> bool:
        """Whether it names no part: its options alone make the term."""
        return self.kind is None or not self.kind.parts

    def with_defaults(self) -> Term:
        """The term of a partless one, made with its defaults.

        Raises:
          ConfigError: if it cannot be made, or is none.
        """
        term = self.part.call(0, {})
        if not isinstance(term, Term):
            raise ConfigError(f"{dotted_path(self.make)} must return a jaxdml.types.Term")
        return term


Terms = Mapping[str, Instance]


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
    instance_by_name: dict[str, Instance] = {}
    for entry in entries:
        name, kind = split("terms", entry)
        if name in instance_by_name:
            raise ConfigError(
                f"terms names {name} twice: give one of them a name of its own, like {name}2={kind}"
            )
        section = "loss" if name == "metric" else name
        if name in RESERVED or (name in KINDS and kind in KINDS and name != kind):
            raise ConfigError(f"terms: {name} is a section of its own: give the term another name")
        make = find("terms", kind, {k: v.make for k, v in KINDS.items()})
        record = KINDS.get(kind)
        if record is None or not record.parts:
            instance_by_name[name] = Instance(name, make, record, Part(section, (make, placed)))
            continue
        paths = _names(config, record, section, name)
        name_path = f"{section}.name"
        makers = {
            path: find(path, named, record.parts["" if path == name_path else "prior"])
            for path, named in paths.items()
        }
        parts_beside = [
            Part(p.partition(".")[0], (part,)) for p, part in makers.items() if p != name_path
        ]
        sources: tuple[str, ...] = ()
        if kind == "metric":
            chosen = config.get(f"{section}.sources")
            sources = ("true",) if chosen is None else tuple(chosen)
            parts_beside += _sources(f"{section}.sources", sources)
        part = Part(section, (makers[name_path], *outer(record)))
        instance_by_name[name] = Instance(name, make, record, part, tuple(parts_beside), sources)
    if not instance_by_name:
        raise ConfigError("terms is empty: name a term, like terms=('metric', 'reconstruction')")
    return instance_by_name


def _sources(path: str, entries: tuple[str, ...]) -> list[Part]:
    part_by_name: dict[str, Part] = {}
    if not entries:
        raise ConfigError(f"{path} is empty: name a source of labels, like true")
    for entry in entries:
        name, kind = split(path, entry)
        if name in part_by_name:
            raise ConfigError(
                f"{path} names {name} twice: give one of them a name of its own, like "
                f"{name}2={kind}"
            )
        if name in RESERVED:
            raise ConfigError(f"{path}: {name} is a section of its own: give it another name")
        section = "pseudo" if name == "teacher" else name
        part_by_name[name] = Part(section, (find(path, kind, SOURCES),))
    return list(part_by_name.values())


def sections(configs: Iterable[Mapping[str, Any]]) -> set[str]:
    """The sections of the terms and the sources of labels that flat configurations name.

    >>> sorted(sections([{"seed": 0}, {"terms": ("metric", "proxies=metric")}]))
    ['loss', 'proxies']
    """
    names = {
        split(path, entry)[0]
        for config in configs
        for path, value in config.items()
        if value is not None and (path == "terms" or path.endswith(".sources"))
        for entry in coerce(path, value, ("metric",))
    }
    return {{"metric": "loss", "teacher": "pseudo"}.get(name, name) for name in names}


def _names(config: Mapping[str, Any], kind: Kind, section: str, name: str) -> dict[str, str]:
    """The config path that names each part of a term, its own first, and the part's name."""
    system = system_of(config["system"]).defaults

    def named(path: str, usual: str) -> Any:
        chosen = (config.get(path), system.get(path), NAMES[usual])
        return next((name for name in chosen if name is not None), None)

    if "prior" not in kind.parts:
        usual = "loss.name" if kind is KINDS["metric"] else "reconstruction.name"
        return {f"{section}.name": named(f"{section}.name", usual)}
    prior_path = "prior.name" if name == "kl" else f"{name}_prior.name"
    prior = named(prior_path, "prior.name")
    prior = "unit" if prior is None else prior
    kl = named(f"{section}.name", "kl.name")
    kl = ("analytic" if prior == "unit" else "monte_carlo") if kl is None else kl
    if kl == "analytic" and prior != "unit":
        raise ConfigError(
            f"{section}.name=analytic is for {prior_path}=unit only, but the prior is {prior}: "
            "choose monte_carlo"
        )
    return {f"{section}.name": kl, prior_path: prior}


def names(config: Mapping[str, Any], terms: Terms | None = None) -> dict[str, Any]:
    """The config path that names each part which is read, and the part's name.

    Args:
      config: config path → value; `None` for the prior means the system's own, and for the KL the
        exact one where the prior is `unit`, else the Monte-Carlo estimate.
      terms: as for `parts`.
    """
    named = {"model.encoder": config["model.encoder"]}
    terms = instances(config) if terms is None else terms
    for name, instance in terms.items():
        if instance.kind is not None and instance.kind.parts:
            named |= _names(config, instance.kind, instance.part.section, name)
    if has_both_kinds(terms):
        named["routine.name"] = config["routine.name"]
    return named | {"optimizer.name": config["optimizer.name"]}


def has_both_kinds(terms: Terms) -> bool:
    """Whether some terms are supervised and others not, so that a routine has to order them."""
    return len({kind_of(term) for term in terms.values()}) == 2


def kind_of(instance: Instance) -> str:
    """`supervised` or `unsupervised`; a term without parts is made with its defaults to tell."""
    if not instance.partless:
        return "supervised" if instance.kind is KINDS["metric"] else "unsupervised"
    kind = instance.with_defaults().kind
    try:
        return str(one_of(f"the kind of {instance.name}", kind, ("supervised", "unsupervised")))
    except ValueError as error:
        raise ConfigError(str(error)) from error


def reads_labels(instance: Instance) -> bool:
    """Whether a term reads labels: in labelled batches, or in its refresh."""
    if not instance.partless:
        return kind_of(instance) == "supervised"
    term = instance.with_defaults()
    return any(role.stream == "labelled" for role in term.roles.values()) or bool(term.refresh)


def parts(config: Mapping[str, Any], terms: Terms | None = None) -> dict[str, Part]:
    """The part of each section that a configuration reads, by the name of the section.

    Args:
      config: config path → value; only what names a part is read.
      terms: as `instances` gives them; `None`: they are found here.
    """
    terms = instances(config) if terms is None else terms
    part_by_section = {"model": _named("model.encoder", config)}
    for instance in terms.values():
        for part in (instance.part, *instance.parts_beside):
            if part.section in part_by_section and part_by_section[part.section] != part:
                raise ConfigError(f"two parts have the section {part.section}: rename a term")
            part_by_section[part.section] = part
    if has_both_kinds(terms):
        part_by_section["routine"] = _named("routine.name", config)
    else:
        supervised = kind_of(next(iter(terms.values()))) == "supervised"
        make_routine = single.make_supervised if supervised else single.make_unsupervised
        part_by_section["routine"] = Part("routine", (make_routine,))
    return part_by_section | {"optimizer": _named("optimizer.name", config)}


def _named(path: str, config: Mapping[str, Any]) -> Part:
    section = path.partition(".")[0]
    return Part(section, (find(path, config[path], TABLES[path]), *OUTER[section]))


def outer(kind: Kind) -> tuple[Callable[..., Any], ...]:
    """The layers around the part that a term names."""
    sources = (with_sources,) if kind is KINDS["metric"] else ()
    return kind.make, *sources, placed


def options(config: Mapping[str, Any], terms: Terms | None = None) -> dict[str, Any]:
    """The config path of every option that is read, and its default; arguments as for `parts`."""
    default_by_path: dict[str, Any] = {}
    terms = instances(config) if terms is None else terms
    for part in parts(config, terms).values():
        default_by_path |= part.defaults()
    scores_read = scored(terms)
    for instance in terms.values():
        section = instance.part.section
        if instance.kind is not KINDS["metric"]:
            continue
        term_option = {option: name for name, (at, option) in instance.part.options().items() if at}
        unread = [] if any(map(_stochastic, terms.values())) else ["on"]
        unread += ["normalizer"] if instance.sources == ("true",) else []
        unread += [] if scores_read else ["class_scores", "temperature_of_scores"]
        for option in unread:  # as without a posterior: a sample is its mean
            default_by_path.pop(f"{section}.{term_option[option]}", None)
    return default_by_path


def optional(config: Mapping[str, Any], terms: Terms | None = None) -> set[str]:
    """The config paths of options that are numbers, or `None`; arguments as for `parts`."""
    return {path for part in parts(config, terms).values() for path in part.numbers()}


def labels_read(terms: Terms) -> bool:
    """Whether a term reads labels."""
    return any(map(reads_labels, terms.values()))


def _stochastic(instance: Instance) -> bool:
    if instance.kind is not None and instance.kind.parts:
        return "prior" in instance.kind.parts
    return "variance" in instance.with_defaults().needs


def scored(terms: Terms) -> bool:
    """Whether a term or a source reads class scores. Sources are made with their defaults."""
    for instance in terms.values():
        sources = instance.parts_beside if instance.sources else ()
        label_sources = [source.call(0, {}) for source in sources]
        if any("class_scores" in getattr(source, "needs", ()) for source in label_sources):
            return True
        if instance.partless and "class_scores" in instance.with_defaults().needs:
            return True
    return False
