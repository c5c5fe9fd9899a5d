"""Scores against the number of labels, one line a method with its 95 % interval."""

from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from jaxdml.report.figures import style
from jaxdml.report.tables.statistics import Estimate

MOST_LINES = 10

Line = Mapping[float, Estimate]  # number of labels, or their percentage → score


def draw(panels: Mapping[str, Mapping[str, Line]], unit: str) -> Figure | None:
    """A panel for each score, side by side.

    Args:
      panels: name of the score → method → line.
      unit: what the numbers of labels count.

    Returns:
      `None` if no line has two points.
    """
    shown = {
        name: dict(list(lines.items())[:MOST_LINES])
        for name, lines in panels.items()
        if any(len(line) > 1 for line in lines.values())
    }
    if not shown:
        return None
    methods = list(dict.fromkeys(method for lines in shown.values() for method in lines))
    figure = Figure(figsize=(1 + 3.6 * len(shown), 4.2), layout="constrained", dpi=110)
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for axis, (name, lines) in zip(axes, shown.items(), strict=True):
        for method, line in lines.items():
            i = methods.index(method)
            x = sorted(line)
            y = [line[at].mean for at in x]
            look = {"color": style.colour(i), "marker": style.marker(i), "ls": style.line(i)}
            axis.plot(x, y, label=method, ms=5, lw=1.6, **look)
            sure = {at: band for at in x if (band := line[at].shown) is not None}
            if sure:
                low, high = zip(*sure.values(), strict=True)
                axis.fill_between(list(sure), low, high, color=style.colour(i), alpha=0.15, lw=0)
        axis.set_xscale("log")
        ticks = sorted({at for line in lines.values() for at in line})
        axis.set_xticks(ticks)
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_xlabel(unit, fontsize=9)
        axis.set_title(name, fontsize=9)
        axis.tick_params(labelsize=8)
        axis.grid(axis="y", lw=0.4, alpha=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    handles, names = _legend(axes)
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure


def _legend(axes: Sequence[Axes]) -> tuple[list[Artist], list[str]]:
    handle_by_name: dict[str, Artist] = {}
    for axis in axes:
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True):
            handle_by_name.setdefault(name, handle)
    return list(handle_by_name.values()), list(handle_by_name)
