"""Early stopping: when the training of a point ends, and which of its networks is kept.

    epoch        5     10    15    20    25      train.validate_every=5, train.patience=2
    validation   0.61  0.70  0.68  0.70  –       the best one is that of epoch 10
    worse        0     0     1     2     –       the training ends after epoch 20

By train.keep=last the network of epoch 20 is kept, by train.keep=best that of epoch 10.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import jax
import numpy as np

from jaxdml.types import TrainState


class Standing(NamedTuple):
    """What the validations of one point have come to. The accuracy of one may be `None`."""

    epoch: int = 0  # the last one that was trained and validated
    best_epoch: int | None = None  # the first with the best accuracy
    validation: float | None = None  # the best accuracy, in [0, 1]
    worse: int = 0  # how many validations in a row were no better than the best one
    stopped: bool = False  # whether patience has run out

    def after(self, epoch: int, accuracy: float | None, patience: int | None) -> Self:
        """The standing after one more validation; a point that has stopped stays as it is.

        Args:
          epoch: the one that was validated, from 1.
          accuracy: in [0, 1]; `None` where there is none, as of a network that is not finite.
          patience: how many validations in a row may be no better; `None`: any number.

        >>> Standing().after(5, 0.7, 1).after(10, 0.7, 1)
        Standing(epoch=10, best_epoch=5, validation=0.7, worse=1, stopped=True)
        """
        if self.stopped:
            return self
        if accuracy is not None and (self.validation is None or accuracy > self.validation):
            return self._replace(epoch=epoch, best_epoch=epoch, validation=accuracy, worse=0)
        worse = self.worse + 1
        return self._replace(epoch=epoch, worse=worse, stopped=worse == patience)

    def record(self) -> dict[str, Any] | None:
        """What a result stores: the last epoch, the best one, and its accuracy.

        It is `None` where there was no validation.

        >>> Standing().after(5, 0.7, None).record()
        {'epoch': 5, 'best_epoch': 5, 'validation': 0.7}
        """
        stored = {name: getattr(self, name) for name in ("epoch", "best_epoch", "validation")}
        return stored if self.epoch else None


def due(setting: Mapping[str, Any], number: int, epochs: int) -> bool:
    """Whether epoch `number` of so many is followed by a validation; the last one always is.

    >>> [n for n in range(1, 8) if due({"train.validate_every": 3}, n, 7)]
    [3, 6, 7]
    """
    every = setting["train.validate_every"]
    return every is not None and (number % every == 0 or number == epochs)


def so_far(
    history: Sequence[Mapping[str, Any]], points: int, patience: int | None
) -> tuple[Standing, ...]:
    """The standing of each point of a chunk after some epochs.

    Args:
      history: of these epochs; after a validation `validation` lists an accuracy for each point.
      points: how many there are.
      patience: as for `Standing.after`.

    >>> so_far([{"epoch": 1}, {"epoch": 2, "validation": [0.5]}], 1, None)[0].best_epoch
    2
    """
    standings = [Standing()] * points
    for record in history:
        if "validation" in record:
            standings = [
                standing.after(record["epoch"], accuracy, patience)
                for standing, accuracy in zip(standings, record["validation"], strict=True)
            ]
    return tuple(standings)


class Standings(NamedTuple):
    """How the points of a chunk stand, and what they would end with now; in host memory."""

    points: tuple[Standing, ...]
    kept: TrainState | None  # leading axis P, without optimizer; `None`: there are no validations

    @property
    def running(self) -> np.ndarray:
        """Which points are still trained, bool[P]."""
        return np.array([not standing.stopped for standing in self.points])

    def after(self, states: TrainState, record: Mapping[str, Any], c: Mapping[str, Any]) -> Self:
        """The standings after a validation.

        `diverged` says what happened in all epochs of a point, also beside an earlier network.

        Args:
          states: after the epoch, without optimizer. Those of points that have stopped are not
            read.
          record: of the epoch, as in `so_far`.
          c: the configuration of any of the points.
        """
        assert self.kept is not None
        number, running = record["epoch"], self.running
        points = tuple(
            standing.after(number, accuracy, c["train.patience"])
            for standing, accuracy in zip(self.points, record["validation"], strict=True)
        )
        newest = running
        if c["train.keep"] == "best":
            newest = running & [standing.best_epoch in (number, None) for standing in points]

        def chosen(mask: np.ndarray, new: Any, old: Any) -> Any:
            return np.where(mask.reshape(-1, *[1] * (new.ndim - 1)), new, old)

        kept: TrainState = jax.tree.map(functools.partial(chosen, newest), states, self.kept)
        diverged = chosen(running, states.diverged, self.kept.diverged)
        return self._replace(points=points, kept=kept._replace(diverged=diverged))
