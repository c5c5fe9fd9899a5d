"""Two records that answer for a configuration: what was asked, and what it comes to on data.

resolve(configuration) → Setting          complete and checked; it is what is stored, compared
setting.on(data set)   → SettingOnData    with numbers of images, steps and views
"""

import dataclasses
import functools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxdml import augment
from jaxdml.options import ConfigError
from jaxdml.settings import assembly, cross_checks, parts
from jaxdml.settings.fields import EXECUTION, LABELLED, PATH, WARM_START, last_part, last_parts
from jaxdml.train import epoch, step, streams
from jaxdml.types import Dataset, Method, Point, TrainState

EPOCH = 200  # steps of an epoch, where steps are counted
# Numbers that may be traced beside the options of parts; where `None`, there is no such number.
NUMBERS = ("train.learning_rate", "train.average")
# Fields that do not say what is trained.
NOT_TRAINING = ("eval.", *EXECUTION)
# Fields of `data` that do not say which images there are.
NOT_SOURCE = (*LABELLED, "data.invariances")
# Fields that differ between the points of a cohort without being numbers of an objective.
OF_A_POINT = ("seed", WARM_START, *LABELLED)
# What a setting answers that does not depend on them.
SHARED = ("_terms", "numbers", "static", "reads_labels")


@dataclass(frozen=True, eq=False)
class Setting(Mapping[str, Any]):
    """A complete configuration: the value of every config path that its system reads.

    There is no α without two losses, and no margin of an autoencoder: so two settings are the same
    training exactly if their values are equal.

    >>> from jaxdml.settings.resolve import resolve
    >>> setting = resolve({"system": "ae"})
    >>> setting["reconstruction.reduction"], setting.epochs, setting.reads_labels
    ('sum', 10, False)
    """

    values_of: Mapping[str, Any]
    unset: Mapping[str, Any]  # what each path would be if nothing had set it

    def __getitem__(self, path: str) -> Any:
        return self.values_of[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_of)

    def __len__(self) -> int:
        return len(self.values_of)

    def __getstate__(self) -> dict[str, Any]:
        return {"values_of": self.values_of, "unset": self.unset}  # what is cached is made anew

    def with_values(self, value_by_path: Mapping[str, Any]) -> "Setting":
        """The setting with other numbers or fields of `OF_A_POINT`; the rest is not found anew."""
        other = Setting({**self.values_of, **value_by_path}, self.unset)
        vars(other).update({name: getattr(self, name) for name in SHARED})
        if not value_by_path.keys().isdisjoint(self.numbers):
            vars(other)["numbers"] = {path: other[path] for path in self.numbers}
            del vars(other)["reads_labels"]
        return other

    @functools.cached_property
    def _terms(self) -> parts.Terms:
        return parts.instances(self)

    # ------------------------------------------------------------ its length

    @property
    def epochs(self) -> int:
        """How many epochs a training has; where steps are counted, of `EPOCH` steps each."""
        steps = self.values_of.get("train.steps")
        return int(self["train.epochs"]) if steps is None else math.ceil(steps / EPOCH)

    def steps_of_epoch(self, number: int) -> int | None:
        """How many steps epoch `number`, from 1, has where steps are counted; else `None`."""
        steps = self.values_of.get("train.steps")
        return None if steps is None else min(EPOCH, steps - EPOCH * (number - 1))

    @property
    def length(self) -> str:
        """The length of a training as text, like `train.epochs=10`."""
        path = "train.epochs" if self["train.steps"] is None else "train.steps"
        return f"{path}={self[path]}"

    # ------------------------------------------------------------ what may differ in a cohort

    @functools.cached_property
    def numbers(self) -> dict[str, float]:
        """The numbers that may differ inside one compiled program: config path → value.

        They are the options whose default is a float, the learning rate, and options that are
        numbers or `None`, where they are no `None`.
        """
        options = parts.options(self, self._terms)
        paths = {*NUMBERS, *parts.optional(self, self._terms)}
        paths |= {path for path, default in options.items() if isinstance(default, float)}
        return {path: self[path] for path in sorted(paths) if self.get(path) is not None}

    @functools.cached_property
    def static(self) -> tuple[tuple[str, Any], ...]:
        """The fields that shape the compiled program: (config path, value).

        Numbers, fields of a point like its seed, and fields of an evaluation do not.
        """
        varying = (*self.numbers, *OF_A_POINT)
        return tuple(
            (path, value)
            for path, value in self.values_of.items()
            if path not in varying and not path.startswith(NOT_TRAINING)
        )

    # ------------------------------------------------------------ its data

    @property
    def source(self) -> tuple[tuple[str, Any], ...]:
        """See the function `source`."""
        return source(self.values_of)

    @property
    def labelled_by(self) -> tuple[tuple[str, Any], ...]:
        """What says which of the images are labelled: (config path, value)."""
        return tuple((path, self[path]) for path in LABELLED)

    # ------------------------------------------------------------ what is the same as what

    @functools.cached_property
    def reads_labels(self) -> bool:
        """Whether a training depends on labels.

        It does not where no term reads labelled images, and where α = 1 leaves none of it.
        Validations are by the labelled images: a training that has some depends on labels.
        """
        if self["train.validate_every"] is not None:
            return True
        terms = self._terms
        if not parts.labels_read(terms):
            return False
        if any(set(term.sources) - {"true"} for term in terms.values()):
            return True
        user_terms = [term for term in terms.values() if term.kind is None]
        if parts.scored(terms) or any(map(parts.reads_labels, user_terms)):
            return True
        nothing_left = {
            "routine.alpha": 1.0,
            "routine.supervised": "weighted",
            "routine.supervised_data": "all",
            "routine.labelled_steps": "match",
        }
        return self.get("routine.name") not in ("joint", "alternate") or any(
            self.get(path, value) != value for path, value in nothing_left.items()
        )

    @functools.cached_property
    def training_fields(self) -> dict[str, Any]:
        """The fields that change what is trained; see the function `training_fields`."""
        return training_fields(self.values_of)

    @functools.cached_property
    def training(self) -> str:
        """A text that two settings share if they are the same training.

        If it reads no labels, it is the same training also of other labels.
        """
        if self.reads_labels:
            return self.training_text
        return as_text({p: v for p, v in self.training_fields.items() if p not in LABELLED})

    @functools.cached_property
    def training_text(self) -> str:
        """The fields that change what is trained, as text."""
        return as_text(self.training_fields)

    def on(self, dataset: Dataset) -> "SettingOnData":
        """The setting together with the sizes of a data set that a training needs.

        Raises:
          ConfigError: if the data set has vectors, and something reads images alone; if it has no
            images for the validations that are asked for; or if batches are far larger than it is.
        """
        cross_checks.refuse_large_batches(self, dataset.name, len(dataset.train.y))
        cross_checks.refuse_without_validation(self, dataset.name, len(dataset.validation.y))
        if dataset.columns is not None:
            cross_checks.refuse_images(self, dataset.name)
        height, width, channels = dataset.train.x.shape[1:]
        return SettingOnData(
            self,
            (height, width, channels),
            len(dataset.classes),
            len(dataset.train.y),
            augment.invariances_of(dataset, self["data.invariances"]),
        )


