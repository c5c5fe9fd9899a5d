"""From a nested configuration to a resolved one: what this system reads, complete and checked.

A resolved configuration is flat: config path → value. It holds only the paths that its system reads
(no α without two losses, no margin for an autoencoder), each with its default filled in, so that
two points are the same training exactly if their resolved configurations are equal.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from jaxdml import systems
from jaxdml.evaluate.protocols import CLASSIFIERS, PROTOCOLS
from jaxdml.options import ConfigError, at_least, between, coerce, defaults, find, listed, one_of
from jaxdml.types import PointConfig

# Which training images keep their label: one of these, or all of them where none is set.
SELECTIONS = ("data.labelled_percent", "data.labelled_count", "data.labels_per_class")

# Fields that every system reads, beside the options of its parts.
COMMON: dict[str, Any] = {
    "seed": 0,
    "data.name": "digits",
    "data.validation": 0,
    "data.labelled_percent": None,
    "data.labelled_count": None,
    "data.labels_per_class": None,
    "data.labels_seed": 0,
    "data.stratified": False,
    "train.epochs": 10,
    "train.batch_size": 128,
    "train.learning_rate": 1e-3,
    "train.width": 1,
    "eval.protocols": ("thesis", "labelled"),
    "eval.classifiers": ("knn",),
    "eval.split": "test",
}
# The names of the parts, and what is read beside a part's own options.
NAMES: dict[str, Any] = {
    "model.encoder": "mlp",
    "loss.name": "triplet",
    "loss.on": "sample",
    "reconstruction.name": "mse",
    "routine.name": "joint",
}
_AT_LEAST = {
    "data.validation": 0,
    "data.labels_seed": 0,
    "train.epochs": 1,
    "train.batch_size": 1,
    "train.width": 1,
    "train.learning_rate": 0,
}
# Fields that say how a run is executed or judged, not what is trained.
_NOT_TRAINING = ("eval.", "train.width")
# Fields that differ between the points of a cohort without being numbers of an objective.
_OF_A_POINT = ("seed", "data.labels_seed", "data.stratified", *SELECTIONS)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, from dotted paths to values.

    >>> flatten({"seed": 0, "loss": {"margin": 0.2}})
    {'seed': 0, 'loss.margin': 0.2}
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def assign(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A flat configuration with some values changed.

    To say how many images are labelled in one way takes back what another way said before.

    >>> assign({"data.labelled_percent": 10.0}, {"data.labelled_count": 60})
    {'data.labelled_percent': None, 'data.labelled_count': 60}
    """
    changed = dict(config)
    chosen = [path for path in SELECTIONS if changes.get(path) is not None]
    if chosen:
        changed |= {path: None for path in SELECTIONS if path in changed}
    return changed | dict(changes)


def resolve(config: Mapping[str, Any]) -> dict[str, Any]:
    """The resolved configuration of one point.

    Args:
      config: nested, or flat with dotted paths; what is missing gets its default.

    Returns:
      path → value for the paths that the system reads, sorted.

    Raises:
      ConfigError: for an unknown field, a value of the wrong type or out of range; it names the
        field, what came and what is allowed.

    >>> resolve({"system": "ae"})["reconstruction.reduction"]
    'sum'
    >>> "loss.margin" in resolve({"system": "ae"})
    False
    """
    given = flatten(config)
    name = given.pop("system", None)
    if not isinstance(name, str) or name not in systems.SYSTEMS:
        raise ConfigError(f"system must be one of {listed(systems.SYSTEMS)}, but is {name!r}")
    base = {
        path: coerce(path, given.get(path, default), default)
        for path, default in (COMMON | NAMES).items()
    }
    system = systems.SYSTEMS[name]
    parts = systems.parts(system, base)

    read = {path: base[path] for path in COMMON}
    for section, make in parts.items():
        paths = {f"{section}.{o}": default for o, default in defaults(make).items()}
        read |= {p: coerce(p, given.get(p, default), default) for p, default in paths.items()}
        own_name = f"{section}.{systems.PARTS[section][0]}"
        if section != "routine" or (system.metric and system.reconstruction):
            read[own_name] = base[own_name]
        if section == "loss":
            read["loss.on"] = base["loss.on"]
    _refuse_unknown(given, base)
    _check(read)
    resolved = {"system": name} | dict(sorted(read.items()))
    systems.assemble(resolved, (28, 28, 1), 10)  # each part checks its own options
    return resolved


def numbers(resolved: Mapping[str, Any]) -> dict[str, float]:
    """The paths of a resolved configuration that may differ inside one compiled program.

    They are the options whose default is a float, and the learning rate.

    >>> numbers(resolve({"system": "ae"}))
    {'train.learning_rate': 0.001}
    """
    parts = systems.parts(systems.SYSTEMS[resolved["system"]], resolved)
    paths = ["train.learning_rate"]
    for section, make in parts.items():
        paths += [f"{section}.{o}" for o, d in defaults(make).items() if isinstance(d, float)]
    return {path: resolved[path] for path in sorted(paths)}


def static_options(resolved: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """What shapes the program: all that is neither a number, nor a point's own, nor evaluation."""
    varying = (*numbers(resolved), *_OF_A_POINT)
    return tuple(
        (path, value)
        for path, value in resolved.items()
        if path not in varying and not path.startswith(_NOT_TRAINING)
    )


def point(config: Mapping[str, Any]) -> PointConfig:
    """A point of the grid: its resolved configuration, and a hash of what is trained as its id."""
    resolved = resolve(config)
    trained = {p: v for p, v in resolved.items() if not p.startswith(_NOT_TRAINING)}
    text = json.dumps(trained, sort_keys=True)
    return PointConfig(hashlib.sha256(text.encode()).hexdigest()[:12], resolved)


def _refuse_unknown(given: Mapping[str, Any], base: Mapping[str, Any]) -> None:
    """An option of a part that this system does not read is no mistake: a grid may hold both."""
    known = {"system", *COMMON, *NAMES}
    for section, (option, table) in systems.PARTS.items():
        name = f"{section}.{option}"
        for make in (*table.values(), find(name, base[name], table)):
            known |= {f"{section}.{o}" for o in defaults(make)}
    for path in given:
        if path not in known:
            section = path.rpartition(".")[0]
            near = sorted(p for p in known if p.rpartition(".")[0] == section) or sorted(known)
            raise ConfigError(f"there is no field {path}; there are {listed(near)}")


def _check(read: dict[str, Any]) -> None:
    """Values that have the right type, but not the right size."""
    try:
        for path, low in _AT_LEAST.items():
            at_least(path, read[path], low)
        one_of("loss.on", read.get("loss.on", "mean"), ("sample", "mean"))
        for protocol in read["eval.protocols"]:
            one_of("eval.protocols", protocol, PROTOCOLS)
        for classifier in read["eval.classifiers"]:
            one_of("eval.classifiers", classifier, CLASSIFIERS)
        between("seed", read["seed"], 0, 2**31 - 1)
        one_of("eval.split", read["eval.split"], ("test", "validation"))
        chosen = {path: read[path] for path in SELECTIONS if read[path] is not None}
        if len(chosen) > 1:
            said = listed(f"{path}={value}" for path, value in chosen.items())
            raise ValueError(f"{said} contradict each other: set one of them, the others to None")
        for path, value in chosen.items():
            read[path] = coerce(path, value, 0.0 if path == SELECTIONS[0] else 0)
            at_least(path, value, 0 if path == SELECTIONS[0] else 1)
    except ValueError as error:
        raise ConfigError(str(error)) from error
