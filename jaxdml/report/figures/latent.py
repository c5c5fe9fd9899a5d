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
MOST_CLASSES = 40  # that have a colour, a number and a name; of more, those with most images
MOST_LETTERS = 40  # of a class's name in the legend
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
    the prior's components (the thesis's Figure 6.2). Of more than `MOST_CLASSES` classes those with
    most test images look so; images of the others are grey.

    Args:
      panels: at least one.
      classes: the name of class i.
    """
    across = min(len(panels), 4 if len(panels) > 6 else 3)
    down = math.ceil(len(panels) / across)
    figure = Figure(figsize=(3.6 * across, 3.75 * down + 0.5), layout="constrained", dpi=110)
    axes = np.ravel(figure.subplots(down, across, squeeze=False))
    coloured = _most_frequent([panel.test_labels for panel in panels], len(classes))
    for axis, panel in zip(axes, panels, strict=False):
        _scatter(axis, panel, coloured, len(classes))
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    look: dict[str, Any] = {"ls": "", "ms": 5}
    handles = [
        Line2D([], [], label=_named(i, classes[i]), **look, **_look(rank))
        for rank, i in enumerate(coloured)
    ]
    if others := len(classes) - len(coloured):
        plural = "es" * (others > 1)
        handles.append(Line2D([], [], label=f"{others:,} other class{plural}", **look, **_OTHERS))
    look |= {"marker": "o", "markerfacecolor": "white", "markeredgecolor": "black"}
    handles.append(Line2D([], [], label="labelled training image", **look))
    if any(panel.prior is not None for panel in panels):
        handles.append(Line2D([], [], color="black", lw=1.2, label="prior, one σ"))
    width, height = _legend(figure, handles, 4 * across)
    figure.set_size_inches(max(3.6 * across, width), 3.75 * down + max(0.5, height + 0.1))
    return figure


def _legend(figure: Figure, handles: Sequence[Line2D], most_columns: int) -> tuple[float, float]:
    """Puts a legend below, in as many columns as there is room for.

    Returns:
      its width and height in inches.
    """
    for columns in range(min(len(handles), most_columns), 0, -1):
        legend = figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=columns,
            fontsize=8,
            frameon=False,
            handletextpad=0.2,
            columnspacing=1.0,
        )
        extent = legend.get_window_extent()
        if extent.width <= figure.bbox.width or columns == 1:
            break
        legend.remove()
    return extent.width / figure.dpi, extent.height / figure.dpi


def _most_frequent(labels: Sequence[np.ndarray], classes: int) -> list[int]:
    """The classes that are coloured, in the order of their numbers."""
    counts = np.bincount(np.concatenate(labels), minlength=classes)
    return sorted(np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist())


def _scatter(axis: Axes, panel: Panel, coloured: Sequence[int], classes: int) -> None:
    random = np.random.default_rng(0)
    test_rows = random.permutation(len(panel.test))[:_POINTS_SHOWN]
    few = random.permutation(len(panel.labelled))[: LABELLED_SHOWN * classes][:_POINTS_SHOWN]
    test, test_labels = panel.test[test_rows], panel.test_labels[test_rows]
    labelled, labelled_labels = panel.labelled[few], panel.labelled_labels[few]
    size = float(np.clip(4000 / max(len(test_rows), 1), 3, 14))
    others = np.setdiff1d(np.arange(classes), coloured)
    of_one = [(np.array([i]), _look(rank), 26) for rank, i in enumerate(coloured)]
    for members, look, labelled_size in ((others, _OTHERS, 10), *of_one):
        x, y = test[np.isin(test_labels, members)].T
        axis.scatter(x, y, s=size, alpha=0.6, linewidths=0, rasterized=True, **look)
        x, y = labelled[np.isin(labelled_labels, members)].T
        axis.scatter(x, y, s=labelled_size, edgecolors="black", linewidths=0.8, **look)
    limits = axis.get_xlim(), axis.get_ylim()
    if panel.prior is not None:
        for mean, covariance in zip(*panel.prior, strict=True):
            values, vectors = np.linalg.eigh(covariance)
            width, height = 2 * np.sqrt(np.maximum(values, 0))
            angle = np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0]))
            axis.add_patch(Ellipse(tuple(mean), width, height, angle=angle, fill=False, lw=1.2))
    axis.set(xlim=limits[0], ylim=limits[1])  # of the embeddings: a prior may be far larger
    for rank, i in enumerate(coloured):
        own = panel.test[panel.test_labels == i]
        if not len(own):
            continue
        x, y = np.median(own, axis=0)
        edge = style.colour(rank)
        box = {"boxstyle": "circle,pad=0.18", "fc": "white", "ec": edge, "alpha": 0.85}
        axis.annotate(
            str(i), (x, y), ha="center", va="center", fontsize=9, fontweight="bold", bbox=box
        )
    axis.set_title(panel.title, fontsize=9)
    axis.set_xlabel(panel.space, fontsize=8)
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)


_OTHERS: dict[str, Any] = {"color": "#c8c8c8", "marker": "o"}  # classes without a colour


def _look(i: int) -> dict[str, Any]:
    """The colour and the marker of the i-th class that has them."""
    return {"color": style.colour(i), "marker": style.marker(i)}


def _named(number: int, name: str) -> str:
    short = name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"
    return name if name == str(number) else f"{number} {short}"