@dataclass(frozen=True)
class SettingOnData:
    """A setting together with the sizes of the data set that it is for."""

    setting: Setting
    image_shape: tuple[int, int, int]  # (H, W, C)
    classes: int
    images: int  # N, in the training set
    invariances: tuple[str, ...]  # what keeps an image's class

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def assemble(self, numbers: Mapping[str, Any]) -> Method:
        """The method with these numbers in place of the setting's; they may be traced."""
        values = {**self.setting, **numbers}
        return assembly.assemble(values, self.image_shape, self.classes, self.invariances)

    @functools.cached_property
    def method(self) -> Method:
        """The method with the setting's own numbers; its network computes in float32.

        It scores, embeds and exports what `assemble` has trained, whose precision may be another.
        """
        return self.assemble({**self.setting.numbers, "train.precision": "float32"})

    def template(self, rows: int) -> TrainState:
        """The shapes and dtypes of the states of so many points; leading axis P."""
        zero = jnp.zeros((), jnp.int32)
        any_point = Point(zero, {}, zero[None], zero[None], zero)
        images = jax.ShapeDtypeStruct((self.images, *self.image_shape), jnp.uint8)
        state = jax.eval_shape(lambda x: step.init(self.method, any_point, x), images)
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((rows, *leaf.shape), leaf.dtype), state
        )

    @property
    def balanced(self) -> tuple[int, int] | None:
        """How many classes a balanced batch has, and how many there are; else `None`.

        Raises:
          ConfigError: if so many classes leave no room for two images each.
        """
        if self.setting.get("train.sampler") != "balanced":
            return None
        size = self.setting["train.batch_size"]
        per_batch = min(self.setting["train.classes_per_batch"] or self.classes, self.classes)
        if size < 2 * per_batch:
            raise ConfigError(
                f"train.sampler=balanced needs two images of a class in a batch: {per_batch} "
                f"classes need train.batch_size to be at least {2 * per_batch}, but it is {size}"
            )
        return per_batch, self.classes

    def sizes(self, labelled: int | None = None) -> streams.Sizes:
        """The sizes that shape the epochs of a training.

        Args:
          labelled: how many images are labelled, where an epoch is a pass over them.

        Raises:
          ConfigError: see `balanced`.
        """
        setting, steps = self.setting, self.setting["train.steps"]
        sizes = streams.Sizes(
            setting["train.batch_size"],
            self.images,
            labelled,
            self.balanced,
            setting["train.unlabelled_batch_size"],
            None if steps is None else min(steps, EPOCH),
            steps,
        )
        if steps is None and setting["optimizer.schedule"] != "constant":
            counts = epoch.lengths(self.method.routine, sizes, setting.epochs)
            return sizes._replace(training=sum(counts))
        return sizes

    def record(self) -> dict[str, Any]:
        """What a result stores about the data set, as JSON, beside the setting itself."""
        return {
            "image_shape": list(self.image_shape),
            "classes": self.classes,
            "images": self.images,
            "invariances": list(self.invariances),
        }


def source(config: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """The fields of `data` that say which images there are, without those that select labels.

    What JSON has kept as a list is a tuple again.

    Args:
      config: a setting, or what a result has stored of one.

    >>> source({"data.name": "digits", "data.validation": 0, "data.labels_seed": 3})
    (('data.name', 'digits'), ('data.validation', 0))
    """
    return tuple(
        (path, tuple(value) if isinstance(value, list) else value)
        for path, value in config.items()
        if path.startswith("data.") and path not in NOT_SOURCE
    )


def dataset_name(config: Mapping[str, Any]) -> str:
    """What a data set is called: by the last part of its path, if it has one.

    Bytes of a path that are no UTF-8 are written as escapes, as in the names of its files.

    Args:
      config: a setting, or what a result has stored of one.

    >>> dataset_name({"data.name": "images", "data.path": "/home/me/photos"})
    'photos'
    """
    return last_part(config.get(PATH) or config["data.name"])


def training_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that change what is trained, without those of execution and of evaluation.

    Of paths of files the last part stays.

    Args:
      config: a setting, or what a run has stored of one.

    >>> training_fields({"seed": 0, "train.width": 4, "data.path": "/home/me/photos"})
    {'seed': 0, 'data.path': 'photos'}
    """
    kept = {path: value for path, value in config.items() if not path.startswith(NOT_TRAINING)}
    return last_parts(kept)


def as_text(values: Mapping[str, Any]) -> str:
    """The values as text, which is the same in any order, and for a list and a tuple.

    >>> as_text({"b": (1,), "a": 2}), as_text({"a": 2, "b": [1]})
    ('{"a": 2, "b": [1]}', '{"a": 2, "b": [1]}')
    """
    return json.dumps(values, sort_keys=True)
