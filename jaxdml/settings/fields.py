"""Fields that every configuration has, beside the options of its parts; and how they are set."""

import difflib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxdml.evaluate.baselines import BASELINES
from jaxdml.evaluate.classifiers import DEFAULTS
from jaxdml.evaluate.embed import EMBEDDINGS
from jaxdml.options import ConfigError, at_least, between, one_of
from jaxdml.values import coerce


class Field(NamedTuple):
    """The default of a field, and which values may be set."""

    default: Any
    kind: Any = None  # a value of the type that it takes, where the default is `None`
    low: float | None = None  # the least value
    within: tuple[float, float] | None = None
    allowed: tuple[str, ...] | None = None

    def checked(self, path: str, value: Any) -> Any:
        """A value, in the type that the field has.

        Raises:
          ConfigError: if it is not one that the field may have.

        >>> Field(None, kind=0.0, low=0).checked("data.labelled_percent", 10)
        10.0
        """
        if value is None and self.default is None:
            return None
        value = coerce(path, value, self.kind if self.default is None else self.default)
        try:
            if self.low is not None:
                at_least(path, value, self.low)
            if self.within is not None:
                between(path, value, *self.within)
            if self.allowed is not None:
                for name in value if isinstance(value, tuple) else (value,):
                    one_of(path, name, self.allowed)
        except ValueError as error:
            raise ConfigError(str(error)) from error
        return value


# What other libraries call a field, and what it is called here.
WORDS = {
    ("labelled_fraction", "labeled_fraction", "labelled_share", "labeled_percent"):
        "labelled_percent",
    ("num_labels", "num_labeled", "n_labels", "n_labeled", "labeled_count"): "labelled_count",
    ("lr", "rate"): "learning_rate",
    ("num_epochs", "n_epochs", "max_epochs"): "epochs",
    ("num_steps", "n_steps", "max_steps", "iterations"): "steps",
    ("batchsize", "bs"): "batch_size",
    ("dataset", "dataset_name"): "data",
    ("random_state", "random_seed"): "seed",
    ("embedding_dim", "embedding_size", "latent_size", "n_components"): "latent_dim",
    ("backbone", "architecture", "network"): "encoder",
    ("weight_decay", "l2"): "weight_decay",
    ("early_stopping", "early_stopping_patience"): "patience",
    ("eval_every", "val_every", "validation_freq"): "validate_every",
    ("mixed_precision", "dtype", "amp"): "precision",
    ("restore_best_weights", "save_best", "save_best_only"): "keep",
}  # fmt: skip
# Which training images keep their label: one of these, or all of them where none is set.
SELECTIONS: dict[str, Field] = {
    "data.labelled_percent": Field(None, kind=0.0, low=0),
    "data.labelled_count": Field(None, kind=0, low=1),
    "data.labels_per_class": Field(None, kind=0, low=1),
}
# All that says which images are labelled.
LABELLED: dict[str, Field] = {
    **SELECTIONS,
    "data.labels_seed": Field(0, low=0),
    "data.stratified": Field(False),
    "data.fold": Field(None, kind=0, low=0),
}
WARM_START = "train.warm_start"
# One of them says how long a training is.
LENGTHS: dict[str, Field] = {
    "train.epochs": Field(10, within=(1, 10**6)),
    "train.steps": Field(None, kind=0, within=(1, 10**7)),
}
# How a training is validated, and which of its networks is kept.
VALIDATION: dict[str, Field] = {
    "train.validate_every": Field(None, kind=0, low=1),  # epochs
    "train.patience": Field(None, kind=0, low=1),  # validations
    "train.keep": Field("last", allowed=("last", "best")),
}
# How a run is executed, which may change from one call to the next.
EXECUTION: dict[str, Field] = {
    "train.width": Field(None),  # a number, or auto
    "train.memory_share": Field(0.75, within=(0.01, 1)),
    "train.feed": Field("auto", allowed=("auto", "device", "host")),  # where training images lie
    "train.checkpoint_every": Field(None, kind=0, low=1),
}
# What is scored, and by what.
SCORING: dict[str, Field] = {
    "eval.protocols": Field(("thesis", "labelled")),
    "eval.classifiers": Field(("knn",)),
    "eval.embeddings": Field(("mean",), allowed=tuple(EMBEDDINGS)),
    "eval.split": Field("test", allowed=("test", "validation")),
    "eval.parameters": Field("last", allowed=("last", "average")),
    "eval.baselines": Field(tuple(BASELINES), allowed=tuple(BASELINES)),
    **{f"eval.{name}": Field(usual, low=1) for name, usual in DEFAULTS._asdict().items()},
}
# What systems with a metric loss read: how batches of labelled images are drawn.
SAMPLER: dict[str, Field] = {
    "train.sampler": Field("uniform", allowed=("uniform", "balanced")),
    "train.classes_per_batch": Field(None, kind=0, low=2),
}
# Fields that every system reads.
COMMON: dict[str, Field] = {
    "seed": Field(0, within=(0, 2**31 - 1)),
    "terms": Field(None, kind=("metric",)),
    "data.name": Field("digits"),
    "data.validation": Field(0, low=0),
    "data.invariances": Field(None, kind=("shift",)),
    **LABELLED,
    "augment.weak": Field(None, kind=""),
    "augment.strong": Field(None, kind=""),
    **LENGTHS,
    "train.batch_size": Field(128, low=1),
    "train.unlabelled_batch_size": Field(None, kind=0, low=1),
    "train.learning_rate": Field(1e-3, low=0),
    "train.average": Field(None, kind=0.0, within=(0, 1)),
    "train.precision": Field("float32", allowed=("float32", "bfloat16")),
    WARM_START: Field(None, kind=""),  # the folder of a finished point's files
    **VALIDATION,
    **EXECUTION,
    **SCORING,
}
PATH = "data.path"  # the option of a data set that says where its files lie
# Paths on this machine, which may be others on another: their last part says what they lead to.
PLACES = (PATH, WARM_START)


