"""From a nested configuration to a resolved one: what this system reads, complete and checked.

A resolved configuration is flat: config path → value. It holds only the paths that its system reads
(no α without two losses, no margin for an autoencoder), each with its default filled in, so that
two points are the same training exactly if their resolved configurations are equal.
"""

import difflib
import hashlib
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxdml.data import DATASETS
from jaxdml.evaluate.baselines import BASELINES
from jaxdml.evaluate.classifiers import DEFAULTS, Options, check_classifier
from jaxdml.evaluate.embed import EMBEDDINGS
from jaxdml.evaluate.protocols import find_protocol
from jaxdml.options import ConfigError, at_least, between, coerce, defaults, find, listed, one_of
from jaxdml.settings import assembly, parts, systems
from jaxdml.types import PointConfig

# Which training images keep their label: one of these, or all of them where none is set.
SELECTIONS = ("data.labelled_percent", "data.labelled_count", "data.labels_per_class")

# Fields that every system reads, beside the options of its parts.
COMMON: dict[str, Any] = {
    "seed": 0,
    "terms": None,
    "data.name": "digits",
    "data.validation": 0,
    "data.labelled_percent": None,
    "data.labelled_count": None,
    "data.labels_per_class": None,
    "data.labels_seed": 0,
    "data.stratified": False,
    "data.fold": None,
    "data.invariances": None,
    "augment.weak": None,
    "augment.strong": None,
    "train.epochs": 10,
    "train.steps": None,
    "train.batch_size": 128,
    "train.unlabelled_batch_size": None,
    "train.learning_rate": 1e-3,
    "train.average": None,
    "train.width": None,
    "train.memory_share": 0.75,
    "train.feed": "auto",
    "train.checkpoint_every": None,
    "eval.protocols": ("thesis", "labelled"),
    "eval.classifiers": ("knn",),
    "eval.embeddings": ("mean",),
    "eval.split": "test",
    "eval.parameters": "last",
    "eval.baselines": tuple(BASELINES),
    **{f"eval.{option}": default for option, default in DEFAULTS._asdict().items()},
}
# What systems with a metric loss read: how batches of labelled images are drawn.
SAMPLER: dict[str, Any] = {"train.sampler": "uniform", "train.classes_per_batch": None}
_AT_LEAST = {
    "data.validation": 0,
    "data.labels_seed": 0,
    "train.epochs": 1,
    "train.batch_size": 1,
    "train.learning_rate": 0,
    **{f"eval.{option}": 1 for option in Options._fields},
}
# Lists of names → what refuses a wrong one.
_SOME_OF: dict[str, Callable[[str], Any]] = {
    "eval.protocols": find_protocol,
    "eval.classifiers": check_classifier,
    "eval.embeddings": lambda name: one_of("eval.embeddings", name, EMBEDDINGS),
    "eval.baselines": lambda name: one_of("eval.baselines", name, BASELINES),
}
SAMPLERS = ("uniform", "balanced")
FEEDS = ("auto", "device", "host")  # where the training images lie
LENGTHS = ("train.epochs", "train.steps")  # one of them says how long a training is
EPOCH = 200  # steps of an epoch, where steps are counted
# Numbers that may be traced beside the options of parts; where `None`, there is no such number.
NUMBERS = ("train.learning_rate", "train.average")
# An option → another one, and the value of it that leaves the first unread.
UNREAD = {
    "train.classes_per_batch": ("train.sampler", "uniform"),
    "kl.schedule_steps": ("kl.schedule", "constant"),
    "pseudo.threshold": ("pseudo.thresholds", "adaptive"),
}
# Whole numbers, or `None`.
_WHOLE = {"train.steps": 1, "train.unlabelled_batch_size": 1}
# The option of a data set that says where its files lie.
PATH = "data.path"
# Fields that came after runs had been made, and what runs did before: with that value they are no
# part of a run's identity, so that earlier runs keep theirs and go on. A `*` is any section.
LATER: dict[str, Any] = {
    "data.range": None,
    "data.folds": None,
    "data.fold": None,
    "data.invariances": None,
    "terms": None,
    "augment.weak": None,
    "augment.strong": None,
    "train.steps": None,
    "train.unlabelled_batch_size": None,
    "train.average": None,
    "eval.parameters": "last",
    "model.unit_length": False,
    "model.strides": None,
    "optimizer.name": "adam",
    "optimizer.schedule": "constant",
    "optimizer.warmup_steps": None,
    "optimizer.clip": None,
    "optimizer.weight_decay": None,
    "pseudo.alignment": "none",
    "pseudo.thresholds": "fixed",
    "pseudo.smoothing": 1.0,
    "*.sources": ("true",),
    "*.view": None,
    "*.weight": None,
    "*.term_weight": None,
}
# What `configs/common.py` once named, with these values, and runs therefore keep.
_ONCE = {path: name for path, name in parts.NAMES.items() if name} | {"model.latent_dim": 10}
# Fields that say how a run is executed: they may change from one call to the next.
EXECUTION = ("train.width", "train.memory_share", "train.feed", "train.checkpoint_every")
# Fields that do not say what is trained.
_NOT_TRAINING = ("eval.", *EXECUTION)
# Fields that say which images are labelled.
SELECTED = (*SELECTIONS, "data.labels_seed", "data.stratified", "data.fold")
# Fields of `data` that do not say which images there are.
_NOT_SOURCE = (*SELECTED, "data.invariances")
# Fields that differ between the points of a cohort without being numbers of an objective.
_OF_A_POINT = ("seed", *SELECTED)


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

    To say how many images are labelled in one way takes back what another way said before. Of
    `train.epochs` and `train.steps` the one that is set last says how long a training is.

    >>> assign({"data.labelled_percent": 10.0}, {"data.labelled_count": 60})
    {'data.labelled_percent': None, 'data.labelled_count': 60}
    >>> assign({"train.steps": 450}, {"train.epochs": 3})
    {'train.steps': None, 'train.epochs': 3}
    """
    changed = dict(config)
    chosen = [path for path in SELECTIONS if changes.get(path) is not None]
    if chosen:
        changed |= {path: None for path in SELECTIONS if path in changed}
    last = [path for path in changes if path in LENGTHS and changes[path] is not None][-1:]
    after = {p: v for p, v in changes.items() if p not in LENGTHS or not last or [p] == last}
    if last == ["train.epochs"]:
        changed |= {"train.steps": None}
    return changed | after


def resolve(config: Mapping[str, Any], elsewhere: Collection[str] = ()) -> dict[str, Any]:
    """The resolved configuration of one point.

    Args:
      config: nested, or flat with dotted paths; what is missing gets its default.
      elsewhere: sections that other points of a grid read: their fields are no mistakes here.

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
    system = systems.system_of(name)
    usual = {**system.defaults, **{path: v for path, v in given.items() if v is not None}}
    if given.get("train.epochs") is not None and given.get("train.steps") is None:
        usual.pop("train.steps", None)  # the system's: one of the two says how long a training is
    base = {"system": name} | {
        path: coerce(path, usual.get(path, default), default)
        for path, default in (COMMON | SAMPLER | parts.NAMES).items()
    }
    if base["terms"] is not None:
        base["terms"] = coerce("terms", base["terms"], ("metric",))
    named = {path: value for path, value in given.items() if path.endswith(".name")} | base
    for path in (path for path in usual if path.endswith(".sources")):
        named[path] = coerce(path, usual[path] or ("true",), ("true",))
    terms = parts.instances(named)
    read = {path: base[path] for path in COMMON} | parts.names(named, terms)
    if parts.labels_read(terms):
        read |= {path: base[path] for path in SAMPLER}
    numeric = parts.optional(named, terms) | {"train.average"}
    for path, default in (_of_data(base) | parts.options(named, terms)).items():
        value = named.get(path) if path.endswith(".sources") else usual.get(path)
        read[path] = default if value is None else coerce(path, value, default)
    for path in numeric & read.keys():
        if read[path] is not None:
            read[path] = coerce(path, read[path], 0.0)
    for path, (other, value) in UNREAD.items():
        if read.get(other) == value:
            read.pop(path, None)
    if read["train.steps"] is not None:
        read.pop("train.epochs")
    possible = {*COMMON, *SAMPLER, *parts.NAMES, *_of_data(named), *parts.known(named, terms)}
    here = {part.section for term in terms.values() for part in (term.own, *term.others)}
    _refuse_unknown({**system.defaults, **given}, possible, {*elsewhere} - here)
    _check(read)
    resolved = {"system": name} | dict(sorted(read.items()))
    assembly.assemble(resolved, (1, 1, 1), 1)  # each part checks its own options
    return resolved


