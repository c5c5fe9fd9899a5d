"""Losses over epochs, with the phases shaded (the thesis's Figure 6.3)."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from jaxdml.report.figures import style

QUANTITIES = ("metric", "reconstruction", "kl")
MOST_PANELS = 12
ACROSS = 4
_GREYS = ("#ffffff", "#d9d9d9", "#eeeeee", "#c4c4c4")


class Curves(NamedTuple):
    """One setting."""

    title: str
    epochs: np.ndarray  # i32[E]
    phases: Sequence[str]  # of each epoch
    losses: dict[str, np.ndarray]  # quantity → f32[S, E], a row for each seed; NaN where not read


def draw(settings: Sequence[Curves]) -> Figure | None:
    """A column for each setting, a row for each loss; a thin line a seed, a thick one their mean.

    Returns:
      `None` if nothing was trained for more than one epoch.
    """
    shown = [one for one in settings if len(one.epochs) > 1][:MOST_PANELS]
    names = [q for q in QUANTITIES if any(q in one.losses for one in shown)]
    if not names:
        return None
    phases = list(dict.fromkeys(phase for one in shown for phase in one.phases))
    across = min(len(shown), ACROSS)
    figure = Figure(
        figsize=(1.0 + 3.0 * across, 0.6 + 1.8 * len(names) * math.ceil(len(shown) / across)),
        layout="constrained",
        dpi=110,
    )
    blocks = figure.subfigures(math.ceil(len(shown) / across), 1, squeeze=False)[:, 0]
    for block, start in zip(blocks, range(0, len(shown), across), strict=True):
        axes = block.subplots(len(names), across, squeeze=False, sharex=True, sharey="row")
        for column in range(across):
            for row, name in enumerate(names):
                axis = axes[row, column]
                if start + column < len(shown):
                    _panel(axis, shown[start + column], name, phases)
                    axis.tick_params(labelleft=True)
                else:
                    axis.set_visible(False)
                if column == 0:
                    axis.set_ylabel(name, fontsize=8)
            if start + column < len(shown):
                axes[0, column].set_title(shown[start + column].title, fontsize=9)
                axes[-1, column].set_xlabel("epoch", fontsize=8)
    handles = [Patch(label=phase, **_shade(i)) for i, phase in enumerate(phases)]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def _panel(axis: Axes, one: Curves, name: str, phases: Sequence[str]) -> None:
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0)
    for epoch, phase in zip(one.epochs, one.phases, strict=True):
        axis.axvspan(epoch - 0.5, epoch + 0.5, **_shade(phases.index(phase)))
    if name not in one.losses:
        axis.text(0.5, 0.5, "not read", transform=axis.transAxes, ha="center", fontsize=8)
        return
    values, colour = one.losses[name], style.colour(2 * QUANTITIES.index(name))
    known = ~np.isnan(values).all(axis=0)
    for seed in values:
        axis.plot(one.epochs[known], seed[known], color=colour, lw=0.7, alpha=0.6)
    axis.plot(one.epochs[known], np.nanmean(values[:, known], axis=0), color=colour, lw=1.8)


def _shade(i: int) -> dict[str, Any]:
    edge = "#999999" if i == 0 else "none"  # white would not be seen in the legend
    return {"facecolor": _GREYS[i % len(_GREYS)], "edgecolor": edge, "lw": 0}
