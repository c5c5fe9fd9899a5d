"""Losses as pure functions of arrays.

A metric loss is `loss(embeddings f32[B, D], labels i32[B], *, labelled bool[B] | None, …) →
f32[]`; a reconstruction loss is `loss(images, reconstruction, *, valid bool[B] | None, …) →
f32[]`. The tables name what a config can select; a user's own loss needs no entry here: a dotted
path finds it.
"""

from collections.abc import Callable
from typing import Any

from jaxdml.losses import triplet as _triplet
from jaxdml.losses.reconstruction import make_mse, mse
from jaxdml.losses.triplet import triplet

__all__ = ["METRIC", "RECONSTRUCTION", "mse", "triplet"]

METRIC: dict[str, Callable[..., Any]] = {"triplet": _triplet.make}
RECONSTRUCTION: dict[str, Callable[..., Any]] = {"mse": make_mse}
