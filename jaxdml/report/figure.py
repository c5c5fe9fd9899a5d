"""The latent space as a picture: one panel a setting, coloured by class, labelled images marked."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdml.report.summary import Group, measure

MOST_PANELS = 12
LABELLED_SHOWN = 12  # for each class, on average: more would cover the test images
_POINTS_SHOWN = 3000


class Panel(NamedTuple):
    """One scatter."""

    title: str
    space: str  # what the axes are
    test: np.ndarray  # f32[M, 2]
    test_labels: np.ndarray  # i32[M]
    labelled: np.ndarray  # f32[L, 2]
    labelled_labels: np.ndarray  # i32[L]


def title(group: Group, seed: int, score: Mapping[str, Any] | None) -> str:
    """A setting in words, with one score of the point that is shown."""
    said = [_word(path, value) for path, value in group.setting.items() if value is not None]
    text = " · ".join(said) or "one point"
    if score is not None:
        name = measure(score).words
        text += f"\n{name} {score['value']:.3f} (seed {seed})"
    return text


def _word(path: str, value: Any) -> str:
    if path == "data.labelled_percent":
        return f"{value:g} % labelled"
    if path == "data.labelled_count":
        return f"{value} labelled"
    if isinstance(value, str):
        return value
    return f"{path.rpartition('.')[2]} {value}"


def latent_space(panels: Sequence[Panel], classes: Sequence[str], path: Path) -> None:
    """Draws the panels and writes them as PNG or SVG, as the path's ending says.

    A class is told by its number at the median of its points as well as by its colour; the labelled
    training images have a black edge.

    Args:
      panels: at most `MOST_PANELS` are drawn.
      classes: the name of class i.
      path: where to; its folder exists.

    Raises:
      ImportError: if matplotlib (the extra `plot`) is not installed.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    shown = panels[:MOST_PANELS]
    across = min(len(shown), 4 if len(shown) > 6 else 3)
    down = math.ceil(len(shown) / across)
    colours = mpl.colormaps["tab20" if len(classes) > 10 else "tab10"]
    colour = [colours(i % colours.N) for i in range(len(classes))]
    figure = Figure(figsize=(3.6 * across, 3.75 * down + 0.5), layout="constrained", dpi=110)
    axes = np.ravel(figure.subplots(down, across, squeeze=False))
    random = np.random.default_rng(0)
    for axis, panel in zip(axes, shown, strict=False):
        some = random.permutation(len(panel.test))[:_POINTS_SHOWN]
        size = float(np.clip(4000 / len(some), 3, 14))
        axis.scatter(
            *panel.test[some].T,
            s=size,
            c=[colour[i] for i in panel.test_labels[some]],
            alpha=0.6,
            linewidths=0,
            rasterized=True,
        )
        few = random.permutation(len(panel.labelled))[: LABELLED_SHOWN * len(classes)]
        axis.scatter(
            *panel.labelled[few].T,
            s=26,
            c=[colour[i] for i in panel.labelled_labels[few]],
            edgecolors="black",
            linewidths=0.8,
        )
        for i in np.unique(panel.test_labels):
            x, y = np.median(panel.test[panel.test_labels == i], axis=0)
            axis.annotate(
                str(i),
                (x, y),
                ha="center",
                va="center",
                fontsize=9,
                fontweight="bold",
                bbox={"boxstyle": "circle,pad=0.18", "fc": "white", "ec": colour[i], "alpha": 0.85},
            )
        axis.set_title(panel.title, fontsize=9)
        axis.set_xlabel(panel.space, fontsize=8)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    handles = [
        Line2D([], [], marker="o", ls="", ms=5, color=colour[i], label=_legend(i, name))
        for i, name in enumerate(classes)
    ]
    edge: dict[str, Any] = {
        "marker": "o",
        "ls": "",
        "ms": 6,
        "markerfacecolor": "white",
        "markeredgecolor": "black",
    }
    handles.append(Line2D([], [], label="labelled training image", **edge))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 4 * across),
        fontsize=8,
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.0,
    )
    figure.savefig(path)


def _legend(number: int, name: str) -> str:
    return name if name == str(number) else f"{number} {name}"
