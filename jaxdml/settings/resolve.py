"""From a configuration to a setting: what its system reads, complete and checked."""

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

from jaxdml.data import DATASETS
from jaxdml.objectives import KINDS, SOURCES
from jaxdml.options import defaults, find, optional_kinds
from jaxdml.settings import assembly, cross_checks, parts, systems
from jaxdml.settings.fields import COMMON, SAMPLER, flatten, usual
from jaxdml.settings.layers import Part, placed
from jaxdml.settings.setting import OF_A_POINT, Setting
from jaxdml.values import coerce

# An option → another one, and the value of it that leaves the first unread.
UNREAD = {
    "train.classes_per_batch": ("train.sampler", "uniform"),
    "kl.schedule_steps": ("kl.schedule", "constant"),
    "pseudo.threshold": ("pseudo.thresholds", "adaptive"),
}


def resolve(config: Mapping[str, Any], elsewhere: Collection[str] = ()) -> Setting:
    """The setting that a configuration asks for.

    Args:
      config: nested, or flat with dotted paths; what is missing, or `None`, gets its default.
      elsewhere: sections that other points of a grid read: their fields are no mistakes here.

    Raises:
      ConfigError: for an unknown field, a value of the wrong type or out of range; it names the
        field, what came and what is allowed.

    >>> resolve({"system": "ae"})["reconstruction.reduction"]
    'sum'
    >>> "loss.margin" in resolve({"system": "ae"})
    False
    """
    flat = flatten(config)
    name = flat.pop("system", None)
    system = systems.system_of(name)
    value_by_path = {**system.defaults, **{path: v for path, v in flat.items() if v is not None}}
    if flat.get("train.epochs") is not None and flat.get("train.steps") is None:
        # the system's: one of the two says how long a training is
        value_by_path.pop("train.steps", None)
    named = _named({"system": name} | flat, value_by_path)
    terms = parts.instances(named)
    unset = _fields(named, terms)
    values = _values(named, value_by_path, terms, unset)
    sections = {part.section for term in terms.values() for part in (term.part, *term.parts_beside)}
    cross_checks.refuse_unknown(
        {**system.defaults, **flat}, _known_paths(named, terms), {*elsewhere} - sections
    )
    cross_checks.check(values)
    read = {path: values[path] for path in sorted(values)}
    setting = Setting({"system": name} | read, unset | dict(system.defaults))
    assembly.assemble(setting, (1, 1, 1), 1)  # each part checks its own options
    return setting


class Resolver:
    """Resolves many configurations, as of a grid, and works out once what several of them share.

    Only the fields of `OF_A_POINT`, like the seed, are read anew where all others are equal; and
    numbers of parts, like α, where those are all that differs. It lives as long as one call, in
    which a user's own parts stay what they are.

    Args:
      elsewhere: as for `resolve`.

    >>> resolver = Resolver()
    >>> [resolver.resolve({"system": "ae", "seed": seed})["seed"] for seed in (0, 1)]
    [0, 1]
    """

    def __init__(self, elsewhere: Collection[str] = ()) -> None:
        self.elsewhere = elsewhere
        self._resolved: dict[str, Setting] = {}  # all but a point's own fields → one of the points
        # the same but for floats → the last that was resolved from the beginning, and its floats
        self._alike: dict[str, tuple[Setting, dict[str, float]]] = {}

    def resolve(self, config: Mapping[str, Any]) -> Setting:
        """As the function `resolve`, which says what is raised."""
        shared = flatten(config)
        own = {path: shared.pop(path, None) for path in OF_A_POINT}
        key = repr(sorted(shared.items()))  # 1, 1.0 and True are equal, but not as text
        if key not in self._resolved:
            self._resolved[key] = self._with_numbers(config, shared)
        like = self._resolved[key]
        setting = like.with_values(
            {
                path: COMMON[path].checked(path, like.unset[path] if value is None else value)
                for path, value in own.items()
            }
        )
        cross_checks.check(setting)
        return setting

    def _with_numbers(self, config: Mapping[str, Any], shared: Mapping[str, Any]) -> Setting:
        """A setting of the configuration: by one that differs in numbers alone, if there is one."""
        floats = {path: value for path, value in shared.items() if isinstance(value, float)}
        others = sorted((path, value) for path, value in shared.items() if path not in floats)
        key = repr((others, sorted(floats)))
        if key in self._alike:
            like, its = self._alike[key]
            # −0.0 and 0.0 are equal, but not as text
            changed = {path: v for path, v in floats.items() if repr(v) != repr(its[path])}
            if changed.keys() <= like.numbers.keys():
                setting = like.with_values(
                    {
                        path: COMMON[path].checked(path, value)
                        if path in COMMON
                        else coerce(path, value, like[path])
                        for path, value in changed.items()
                    }
                )
                assembly.assemble(setting, (1, 1, 1), 1)  # each part checks its own options
                return setting
        setting = resolve(config, self.elsewhere)
        self._alike[key] = setting, floats
        return setting


