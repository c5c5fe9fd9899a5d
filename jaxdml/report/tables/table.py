"""A table, and how it is written: Markdown that lines up in a terminal, CSV, LaTeX."""

import csv as _csv
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_TEX = str.maketrans(
    {c: rf"\{c}" for c in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", "<": "$<$", ">": "$>$"}
    | {"±": r"$\pm$", "−": "$-$", "–": "--", "·": r"$\cdot$", "α": r"$\alpha$", "γ": r"$\gamma$"}
)


class Table(NamedTuple):
    """Cells as text: the first `texts` columns are words, the others start with a number or `–`."""

    title: str
    heading: Sequence[str]
    body: Sequence[Sequence[str]]
    texts: int
    notes: Sequence[str] = ()  # sentences, or whole lists in Markdown, that belong under it


class ImageTable(NamedTuple):
    """A table with a picture beside each row."""

    table: Table
    images: np.ndarray  # u8[N, H, W, 1 or 3], or f32 in [0, 1]


def markdown(table: Table) -> str:
    """The table and its notes, without its title.

    >>> print(markdown(Table("", ["system", "n"], [["ae", "12"]], 1, ["One seed."])))
    | system   |   n |
    |:---------|----:|
    | ae       |  12 |
    <BLANKLINE>
    One seed.
    """
    rows = [[cell.replace("|", "\\|") for cell in row] for row in (table.heading, *table.body)]
    for i in range(table.texts, len(table.heading)):  # numbers stand below each other
        if any(row[i].endswith(" *") for row in rows):
            for row in rows:
                row[i] += "" if row[i].endswith(" *") else "  "
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.heading))]
    widths = [max(width, 8 if i == 0 else 3) for i, width in enumerate(widths)]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if i < table.texts else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "| " + " | ".join(cells) + " |"

    rules = [
        f":{'-' * (width + 1)}" if i < table.texts else f"{'-' * (width + 1)}:"
        for i, width in enumerate(widths)
    ]
    lines = [line(rows[0]), "|" + "|".join(rules) + "|", *map(line, rows[1:])]
    return "\n\n".join(["\n".join(lines), *table.notes])


def csv(table: Table) -> str:
    """Heading and cells, without title and notes.

    >>> print(csv(Table("", ["system", "n"], [["ae", "12"]], 1)), end="")
    system,n
    ae,12
    """
    buffer = io.StringIO()
    _csv.writer(buffer, lineterminator="\n").writerows([table.heading, *table.body])
    return buffer.getvalue()


def latex(table: Table) -> str:
    r"""A `table` environment; the document needs the package `booktabs`.

    >>> latex(Table("Of 100 %", ["system", "n"], [["ae", "12"]], 1)).splitlines()[1]
    '\\caption{Of 100 \\%}'
    """

    def line(row: Sequence[str]) -> str:
        return " & ".join(cell.translate(_TEX) for cell in row) + r" \\"

    columns = "l" * table.texts + "r" * (len(table.heading) - table.texts)
    body = [line(table.heading), r"\midrule", *map(line, table.body)]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{table.title.translate(_TEX)}}}",
            r"\centering",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )
