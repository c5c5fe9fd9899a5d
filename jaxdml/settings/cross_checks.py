"""What is wrong with fields of a configuration that have the right type each by itself."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from jaxdml.evaluate.classifiers import check_classifier
from jaxdml.evaluate.protocols import find_protocol
from jaxdml.options import ConfigError, at_least, listed
from jaxdml.settings.fields import SELECTIONS, meant
from jaxdml.values import coerce

# Lists of names → what refuses a wrong one.
NAMES: dict[str, Callable[[str], Any]] = {
    "eval.protocols": find_protocol,
    "eval.classifiers": check_classifier,
}
# Encoders whose layers read neighbouring pixels.
OF_IMAGES = ("conv", "conv_small", "resnet")
LARGE_BATCH = 1024  # no batch of so many rows is refused
# Lists that name nothing twice.
DIFFERENT = (*NAMES, "eval.embeddings", "eval.baselines")


def check(read: Mapping[str, Any]) -> None:
    """Raises an error if fields contradict each other.

    Args:
      read: config path → value, all that a system reads.

    Raises:
      ConfigError: where they do not.
    """
    try:
        _check_training(read)
        _check_scoring(read)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    chosen = {path: read[path] for path in SELECTIONS if read[path] is not None}
    if len(chosen) > 1:
        listing = listed(f"{path}={value}" for path, value in chosen.items())
        raise ConfigError(f"{listing} contradict each other: set one of them, the others to None")


def _check_training(read: Mapping[str, Any]) -> None:
    passes = read.get("routine.labelled_steps") == "pass"
    if read["train.steps"] is not None and passes:
        raise ConfigError(
            "routine.labelled_steps=pass has epochs of one pass each, which train.steps does "
            "not count: set it to match, or train.epochs instead of train.steps"
        )
    if read.get("train.sampler") == "balanced" and passes:
        raise ConfigError(
            "routine.labelled_steps=pass visits every labelled image, which balanced batches "
            "do not: set it to match, or train.sampler to uniform"
        )
    if read["train.validate_every"] is None:
        for path, used in (
            ("train.patience", read["train.patience"] is not None),
            ("train.keep", read["train.keep"] == "best"),
        ):
            if used:
                raise ConfigError(
                    f"{path}={read[path]} needs validations: set train.validate_every, a number of "
                    f"epochs like 5, or leave {path} out"
                )
    width = read["train.width"]
    if width not in (None, "auto"):
        at_least("train.width", coerce("train.width", width, 1), 1)


def _check_scoring(read: Mapping[str, Any]) -> None:
    if read["eval.parameters"] == "average" and read["train.average"] is None:
        raise ConfigError(
            "eval.parameters=average needs an average of the weights: set train.average, like 0.999"
        )
    for path in DIFFERENT:
        if len(set(read[path])) < len(read[path]):
            raise ConfigError(f"{path} names something twice: {listed(read[path])}")
    for path, refuse in NAMES.items():
        for name in read[path]:
            refuse(name)
    if not read["eval.embeddings"]:
        raise ConfigError("eval.embeddings must name something: mean, sample, or both")
    if not read["eval.protocols"]:
        raise ConfigError("eval.protocols must name something: thesis, labelled, or others")


def refuse_unknown(
    paths: Collection[str], known_paths: Collection[str], elsewhere: Collection[str]
) -> None:
    """Raises an error for the first path that names no field.

    Args:
      paths: paths that are set.
      known_paths: all that there are. An option of a part that this system does not read is among
        them, since a grid may hold both.
      elsewhere: sections that other points of a grid read.

    Raises:
      ConfigError: for a field that there is not, with the one that may have been meant.
    """
    for path in paths:
        if path in known_paths or path.partition(".")[0] in elsewhere:
            continue
        near = listed(meant(path, known_paths))
        raise ConfigError(f"there is no field {path}; there is {near}")


def refuse_without_validation(values: Mapping[str, Any], name: str, count: int) -> None:
    """Makes sure that there are images to validate on, where a setting asks for validations.

    Args:
      values: config path → value.
      name: of the data set.
      count: how many validation images it has.

    Raises:
      ConfigError: if there are too few.

    >>> refuse_without_validation({"train.validate_every": None}, "photos", 0)
    """
    if values["train.validate_every"] is not None and count < 2:
        raise ConfigError(
            f"train.validate_every={values['train.validate_every']} needs validation images, and "
            f"two are the least, but {name} has {count or 'none'}: set data.validation to the "
            "number of labelled training images to set apart, like 100"
        )


def refuse_large_batches(values: Mapping[str, Any], name: str, images: int) -> None:
    """Makes sure that no batch is far larger than a data set: a step of it would take minutes.

    Args:
      values: config path → value.
      name: of the data set.
      images: how many training images it has.

    Raises:
      ConfigError: if one is.
    """
    most = max(images, LARGE_BATCH)
    for path in ("train.batch_size", "train.unlabelled_batch_size"):
        if (values.get(path) or 0) > most:
            raise ConfigError(
                f"{path} is {values[path]}, but {name} has {images:,} training images: "
                f"{most:,} is the most"
            )


def refuse_images(values: Mapping[str, Any], name: str) -> None:
    """Makes sure that nothing of a setting reads images alone, where a data set has vectors.

    Args:
      values: config path → value.
      name: of the data set.

    Raises:
      ConfigError: if something does.
    """
    if values["system"] == "few":
        raise ConfigError(
            f"system=few is the recipe for images, but {name} has vectors: few_vectors is that for "
            "vectors, and --config=vectors begins with it"
        )
    if values.get("model.encoder") in OF_IMAGES:
        raise ConfigError(
            f"model.encoder={values['model.encoder']} reads images, but {name} has vectors, whose "
            "columns have no order: begin with --config=vectors, or set model.encoder to mlp"
        )
    if values.get("reconstruction.name") == "bernoulli":
        raise ConfigError(
            f"reconstruction.name=bernoulli is of pixels in [0, 1], but {name} has vectors: set it "
            "to mse, or gaussian"
        )
    if values.get("prior.within"):
        raise ConfigError(
            f"prior.name=vamp keeps pseudo-inputs in [0, 1], but {name} has vectors: set "
            "prior.within to False"
        )
