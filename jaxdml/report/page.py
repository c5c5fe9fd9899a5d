"""The report as one page of HTML: tables to sort, a latent space to explore, no network needed.

`page.html`, `page.css` and `page.js` are the page; here they are filled in. All that it needs lies
in the file itself: plotly.js, the arrays as base64, the images as one PNG.
"""

import base64
import html
import json
import math
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from jaxdml.report.tables.table import ImageTable, Table, visible

MOST_BYTES = 2**24  # of all images together; more of them, or larger ones, are shown smaller
MOST_GALLERY = 2**21  # of the images of a gallery
_WARNINGS_SHOWN = 8  # further ones are folded away
_JS_TYPES = {
    "f4": "Float32Array", "u1": "Uint8Array", "u2": "Uint16Array", "u4": "Uint32Array",
    "i1": "Int8Array", "i2": "Int16Array", "i4": "Int32Array",
}  # fmt: skip
_NO_PLOTLY = (
    "The latent space can be explored here once plotly is installed (`pip install 'jaxdml[plot]'`) "
    "and the report is written again."
)


class Picture(NamedTuple):
    """A figure that was drawn elsewhere."""

    title: str
    caption: str
    png: bytes


class Scatter(NamedTuple):
    """The latent space of one setting."""

    title: str
    space: str  # what the axes are
    position: np.ndarray  # f32[N, 2]
    labels: np.ndarray  # i32[N]; -1 of a training image without a label
    training: np.ndarray  # bool[N], a training image; else a test image
    image: np.ndarray  # i32[N], rows of `Explored`
    neighbours: np.ndarray  # i32[N, k], rows of this scatter, the nearest first
    unlabelled: int = 0  # training images without a label, of which some are here


class Explored(NamedTuple):
    """The images of all scatters."""

    images: np.ndarray | None = None  # u8[M, H, W, C]; C is 1 (grey) or 3 (RGB)
    names: Sequence[str] = ()  # of each, like its file; empty where it has none


class Content(NamedTuple):
    """What a page shows."""

    title: str
    summary: str = ""  # sentences, as paragraphs or Markdown lists; so are the notes of a table
    notes: str = ""  # how to read the scores, in the same form; they come after these
    tables: Sequence[Table] = ()
    galleries: Sequence[ImageTable] = ()  # u8; what was found of labels
    pictures: Sequence[Picture] = ()
    scatters: Sequence[Scatter] = ()
    explored: Explored = Explored()
    opened: int = 0  # which of the scatters is shown first
    classes: Sequence[str] = ()  # the name of class i
    config: Mapping[str, Any] = MappingProxyType({})  # path → value
    warnings: Sequence[str] = ()  # to be read before the scores: points that diverged or failed


def render(content: Content) -> str:
    """The whole page. Without plotly (the extra `plot`) a sentence takes the place of the scatters.

    >>> page = render(Content("Digits", "Two points.", config={"seed": 0}))
    >>> page.splitlines()[0], "<h1>Digits</h1>" in page
    ('<!doctype html>', True)
    """
    plotly = _plotly() if content.scatters else None
    images = content.explored.images
    sections = []  # name, heading, body
    if content.warnings:
        sections.append(("warnings", "Warnings", _warnings(content.warnings)))
    tables = [
        (f"table-{i}", table.title or f"Table {i}", _table(table))
        for i, table in enumerate(content.tables, 1)
    ]
    sections += tables[:1]  # the scores; the others come after what can be looked at
    if content.notes:
        sections.append(("notes", "Notes", _prose(content.notes)))
    if content.galleries:
        shown = "\n".join(map(_gallery, content.galleries))
        sections.append(("labels", "Labels: to give next, and to look at again", shown))
    if content.scatters:  # page.js fills it
        sections.append(("space", "Latent space", "" if plotly else _prose(_NO_PLOTLY)))
    if content.pictures:
        sections.append(("pictures", "Pictures", "\n".join(map(_picture, content.pictures))))
    sections += tables[1:]
    if content.config:
        sections.append(("configuration", "Configuration", _config(content.config)))
    data: dict[str, Any] = {}
    sheet = ""
    if plotly:
        data = {
            "classes": list(content.classes),
            "scatters": [_scatter(s) for s in content.scatters],
            "names": list(content.explored.names),
            "opened": content.opened,
        }
        if images is not None and len(images):
            images = smaller(images)
            data |= {"across": _across(images), "size": images.shape[1:3]}
            sheet = f' src="data:image/png;base64,{_base64(_png(_sheet(images)))}"'
    files = resources.files("jaxdml.report")
    return Template((files / "page.html").read_text("utf-8")).substitute(
        title=_escaped(content.title),
        css=(files / "page.css").read_text("utf-8"),
        contents="\n".join(
            f'<li><a href="#{name}">{_escaped(heading)}</a></li>' for name, heading, _ in sections
        ),
        summary=_prose(content.summary),
        sections="\n".join(_section(*section) for section in sections),
        sheet=sheet,
        data=json.dumps(data).replace("<", r"\u003c"),  # so that no text ends the script
        js=(files / "page.js").read_text("utf-8"),
        plotly=f"<script>{plotly}</script>" if plotly else "",
    )


