"""A table, and how it is written: Markdown that lines up in a terminal, CSV, LaTeX.

Names in it come from data, and do nothing where they are read: see `visible`, `escaped`, `quoted`.
"""

import csv as _csv
import io
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_TEX = str.maketrans(
    {c: rf"\{c}" for c in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", "<": "$<$", ">": "$>$"}
    | {"±": r"$\pm$", "−": "$-$", "–": "--", "·": r"$\cdot$", "α": r"$\alpha$", "γ": r"$\gamma$"}
)

# What a terminal would obey, XML forbids, or turns the direction of all that follows.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_NUMBER = re.compile(r"[-+]?\d[\d.,]*(e[-+]?\d+)?( ± [\d.]+)?[ *]*")


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


def visible(text: str) -> str:
    r"""The text in one line, a sign in the place of each control character.

    >>> visible("a\tb"), visible("\x1b[2J"), visible("\u202egnp.exe")
    ('a␉b', '␛[2J', '�gnp.exe')
    """
    return _UNSEEN.sub(lambda found: _sign(ord(found[0])), text)


def _sign(code: int) -> str:
    return chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else "�"


def escaped(text: str) -> str:
    r"""A name in Markdown: no HTML, no link, no code, and no end of its cell.

    >>> print(escaped("[a](b) <i> `c`"), escaped("a_b"))
    \[a](b) \<i> \`c\` a_b
    """
    return re.sub(r"([\\`<|]|\[(?=.*\]\s*[(\[:]))", r"\\\1", visible(text))


def prose(text: str) -> str:
    r"""Sentences in Markdown with `code` in them, and else with names as `escaped` writes them.

    >>> print(prose("In `a<b`: <i> of [x](y)"))
    In `a<b`: \<i> of \[x](y)
    """
    parts = re.split(r"((?<!`)`[^`\n]+`(?!`))", text)
    lines = (part.split("\n") for part in parts[::2])
    parts[::2] = ["\n".join(map(escaped, some)) for some in lines]
    parts[1::2] = map(visible, parts[1::2])
    return "".join(parts)


def quoted(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; numbers stay.

    >>> quoted("=1+1"), quoted("-0.5 ± 0.1"), quoted("-1+1")
    ("'=1+1", '-0.5 ± 0.1', "'-1+1")
    """
    formula = re.match(r"[=+\-@\t\r]", cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if formula else cell


def markdown(table: Table) -> str:
    """The table and its notes, without its title.

    >>> print(markdown(Table("", ["system", "n"], [["ae", "12"]], 1, ["One seed."])))
    | system   |   n |
    |:---------|----:|
    | ae       |  12 |
    <BLANKLINE>
    One seed.
    """
    rows = [[*map(escaped, row)] for row in (table.heading, *table.body)]
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
    return "\n\n".join(["\n".join(lines), *map(prose, table.notes)])


def csv(table: Table) -> str:
    """Heading and cells, without title and notes.

    >>> print(csv(Table("", ["system", "n"], [["ae", "12"]], 1)), end="")
    system,n
    ae,12
    """
    buffer = io.StringIO()
    rows = ([quoted(visible(cell)) for cell in row] for row in (table.heading, *table.body))
    _csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def latex(table: Table) -> str:
    r"""A `table` environment; the document needs the package `booktabs`.

    >>> latex(Table("Of 100 %", ["system", "n"], [["ae", "12"]], 1)).splitlines()[1]
    '\\caption{Of 100 \\%}'
    """

    def line(row: Sequence[str]) -> str:
        cells = [visible(cell).translate(_TEX) for cell in row]
        if cells and cells[0].startswith(("[", "*")):
            cells[0] = f"{{}}{cells[0]}"  # no option of the line before
        return " & ".join(cells) + r" \\"

    columns = "l" * table.texts + "r" * (len(table.heading) - table.texts)
    body = [line(table.heading), r"\midrule", *map(line, table.body)]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{visible(table.title).translate(_TEX)}}}",
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
