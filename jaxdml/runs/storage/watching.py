"""How far a run is that another process trains, from the files that it leaves; nothing is locked.

    2/8 points · epoch 40/60 of 3 points · loss 0.31 · validation 0.82

Epochs are those of the last checkpoint.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdml.options import ConfigError
from jaxdml.runs.storage import files, folder


class Chunk(NamedTuple):
    """Points that are trained together, at their last checkpoint."""

    epoch: int
    epochs: int  # of the whole training
    points: int
    loss: float | None  # the mean over points that are still trained, in the last epoch
    validation: float | None  # the mean accuracy of these, in their last validation


class Progress(NamedTuple):
    """How far a run is."""

    points: int  # in its plan so far; 0: it has none yet
    finished: int  # how many of them have a result
    chunks: tuple[Chunk, ...]  # those under way

    @property
    def over(self) -> bool:
        """Whether all points are finished."""
        return self.finished == self.points > 0

    def line(self) -> str:
        """The progress as one line.

        >>> Progress(8, 2, (Chunk(40, 60, 3, 0.314, None),)).line()
        '2/8 points · epoch 40/60 of 3 points · loss 0.314'
        """
        parts = [f"{self.finished}/{self.points} points"]
        for chunk in self.chunks:
            some = f"{chunk.points} point{'s' * (chunk.points != 1)}"
            parts.append(f"epoch {chunk.epoch}/{chunk.epochs} of {some}")
            if chunk.loss is not None:
                parts.append(f"loss {chunk.loss:.4g}")
            if chunk.validation is not None:
                parts.append(f"validation {chunk.validation:.3f}")
        return " · ".join(parts)


def progress(run_folder: folder.Folder) -> Progress:
    """How far a run is now. What another process replaces meanwhile is left out.

    >>> progress(folder.Folder(Path("nowhere")))
    Progress(points=0, finished=0, chunks=())
    """
    try:
        points = list(run_folder.plan()["points"])
    except ConfigError:  # it is gone: the run has begun anew
        points = []
    finished = sum((run_folder.point(point) / "result.json").exists() for point in points)
    found = (_chunk(file.parent) for file in sorted(run_folder.checkpoints.glob("*/progress.json")))
    return Progress(len(points), finished, tuple(chunk for chunk in found if chunk is not None))


def _chunk(saved: Path) -> Chunk | None:
    """The chunk whose checkpoints a folder holds, or `None` where they have just been cleaned."""
    try:
        stored = files.read_json(saved / "progress.json")
        records = _whole_lines(saved / "history.jsonl")
    except (ConfigError, OSError):
        return None
    done = [record for record in records if record["epoch"] <= stored["epoch"]]
    losses = [record["loss"] for record in done if "loss" in record]
    validations = [record["validation"] for record in done if "validation" in record]
    return Chunk(
        stored["epoch"],
        stored["epochs"],
        len(stored["points"]),
        _mean(losses[-1]) if losses else None,
        _mean(validations[-1]) if validations else None,
    )


def _whole_lines(file: Path) -> list[Mapping[str, Any]]:
    """The records of a file to which another process may be adding one."""
    lines = file.read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
