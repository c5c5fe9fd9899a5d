"""More training of a finished point: another point, which begins with its network."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdml.options import ConfigError, at_least
from jaxdml.settings import assembly
from jaxdml.settings.fields import WARM_START
from jaxdml.settings.setting import Setting

LEAST = 0.01  # of the learning rate: with less, nothing would be learned


def extension(
    setting: Setting, parent: str, paths: Sequence[str], length: int, steps: int
) -> dict[str, tuple[Any, ...]]:
    """What differs from a base configuration where one of its points is trained further.

    The learning rate is constant, as it was in the last step.

    Args:
      setting: of the finished point.
      parent: the folder of its files.
      paths: of the grid that it is of.
      length: so many epochs more; or steps, where its length is counted in steps.
      steps: how many it was trained for.

    Returns:
      A grid's mapping of a single point.

    Raises:
      ConfigError: if `length` is no number ≥ 1, or its learning rate ended near zero.
    """
    try:
        at_least("--extend", length, 1)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    optimizer = assembly.assemble(setting, (1, 1, 1), 1).optimizer
    rate = float(np.asarray(optimizer.rate(jnp.asarray(max(steps, 1) - 1), steps)))
    if rate < LEAST * setting["train.learning_rate"]:
        raise ConfigError(
            f"the learning rate of {parent} ended near zero (optimizer.schedule="
            f"{setting['optimizer.schedule']}), and more steps with that would change nothing: "
            "begin another training with it by --warm_start"
        )
    fixed = ("eval.", "data.fold")
    own = {path: (setting[path],) for path in paths if path in setting and setting[path] is not None
           and not path.startswith(fixed)}  # fmt: skip
    counted = "train.epochs" if setting["train.steps"] is None else "train.steps"
    changes: Mapping[str, Any] = {
        WARM_START: parent,
        counted: length,
        "train.learning_rate": rate,
        "optimizer.schedule": "constant",
    }
    if setting.get("optimizer.warmup_steps") is not None:
        changes = {**changes, "optimizer.warmup_steps": 1}
    return own | {path: (value,) for path, value in changes.items()}
