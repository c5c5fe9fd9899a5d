"""What a study asks, at a glance: a row for each setting, a block for each question."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from jaxdml.report.figures import style
from jaxdml.report.questions import Answer, Answered

_COLOUR = {"better": 0, "worse": 1, "undecided": 3, "": 3}
_MARKER = {"better": "^", "worse": "v", "undecided": "o", "": "s"}
_SAID = {
    "": "what the others are compared with",
    "better": "better at equal seeds",
    "worse": "worse",
    "undecided": "undecided",
}


def draw(answered: Sequence[Answered], measure: str, chance: float | None = None) -> Figure | None:
    """Means over seeds with their 95 % intervals; colour and marker say the verdict.

    Args:
      answered: the questions; settings without a score have no point.
      measure: what is plotted, in words.
      chance: the score of who knows nothing.

    Returns:
      `None` if there is nothing to show.
    """
    if not any(one.score for _, answers in answered for one in answers):
        return None
    rows: list[tuple[str, Answer | None]] = []
    for question, answers in answered:
        rows += [(question, None), *((one.name, one) for one in answers)]
    figure = Figure(figsize=(8, 0.6 + 0.2 * len(rows)), layout="constrained", dpi=110)
    axis = figure.subplots()
    seen = set()
    for y, (_, one) in enumerate(rows):
        if one is None or one.score is None:
            continue
        low, high = (one.score.mean if v is None else v for v in (one.score.low, one.score.high))
        colour = style.colour(_COLOUR[one.verdict])
        axis.plot([low, high], [y, y], color=colour, lw=2, alpha=0.5, solid_capstyle="butt")
        label = None if one.verdict in seen else _SAID[one.verdict]
        seen.add(one.verdict)
        mark = _MARKER[one.verdict]
        axis.plot([one.score.mean], [y], mark, color=colour, ms=5.5, label=label)
        axis.annotate(
            f"{one.score.mean:.3f}", (1.01, y), xycoords=("axes fraction", "data"),
            va="center", fontsize=7.5, annotation_clip=False,
        )  # fmt: skip
    if chance is not None:
        axis.axvline(chance, color="0.4", lw=0.9, ls=":", label="chance")
    axis.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=7.5)
    for (_, one), tick in zip(rows, axis.get_yticklabels(), strict=True):
        if one is None:
            tick.set_fontweight("bold")
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlabel(measure, fontsize=9)
    axis.tick_params(axis="x", labelsize=8)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", lw=0.4, alpha=0.6)
    axis.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    return figure