def _plotly() -> str | None:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        return None
    return get_plotlyjs().replace("</script", r"<\/script")


def _section(name: str, heading: str, body: str) -> str:
    return (
        f'<section id="{name}" aria-labelledby="{name}-heading">\n'
        f'<h2 id="{name}-heading">{_escaped(heading)}</h2>\n{body}\n</section>'
    )


def _prose(*blocks: str) -> str:
    r"""Paragraphs, lists of `- ` lines and `code`, the rest as it stands.

    >>> _prose("As `a` < b:", "- one\n- two")
    '<p>As <code>a</code> &lt; b:</p>\n<ul><li>one</li><li>two</li></ul>'
    """
    return "\n".join(map(_block, (b for block in blocks for b in block.split("\n\n") if b.strip())))


def _block(text: str) -> str:
    lines = text.strip().splitlines()
    if all(line.startswith("- ") for line in lines):
        return f"<ul>{''.join(f'<li>{_inline(line[2:])}</li>' for line in lines)}</ul>"
    return f"<p>{_inline(' '.join(lines))}</p>"


def _escaped(text: str) -> str:
    """Text as HTML, also in a quoted attribute."""
    return html.escape(visible(text))


def _inline(text: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", _escaped(text))


def _warnings(warnings: Sequence[str]) -> str:
    items = [f"<li>{_inline(warning)}</li>" for warning in warnings]
    shown, folded = items[:_WARNINGS_SHOWN], items[_WARNINGS_SHOWN:]
    text = f"<ul>{''.join(shown)}</ul>"
    if folded:
        summary = f"<summary>{len(folded)} more</summary>"
        text += f"\n<details>{summary}<ul>{''.join(folded)}</ul></details>"
    return text


def _table(table: Table) -> str:
    """The table, in a frame that scrolls; its words are headings of their rows."""
    numbers = [' class="number"' * (i >= table.texts) for i in range(len(table.heading))]
    heading = "".join(
        f'<th scope="col"{number}><button type="button">{_escaped(name)}</button></th>'
        for name, number in zip(table.heading, numbers, strict=True)
    )
    rows = []
    for row in table.body:
        cells = [
            f'<th scope="row">{_escaped(cell)}</th>'
            if i == 0 and table.texts
            else f"<td{number}>{_escaped(cell)}</td>"
            for i, (cell, number) in enumerate(zip(row, numbers, strict=True))
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    title = _escaped(table.title or "Table")
    return "\n".join(
        [
            '<p class="tools" hidden><label>Filter <input type="search" '
            'placeholder="words of a row" autocomplete="off" spellcheck="false"></label> '
            '<output aria-live="polite"></output></p>',
            f'<div class="frame" role="region" aria-label="{title}, table" tabindex="0"><table>',
            f"<thead><tr>{heading}</tr></thead>",
            "<tbody>",
            *rows,
            "</tbody>",
            "</table></div>",
            f'<div class="notes">\n{_prose(*table.notes)}\n</div>' if table.notes else "",
        ]
    )


def _gallery(gallery: ImageTable) -> str:
    """An image for each row of the table, its first cell, and the others with their headings."""
    table, items = gallery.table, []
    images = smaller(gallery.images, MOST_GALLERY)
    for row, image in zip(table.body, images, strict=True):
        name, *cells = map(_escaped, row)
        pairs = "".join(
            f"<div><dt>{_escaped(heading)}</dt><dd>{cell}</dd></div>"
            for heading, cell in zip(table.heading[1:], cells, strict=True)
            if cell
        )
        items.append(
            f'<li><img alt="" src="data:image/png;base64,{_base64(_png(image))}">'
            f"<strong>{name}</strong><dl>{pairs}</dl></li>"
        )
    return (
        f'<h3>{_escaped(table.title)}</h3>\n<ol class="gallery">{"".join(items)}</ol>\n'
        f'<div class="notes">\n{_prose(*table.notes)}\n</div>'
    )


def _picture(picture: Picture) -> str:
    width, height = struct.unpack(">II", picture.png[16:24])  # of the header
    title = _escaped(picture.title)
    return (
        f'<figure class="picture"><img alt="{title}" width="{width}" height="{height}" '
        f'src="data:image/png;base64,{_base64(picture.png)}">\n'
        f"<figcaption><strong>{title}.</strong> {_inline(picture.caption)}</figcaption></figure>"
    )


def _config(config: Mapping[str, Any]) -> str:
    """The configuration as HTML that is folded: a list for each section of its paths."""
    groups: dict[str, list[str]] = {}
    for path, value in config.items():
        section, _, name = path.rpartition(".")
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        pair = f"<dt>{_escaped(name)}</dt><dd>{_escaped(text)}</dd>"
        groups.setdefault(section, []).append(pair)
    lists = [
        f"<div><h3>{_escaped(section or 'general')}</h3><dl>{''.join(pairs)}</dl></div>"
        for section, pairs in groups.items()
    ]
    return (
        f"<details><summary>{len(config)} settings</summary>\n"
        f'<div class="config">{"".join(lists)}</div></details>'
    )


def _scatter(scatter: Scatter) -> dict[str, Any]:
    """What page.js reads; rows and labels in the smallest type that holds them."""
    return {
        "title": ", ".join(scatter.title.splitlines()),
        "space": scatter.space,
        "position": _array(scatter.position.astype("<f4")),
        "labels": _array(_small(scatter.labels)),
        "training": _array(scatter.training.astype("u1")),
        "image": _array(_small(scatter.image)),
        "neighbours": _array(_small(scatter.neighbours)),
        "k": scatter.neighbours.shape[1],
        "unlabelled": _few(int((scatter.labels < 0).sum()), scatter.unlabelled),
    }


def _few(count: int, of: int) -> str:
    """A part of so many in words.

    >>> _few(5, 2000), _few(5, 5), _few(0, 0)
    ('5 of 2,000', '5', '')
    """
    return f"{count:,} of {of:,}" if count < of else f"{count:,}" * (count > 0)


def _small(numbers: np.ndarray) -> np.ndarray:
    ends = numbers.min(initial=0), numbers.max(initial=0)
    kind = np.result_type(*map(np.min_scalar_type, ends))
    return numbers.astype(kind.newbyteorder("<"))


def _array(array: np.ndarray) -> dict[str, str]:
    return {"type": _JS_TYPES[array.dtype.str[1:]], "base64": _base64(array.tobytes())}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def smaller(images: np.ndarray, most: int = MOST_BYTES) -> np.ndarray:
    """Images u8[M, H, W, C] of no more bytes than that, if need be by means of squares of pixels.

    >>> smaller(np.uint8([[[[0], [8], [2]], [[4], [0], [2]]]]), 4).tolist()
    [[[[3]]]]
    """
    count, height, width, channels = images.shape
    step = math.ceil(math.sqrt(images.size / most))
    if step <= 1:
        return images
    h, w = max(1, height // step), max(1, width // step)
    squares = images[:, : h * step, : w * step].reshape(count, h, -1, w, min(step, width), channels)
    return np.round(squares.mean((2, 4), dtype=np.float32)).astype(np.uint8)


def _across(images: np.ndarray) -> int:
    return math.ceil(math.sqrt(len(images)))


def _sheet(images: np.ndarray) -> np.ndarray:
    """All images on one sheet, row by row: u8[M, H, W, C] → u8[down · H, across · W, C]."""
    count, height, width, channels = images.shape
    across = _across(images)
    down = math.ceil(count / across)
    tiles = np.zeros((down * across, height, width, channels), np.uint8)
    tiles[:count] = images
    grid = tiles.reshape(down, across, height, width, channels).swapaxes(1, 2)
    return grid.reshape(down * height, across * width, channels)


def _png(pixels: np.ndarray) -> bytes:
    """A grey or RGB image, u8[H, W, 1 or 3], as PNG without a loss."""
    height, width, channels = pixels.shape
    colour = {1: 0, 3: 2}[channels]
    rows = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0)))  # each row is led by its filter: 0
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
