"""What a study asks, at a glance: a row for each setting, a block for each question."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxdml.report.figures import style
from jaxdml.report.tables.questions import Answer, Answered
from jaxdml.report.tables.statistics import EQUIVALENT

FIRST = "what the others are compared with"
_COLOUR = {"better": 0, "worse": 1, EQUIVALENT: 4}
_MARKER = {"better": "^", "worse": "v", EQUIVALENT: "D", "undecided": "o", "": ".", FIRST: "s"}
_LABEL = {
    FIRST: FIRST,
    "better": "better at equal seeds",
    "worse": "worse",
    EQUIVALENT: "equivalent",
    "undecided": "undecided",
    "": "too few pairs for a verdict",
}


def draw(answered: Mapping[str, Sequence[Answered]], chance: float | None = None) -> Figure | None:
    """Means over seeds with their intervals (`Estimate.shown`); colour and marker say the verdict.

    Args:
      answered: a score in words → the same questions; a panel each. Settings without a score have
        no point.
      chance: the score of who knows nothing.

    Returns:
      `None` if there is nothing to show.
    """
    rows = {measure: _rows(questions) for measure, questions in answered.items()}
    if not any(answer and answer.score for column in rows.values() for _, answer in column):
        return None
    named = next(iter(rows.values()))
    size = 3.6 + 4.4 * len(rows), 0.6 + 0.2 * len(named)
    figure = Figure(figsize=size, layout="constrained", dpi=110)
    axes = figure.subplots(1, len(rows), squeeze=False, sharey=True)[0]
    for axis, (measure, column) in zip(axes, rows.items(), strict=True):
        _panel(axis, column, chance)
        axis.set_xlabel(measure, fontsize=9)
    axes[0].set_yticks(range(len(named)), [name for name, _ in named], fontsize=7.5)
    for (_, answer), tick in zip(named, axes[0].get_yticklabels(), strict=True):
        if answer is None:
            tick.set_fontweight("bold")
    axes[0].set_ylim(len(named) - 0.4, -0.6)
    line_by_label: dict[str, Any] = {}
    for axis in axes:
        lines, labels = axis.get_legend_handles_labels()
        line_by_label |= dict(zip(labels, lines, strict=True))
    figure.legend(
        line_by_label.values(),
        line_by_label.keys(),
        loc="outside lower center",
        ncols=5,
        fontsize=8,
        frameon=False,
    )
    return figure


def _rows(questions: Sequence[Answered]) -> list[tuple[str, Answer | None]]:
    """A row for each question, and one for each of its settings."""
    rows: list[tuple[str, Answer | None]] = []
    for question, answers, _ in questions:
        rows += [(question, None), *((answer.name, answer) for answer in answers)]
    return rows


def _panel(axis: Axes, rows: Sequence[tuple[str, Answer | None]], chance: float | None) -> None:
    kinds_in_legend = set()
    for y, (_, answer) in enumerate(rows):
        if answer is None:
            continue
        axis.annotate(
            f"{answer.score.mean:.3f}" if answer.score else "none", (1.01, y),
            xycoords=("axes fraction", "data"), va="center", fontsize=7.5, annotation_clip=False,
        )  # fmt: skip
        if answer.score is None:
            continue
        kind = FIRST if answer.difference is None else answer.verdict
        colour = style.colour(_COLOUR.get(kind, 3))
        if answer.score.shown is not None:
            axis.plot(
                answer.score.shown, [y, y], color=colour, lw=2, alpha=0.5, solid_capstyle="butt"
            )
        label = None if kind in kinds_in_legend else _LABEL[kind]
        kinds_in_legend.add(kind)
        mark = _MARKER[kind]
        axis.plot([answer.score.mean], [y], mark, color=colour, ms=5.5, label=label)
    if chance is not None:
        axis.axvline(chance, color="0.4", lw=0.9, ls=":", label="chance")
    axis.tick_params(axis="x", labelsize=8)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", lw=0.4, alpha=0.6)
    axis.spines[["top", "right", "left"]].set_visible(False)