def _named(flat: Mapping[str, Any], value_by_path: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that name terms and parts, and the library's own fields, checked."""
    named = {
        path: coerce(path, value, None if value is None else "")
        for path, value in flat.items()
        if path == "system" or path.endswith(".name")
    }
    for path, field in (COMMON | SAMPLER).items():
        named[path] = field.checked(path, value_by_path.get(path, field.default))
    for path, default in parts.NAMES.items():
        named[path] = coerce(path, value_by_path.get(path, default), default)
    for path in (path for path in value_by_path if path.endswith(".sources")):
        named[path] = coerce(path, value_by_path[path], ("true",))
    return named


def _fields(named: Mapping[str, Any], terms: parts.Terms) -> dict[str, Any]:
    """Every path that is read, and its default."""
    names = {path: parts.NAMES.get(path) for path in parts.names(named, terms)}
    common = usual(COMMON | (SAMPLER if parts.labels_read(terms) else {}))
    return common | names | _of_data(named) | parts.options(named, terms)


def _values(
    named: Mapping[str, Any],
    value_by_path: Mapping[str, Any],
    terms: parts.Terms,
    unset: Mapping[str, Any],
) -> dict[str, Any]:
    """Every path that is read, and its value."""
    name_by_path = dict(named) | parts.names(named, terms)
    of_type = _kinds_of_data(named)
    for part in parts.parts(named, terms).values():
        of_type |= part.kinds()
    values = {}
    for path, default in unset.items():
        if path in name_by_path:
            values[path] = name_by_path[path]
        elif value_by_path.get(path) is None:
            values[path] = default
        else:
            values[path] = coerce(path, value_by_path[path], of_type.get(path, default))
    for path, (other, value) in UNREAD.items():
        if values.get(other) == value:
            values.pop(path, None)
    if values["train.steps"] is not None:
        values.pop("train.epochs")
    return values


def _known_paths(named: Mapping[str, Any], terms: parts.Terms) -> set[str]:
    """Every path that a configuration may have."""
    of_data = {f"data.{o}" for make in DATASETS.values() for o in defaults(make)}
    library_paths = {*COMMON, *SAMPLER, *parts.NAMES}
    return library_paths | of_data | {*_of_data(named)} | _named_paths(named, terms)


def _of_data(named: Mapping[str, Any]) -> dict[str, Any]:
    """The config path of every option of the data set, and its default."""
    make = find("data.name", named["data.name"], DATASETS)
    return {f"data.{option}": default for option, default in defaults(make).items()}


def _kinds_of_data(named: Mapping[str, Any]) -> dict[str, Any]:
    """The config path of options of the data set that are of one type, or `None`."""
    make = find("data.name", named["data.name"], DATASETS)
    return {f"data.{option}": value for option, value in optional_kinds(make).items()}


def _named_paths(named: Mapping[str, Any], terms: parts.Terms) -> set[str]:
    """The config path of every option of every part that could be named.

    The sections of the library's own terms count, and those of this configuration's.
    """
    read = parts.parts(named, terms).values()
    paths = {*parts.names(named, terms)}.union(*(part.defaults() for part in read))
    paths |= _paths("pseudo", (SOURCES["teacher"],), ())
    paths |= _paths("propagated", (SOURCES["propagated"],), ())
    for path, table in parts.TABLES.items():
        section = path.partition(".")[0]
        makes = (*table.values(), *_by_user(path, named, table))
        paths |= _paths(section, makes, parts.OUTER[section])
    kinds = [(kind, "loss" if kind == "metric" else kind, record) for kind, record in KINDS.items()]
    kinds += [(term.name, term.part.section, term.kind) for term in terms.values() if term.kind]
    for name, section, record in kinds:
        if not record.parts:
            paths |= _paths(section, (record.make,), (placed,))
        for suffix, table in record.parts.items():
            of_prior = suffix if name == "kl" else f"{name}_{suffix}"
            at, outer = (of_prior, ()) if suffix else (section, parts.outer(record))
            makes = *table.values(), *_by_user(f"{at}.name", named, table)
            paths |= _paths(at, makes, outer)
    return paths


def _by_user(
    path: str, config: Mapping[str, Any], table: Mapping[str, Callable[..., Any]]
) -> list[Callable[..., Any]]:
    """The user's own maker that `path` names, in a list; `[]` where the table has the name."""
    name = config.get(path)
    return [] if name is None or name in table else [find(path, name, table)]


@functools.cache  # of functions, whose signatures stay: a grid asks this for each of its points
def _paths(
    section: str, makes: tuple[Callable[..., Any], ...], outer: tuple[Callable[..., Any], ...]
) -> frozenset[str]:
    """The config path of every option that a section has with one of some parts."""
    return frozenset(path for make in makes for path in Part(section, (make, *outer)).defaults())
