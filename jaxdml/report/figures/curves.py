"""Losses and validations over epochs, phases shaded (the thesis's Figure 6.3)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from jaxdml.report.figures import style

QUANTITIES = ("metric", "reconstruction", "kl", "validation")
ACROSS = 4
_GREYS = ("#ffffff", "#d9d9d9", "#eeeeee", "#c4c4c4")


class Curves(NamedTuple):
    """One setting."""

    title: str
    epochs: np.ndarray  # i32[E]
    phases: Sequence[str]  # of each epoch
    # quantity → f64[S, E], a row for each seed; NaN where it was not read, or the seed had stopped
    losses: dict[str, np.ndarray]


def draw(settings: Sequence[Curves]) -> Figure | None:
    """A column for each setting, a row for each quantity.

    A thin line is a seed, a thick one their mean.

    Returns:
      `None` if nothing was trained for more than one epoch.
    """
    shown = [
        setting
        for setting in settings
        if len(setting.epochs) > 1 and any(_read(setting, q) for q in QUANTITIES)
    ]
    if not shown:
        return None
    across = min(len(shown), ACROSS)
    blocks = [shown[start : start + across] for start in range(0, len(shown), across)]
    names = [
        [q for q in QUANTITIES if any(_read(setting, q) for setting in block)] for block in blocks
    ]
    rows = [len(read) for read in names]
    phases = list(dict.fromkeys(phase for setting in shown for phase in setting.phases))
    figure = Figure(
        figsize=(1.0 + 3.0 * across, 0.6 + 1.8 * sum(rows)), layout="constrained", dpi=110
    )
    parts = figure.subfigures(len(blocks), 1, squeeze=False, height_ratios=rows)[:, 0]
    for part, block, read in zip(parts, blocks, names, strict=True):
        axes = part.subplots(len(read), across, squeeze=False, sharex=True, sharey="row")
        for axis in axes.flat:
            axis.set_visible(False)
        for column, setting in enumerate(block):
            panels = [
                (axes[read.index(name), column], name) for name in read if _read(setting, name)
            ]
            for axis, name in panels:
                axis.set_visible(True)
                _panel(axis, setting, name, phases)
                axis.set_ylabel(name, fontsize=8)
                axis.tick_params(labelleft=True)
            panels[0][0].set_title(setting.title, fontsize=9)
            panels[-1][0].set_xlabel("epoch", fontsize=8)
            panels[-1][0].tick_params(labelbottom=True)
    handles = [Patch(label=phase, **_shade(i)) for i, phase in enumerate(phases)]
    handles[0].set_linewidth(0.5)  # white would not be seen
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def _read(setting: Curves, name: str) -> bool:
    return name in setting.losses and not np.isnan(setting.losses[name]).all()


def _panel(axis: Axes, setting: Curves, name: str, phases: Sequence[str]) -> None:
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0)
    for epoch, phase in zip(setting.epochs, setting.phases, strict=True):
        axis.axvspan(epoch - 0.5, epoch + 0.5, **_shade(phases.index(phase)))
    values, colour = setting.losses[name], style.colour(2 * QUANTITIES.index(name))
    mask = ~np.isnan(values).all(axis=0)
    marker = "." if mask.sum() == 1 else "None"  # a line of one point would not be seen
    for seed in values:
        axis.plot(setting.epochs[mask], seed[mask], color=colour, lw=0.7, alpha=0.6, marker=marker)
    mean = np.nanmean(values[:, mask], axis=0)
    axis.plot(setting.epochs[mask], mean, color=colour, lw=1.8, marker=marker)


def _shade(i: int) -> dict[str, Any]:
    return {"facecolor": _GREYS[i % len(_GREYS)], "edgecolor": "#999999", "lw": 0}