def labels_read(config: Mapping[str, Any]) -> bool:
    """Whether a term reads labels."""
    return parts.labels_read(parts.instances(config))


def epochs(resolved: Mapping[str, Any]) -> int:
    """How many epochs a training has; where steps are counted, of `EPOCH` steps each.

    >>> epochs({"train.steps": 8001}), epochs({"train.epochs": 10})
    (41, 10)
    """
    if resolved.get("train.steps") is None:
        return int(resolved["train.epochs"])
    return math.ceil(resolved["train.steps"] / EPOCH)


def counted(resolved: Mapping[str, Any], number: int) -> int | None:
    """How many steps epoch `number`, from 1, has where steps are counted; else `None`.

    >>> [counted({"train.steps": 450}, number) for number in (1, 2, 3)]
    [200, 200, 50]
    """
    steps = resolved.get("train.steps")
    return None if steps is None else min(EPOCH, steps - EPOCH * (number - 1))


def source(resolved: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """What says which images there are: the fields of `data` that select no labels.

    >>> source(resolve({"system": "ae"}))
    (('data.name', 'digits'), ('data.validation', 0))
    """
    return tuple(
        (path, value)
        for path, value in resolved.items()
        if path.startswith("data.") and path not in _NOT_SOURCE
    )


def dataset_name(resolved: Mapping[str, Any]) -> str:
    """What a data set is called: by the last part of its path, if it has one.

    >>> dataset_name({"data.name": "images", "data.path": "/home/me/photos"})
    'photos'
    """
    name = resolved.get(PATH) or resolved["data.name"]
    return Path(name).name or name


def lasting(flat: Mapping[str, Any]) -> dict[str, Any]:
    """What is the same in every call of a run: all but how it is executed, and where data lie.

    Of the path of a data set the last part stays. Fields of `LATER` are left out where they have
    the value that stands there.

    >>> lasting({"seed": 0, "train.width": 4, "data.path": "/home/me/photos"})
    {'seed': 0, 'data.path': 'photos'}
    """
    kept = {
        path: value
        for path, value in flat.items()
        if path not in EXECUTION and not _as_before(path, value)
    }
    return kept | {PATH: dataset_name(flat)} if kept.get(PATH) else kept


def _as_before(path: str, value: Any) -> bool:
    for pattern in (path, f"*.{path.rpartition('.')[2]}"):
        if pattern in LATER:
            before = LATER[pattern]
            return bool((tuple(value) if isinstance(value, list) else value) == before)
    return False


def complete(flat: Mapping[str, Any]) -> dict[str, Any]:
    """What is `lasting` of a base configuration, with the default of what it does not name.

    So a run that was begun before there was a field goes on where the field has its default. Which
    baselines a report shows is no part of it.

    >>> complete({"seed": 1})["seed"], complete({"seed": 1})["data.validation"]
    (1, 0)
    """
    usual = systems.system_of(flat["system"]).defaults if flat.get("system") else {}
    given = {path: value for path, value in flat.items() if value is not None}
    whole = lasting(COMMON | SAMPLER | _ONCE | dict(usual) | given)
    return {path: value for path, value in whole.items() if path != "eval.baselines"}


def numbers(resolved: Mapping[str, Any]) -> dict[str, float]:
    """The paths of a resolved configuration that may differ inside one compiled program.

    They are the options whose default is a float, the learning rate, and options that are numbers
    or `None`, where they are no `None`.

    >>> numbers(resolve({"system": "ae"}))
    {'train.learning_rate': 0.001}
    """
    options = parts.options(resolved)
    paths = {*NUMBERS, *parts.optional(resolved)}
    paths |= {path for path, default in options.items() if isinstance(default, float)}
    return {path: resolved[path] for path in sorted(paths) if resolved.get(path) is not None}


def static_options(resolved: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """What shapes the program: all that is neither a number, nor a point's own, nor evaluation."""
    varying = (*numbers(resolved), *_OF_A_POINT)
    return tuple(
        (path, value)
        for path, value in resolved.items()
        if path not in varying and not path.startswith(_NOT_TRAINING)
    )


def balanced(resolved: Mapping[str, Any], classes: int) -> tuple[int, int] | None:
    """Of balanced batches: how many classes a batch has, and how many there are.

    Raises:
      ConfigError: if so many classes leave no room for two images each.
    """
    if resolved.get("train.sampler") != "balanced":
        return None
    size = resolved["train.batch_size"]
    per_batch = min(resolved["train.classes_per_batch"] or classes, classes)
    if size < 2 * per_batch:
        raise ConfigError(
            f"train.sampler=balanced needs two images of a class in a batch: {per_batch} classes "
            f"need train.batch_size to be at least {2 * per_batch}, but it is {size}"
        )
    return per_batch, classes


def widened(resolved: Mapping[str, Any], more: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """A configuration whose lists also name what `more` names.

    >>> widened({"eval.protocols": ("thesis",)}, {"eval.protocols": ("full", "thesis")})
    {'eval.protocols': ('thesis', 'full')}
    """
    added = {path: tuple(dict.fromkeys([*resolved[path], *more[path]])) for path in more}
    return dict(resolved) | added


def point(config: Mapping[str, Any], elsewhere: Collection[str] = ()) -> PointConfig:
    """A point of the grid: its resolved configuration, and a hash of what is trained as its id.

    Args:
      config, elsewhere: as for `resolve`.
    """
    resolved = resolve(config, elsewhere)
    return PointConfig(_hash(_trained(resolved)), resolved)


def blind(resolved: Mapping[str, Any]) -> bool:
    """Whether training reads no label: the same network comes of any labelled images.

    It is so where no term reads labelled images, and where α = 1 leaves none of it.

    >>> blind(resolve({"system": "ae"})), blind(resolve({"system": "dml_ae"}))
    (True, False)
    """
    terms = parts.instances(resolved)
    if not any(map(parts.reads_labels, terms.values())):
        return True
    if any(set(t.sources) - {"true"} for t in terms.values()):
        return False
    if parts.scored(terms) or any(t.kind is None and parts.reads_labels(t) for t in terms.values()):
        return False
    expected = {
        "routine.alpha": 1.0,
        "routine.supervised": "weighted",
        "routine.supervised_data": "all",
        "routine.labelled_steps": "match",
    }
    return resolved.get("routine.name") in ("joint", "alternate") and all(
        resolved.get(path, value) == value for path, value in expected.items()
    )


def training(resolved: Mapping[str, Any]) -> str:
    """The same for points that are the same training: a hash of all that it depends on."""
    unread = SELECTED if blind(resolved) else ()
    trained = {path: value for path, value in _trained(resolved).items() if path not in unread}
    return _hash(trained)


def _trained(resolved: Mapping[str, Any]) -> dict[str, Any]:
    return {p: v for p, v in lasting(resolved).items() if not p.startswith("eval.")}


def _hash(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def _of_data(base: Mapping[str, Any]) -> dict[str, Any]:
    """The config path of every option of the data set, and its default."""
    make = find("data.name", base["data.name"], DATASETS)
    return {f"data.{option}": default for option, default in defaults(make).items()}


def _refuse_unknown(
    given: Collection[str], possible: Collection[str], elsewhere: Collection[str]
) -> None:
    """An option of a part that this system does not read is no mistake: a grid may hold both."""
    known = set(possible)
    known |= {f"data.{o}" for make in DATASETS.values() for o in defaults(make)}
    for path in given:
        if path not in known and path.partition(".")[0] not in elsewhere:
            section = path.rpartition(".")[0]
            near = difflib.get_close_matches(path, known, 1)
            near = near or sorted(p for p in known if p.rpartition(".")[0] == section)
            near = near or sorted({p.partition(".")[0] for p in known})
            raise ConfigError(f"there is no field {path}; there is {listed(near)}")


def _check(read: dict[str, Any]) -> None:
    """Values that have the right type, but not the right size."""
    try:
        for path, low in _AT_LEAST.items():
            if path in read:
                at_least(path, read[path], low)
        one_of("train.sampler", read.get("train.sampler", "uniform"), SAMPLERS)
        for path, low in _WHOLE.items():
            if read[path] is not None:
                at_least(path, coerce(path, read[path], low), low)
        if read["train.average"] is not None:
            between("train.average", read["train.average"], 0, 1)
        one_of("eval.parameters", read["eval.parameters"], ("last", "average"))
        if read["eval.parameters"] == "average" and read["train.average"] is None:
            raise ValueError(
                "eval.parameters=average needs an average of the weights: set train.average, like "
                "0.999"
            )
        if read["train.steps"] is not None and read.get("routine.labelled_steps") == "pass":
            raise ValueError(
                "routine.labelled_steps=pass has epochs of one pass each, which train.steps does "
                "not count: set it to match, or train.epochs instead of train.steps"
            )
        width = read["train.width"]
        if width not in (None, "auto"):
            at_least("train.width", coerce("train.width", width, 1), 1)
        between("train.memory_share", read["train.memory_share"], 0.01, 1)
        one_of("train.feed", read["train.feed"], FEEDS)
        every = read["train.checkpoint_every"]
        if every is not None:
            at_least("train.checkpoint_every", coerce("train.checkpoint_every", every, 1), 1)
        per_batch = read.get("train.classes_per_batch")
        if per_batch is not None:
            at_least("train.classes_per_batch", coerce("train.classes_per_batch", per_batch, 1), 2)
        balanced = read.get("train.sampler") == "balanced"
        if balanced and read.get("routine.labelled_steps") == "pass":
            raise ValueError(
                "routine.labelled_steps=pass visits every labelled image, which balanced batches "
                "do not: set it to match, or train.sampler to uniform"
            )
        for path, check in _SOME_OF.items():
            if len(set(read[path])) < len(read[path]):
                raise ValueError(f"{path} names something twice: {listed(read[path])}")
            for name in read[path]:
                check(name)
        if not read["eval.embeddings"]:
            raise ValueError("eval.embeddings must name something: mean, sample, or both")
        between("seed", read["seed"], 0, 2**31 - 1)
        if read["data.fold"] is not None:
            at_least("data.fold", coerce("data.fold", read["data.fold"], 0), 0)
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