def last_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by path, with the last part of each of `PLACES` only.

    >>> last_parts({"seed": 0, "data.path": "/home/me/photos"})
    {'seed': 0, 'data.path': 'photos'}
    """
    return {**values, **{path: last_part(values[path]) for path in PLACES if values.get(path)}}


def last_part(path: str) -> str:
    """The name of a file or folder; of one that has none, like `.`, the path.

    Bytes that are no UTF-8 are written as escapes.
    """
    return os.fsencode(Path(path).name or path).decode(errors="backslashreplace")


def usual(fields: Mapping[str, Field]) -> dict[str, Any]:
    """The defaults of fields.

    >>> usual(LENGTHS)
    {'train.epochs': 10, 'train.steps': None}
    """
    return {path: field.default for path, field in fields.items()}


def meant(path: str, known_paths: Collection[str]) -> list[str]:
    """The fields that may be meant by a path that names none, the likeliest first.

    They have its last word, perhaps in another section, or a word that others use for it; or they
    are spelt much like it; or they are of its section. If there are none, all sections are given.

    >>> meant("train.optimizer", ["optimizer.name", "train.batch_size", "train.steps"])
    ['optimizer.name']
    >>> meant("epochs", ["train.epochs", "seed"]), meant("data.labelled_share", LABELLED)
    (['train.epochs'], ['data.labelled_percent'])
    """
    section, _, last = path.rpartition(".")
    words = {last, *(ours for others, ours in WORDS.items() if last in others)}
    exact = [
        known
        for known in sorted(known_paths)
        if known.rpartition(".")[2] in words or known.removesuffix(".name") in words
    ]
    near = exact or difflib.get_close_matches(path, known_paths, 1)
    inside = sorted(known for known in known_paths if known.rpartition(".")[0] == section != "")
    return near or inside or sorted({known.partition(".")[0] for known in known_paths})


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, from dotted paths to values.

    Raises:
      ConfigError: if a key is no word.

    >>> flatten({"seed": 0, "loss": {"margin": 0.2}})
    {'seed': 0, 'loss.margin': 0.2}
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if not isinstance(key, str):
            raise ConfigError(f"the name of a field must be a word, but is {key!r}")
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
