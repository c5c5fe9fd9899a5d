"""From a resolved configuration and its data set to what is trained."""

from collections.abc import Mapping
from typing import Any

from jaxdml import augment
from jaxdml.settings import assembly, config
from jaxdml.train import epoch, programs, streams
from jaxdml.types import Dataset, Method, Routine


def assembler(options: Mapping[str, Any], dataset: Dataset) -> programs.Assemble:
    """From a point's numbers to its method.

    Args:
      options: config path → value, all that all points share.
      dataset: what is trained on.
    """
    height, width, channels = dataset.train.x.shape[1:]
    known = augment.invariances_of(dataset, options.get("data.invariances"))

    def assemble(numbers: Mapping[str, Any]) -> Method:
        shape = height, width, channels
        return assembly.assemble({**options, **numbers}, shape, len(dataset.classes), known)

    return assemble


def sizes_of(
    resolved: Mapping[str, Any], dataset: Dataset, labelled: int | None, routine: Routine
) -> streams.Sizes:
    """What shapes the epochs of a training.

    Args:
      resolved: config path → value.
      dataset: what is trained on.
      labelled: how many images are labelled, where an epoch is a pass over them.
      routine: its phases.

    Raises:
      ConfigError: see `config.balanced`.
    """
    steps = resolved["train.steps"]
    sizes = streams.Sizes(
        resolved["train.batch_size"],
        len(dataset.train.y),
        labelled,
        config.balanced(resolved, len(dataset.classes)),
        resolved["train.unlabelled_batch_size"],
        None if steps is None else min(steps, config.EPOCH),
        steps,
    )
    if steps is None and resolved["optimizer.schedule"] != "constant":
        counts = epoch.lengths(routine, sizes, config.epochs(resolved))
        return sizes._replace(training=sum(counts))
    return sizes
