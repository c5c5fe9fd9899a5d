"""What is told of a finished run, whatever tool it is told to; no logic."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Embedding(NamedTuple):
    """Some test images, and where they lie."""

    z: np.ndarray  # f32[N, D]
    classes: Sequence[str]  # N names
    rows: np.ndarray  # i64[N], of the scored images
    images: np.ndarray | None  # u8[N, H, W, C], where the data set is here


class Point(NamedTuple):
    """One training."""

    id: str
    name: str  # its setting and seed, in words
    status: str  # ok, diverged or failed
    message: str  # why, or what is worth knowing; may be empty
    config: Mapping[str, Any]  # resolved: path → value
    varied: Mapping[str, Any]  # what the grid varies: path → value
    history: Sequence[tuple[int, Mapping[str, float]]]  # epoch, name → finite value
    scores: Mapping[str, float]  # protocol_classifier_embedding_metric → value
    pictures: Mapping[str, np.ndarray]  # title → u8[H, W, C]
    embedding: Embedding | None

    @property
    def epoch(self) -> int:
        """The last one."""
        return self.history[-1][0] if self.history else 0


class Run(NamedTuple):
    """All points of a run folder."""

    name: str
    text: str  # Markdown
    points: Iterable[Point]  # read one after the other, once
    figures: Mapping[str, Path]  # title → PNG
