"""The latent space: one panel a setting, classes told apart, labelled images and prior marked."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse

from jaxdml.report.figures import style

LABELLED_SHOWN = 12  # for each class, on average: more would cover the test images
MOST_COMPONENTS = 64
MOST_NAMES = 40  # of classes in the legend; the panels have all their numbers
_POINTS_SHOWN = 3000


class Ellipses(NamedTuple):
    """The prior's components in the plane: one standard deviation of each."""

    means: np.ndarray  # f32[K, 2]
    covariances: np.ndarray  # f32[K, 2, 2]


class Panel(NamedTuple):
    """One scatter."""

    title: str
    space: str  # what the axes are
    test: np.ndarray  # f32[M, 2]
    test_labels: np.ndarray  # i32[M]
    labelled: np.ndarray  # f32[L, 2]
    labelled_labels: np.ndarray  # i32[L]
    prior: Ellipses | None = None


def draw(panels: Sequence[Panel], classes: Sequence[str]) -> Figure:
    """The panels side by side.

    A class is told by its number at the median of its points, and by its marker, as well as by its
    colour; labelled training images have a black edge; black ellipses are one standard deviation of
    the prior's components (the thesis's Figure 6.2).

    Args:
      panels: at least one.
      classes: the name of class i.
    """
    across = min(len(panels), 4 if len(panels) > 6 else 3)
    down = math.ceil(len(panels) / across)
    figure = Figure(figsize=(3.6 * across, 3.75 * down + 0.5), layout="constrained", dpi=110)
    axes = np.ravel(figure.subplots(down, across, squeeze=False))
    for axis, panel in zip(axes, panels, strict=False):
        _scatter(axis, panel, len(classes))
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    look: dict[str, Any] = {"ls": "", "ms": 5}
    handles = [
        Line2D([], [], label=_legend(i, name), **look, **_look(i))
        for i, name in enumerate(classes[:MOST_NAMES])
    ]
    look |= {"marker": "o", "markerfacecolor": "white", "markeredgecolor": "black"}
    handles.append(Line2D([], [], label="labelled training image", **look))
    if any(panel.prior is not None for panel in panels):
        handles.append(Line2D([], [], color="black", lw=1.2, label="prior, one σ"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 4 * across),
        fontsize=8,
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.0,
    )
    return figure


def _scatter(axis: Axes, panel: Panel, classes: int) -> None:
    random = np.random.default_rng(0)
    test_rows = random.permutation(len(panel.test))[:_POINTS_SHOWN]
    few = random.permutation(len(panel.labelled))[: LABELLED_SHOWN * classes]
    size = float(np.clip(4000 / max(len(test_rows), 1), 3, 14))
    for i in range(classes):
        x, y = panel.test[test_rows[panel.test_labels[test_rows] == i]].T
        axis.scatter(x, y, s=size, alpha=0.6, linewidths=0, rasterized=True, **_look(i))
        x, y = panel.labelled[few[panel.labelled_labels[few] == i]].T
        axis.scatter(x, y, s=26, edgecolors="black", linewidths=0.8, **_look(i))
    limits = axis.get_xlim(), axis.get_ylim()
    if panel.prior is not None:
        for mean, covariance in zip(*panel.prior, strict=True):
            values, vectors = np.linalg.eigh(covariance)
            width, height = 2 * np.sqrt(np.maximum(values, 0))
            angle = np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0]))
            axis.add_patch(Ellipse(tuple(mean), width, height, angle=angle, fill=False, lw=1.2))
    axis.set(xlim=limits[0], ylim=limits[1])  # of the embeddings: a prior may be far larger
    for i in np.unique(panel.test_labels):
        x, y = np.median(panel.test[panel.test_labels == i], axis=0)
        box = {"boxstyle": "circle,pad=0.18", "fc": "white", "ec": style.colour(i), "alpha": 0.85}
        axis.annotate(
            str(i), (x, y), ha="center", va="center", fontsize=9, fontweight="bold", bbox=box
        )
    axis.set_title(panel.title, fontsize=9)
    axis.set_xlabel(panel.space, fontsize=8)
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)


def _look(i: int) -> dict[str, Any]:
    """The colour and the marker of class i."""
    return {"color": style.colour(i), "marker": style.marker(i)}


def _legend(number: int, name: str) -> str:
    return name if name == str(number) else f"{number} {name}"
