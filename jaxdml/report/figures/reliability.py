"""How often predictions of about the same confidence are right, before and after calibration.

Where confidence means what it says, marks lie on the diagonal. Guo et al. (2017), *On Calibration
of Modern Neural Networks*.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxdml.report.figures import style

ACROSS = 4
_COLOURS = (5, 0)  # of the probabilities before and after


class Panel(NamedTuple):
    """One setting."""

    title: str
    # what the probabilities are → f64[3, B]: of each bin that holds predictions their mean
    # confidence, the share that is right, and their number
    bins: Mapping[str, np.ndarray]


def draw(panels: Sequence[Panel]) -> Figure | None:
    """A column for each setting: accuracy against confidence, and below how many predictions.

    Returns:
      `None` if there is no panel.
    """
    if not panels:
        return None
    across = min(len(panels), ACROSS)
    down = math.ceil(len(panels) / across)
    figure = Figure(figsize=(3.6 * across, 4.4 * down + 0.3), layout="constrained", dpi=110)
    axes = figure.subplots(
        2 * down, across, squeeze=False, sharex=True, height_ratios=[3, 1] * down
    )
    for axis in axes.flat:
        axis.set_visible(False)
    for i, panel in enumerate(panels):
        upper, lower = axes[2 * (i // across) : 2 * (i // across) + 2, i % across]
        _panel(upper, lower, panel)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


def _panel(upper: Axes, lower: Axes, panel: Panel) -> None:
    upper.plot([0, 1], [0, 1], color="0.6", lw=0.9, ls=":")
    shifts, gaps = (-0.011, 0.011), []
    for shift, number, (label, bins) in zip(shifts, _COLOURS, panel.bins.items(), strict=True):
        confidence, accuracy, count = bins
        gaps.append(f"{(np.abs(confidence - accuracy) * count).sum() / count.sum():.3f}")
        look = {"color": style.colour(number), "marker": style.marker(number), "clip_on": False}
        upper.plot(confidence, accuracy, ms=5, lw=1.4, label=label, **look)
        bars = {"color": style.colour(number), "clip_on": False}
        lower.bar(confidence + shift, count, width=0.02, **bars)
    upper.set_title(f"{panel.title}\noff by {gaps[0]}, then by {gaps[1]} on average", fontsize=9)
    upper.set(xlim=(0, 1), ylim=(0, 1))
    upper.set_ylabel("accuracy", fontsize=8)
    lower.set_ylabel("images", fontsize=8)
    lower.set_xlabel("confidence", fontsize=8)
    lower.tick_params(labelbottom=True)
    for axis in (upper, lower):
        axis.set_visible(True)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
