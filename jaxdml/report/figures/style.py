"""What all figures share: classes told apart without colour too, and files for paper and screen."""

import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Figure
from matplotlib.text import Text

from jaxdml.report.tables.table import visible

# Petroff 2021, "Accessible color sequences for data visualization": also in order of lightness
_COLOURS = mpl.color_sequences["petroff10"]
_MARKERS = "osD^v<>ph"  # nine and ten colours: no two of ninety classes look alike
_LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
FORMATS = ("png", "svg")

mpl.rcParams["svg.hashsalt"] = "jaxdml"  # the same figure, the same bytes
mpl.rcParams["text.parse_math"] = False  # a name may hold a dollar


def colour(i: int) -> Any:
    """The colour of class or line i.

    >>> colour(0) == colour(10)
    True
    """
    return _COLOURS[i % len(_COLOURS)]


def marker(i: int) -> str:
    """The marker of class or line i.

    >>> marker(0), marker(1), marker(9)
    ('o', 's', 'o')
    """
    return _MARKERS[i % len(_MARKERS)]


def line(i: int) -> Any:
    """The dashes of line i.

    >>> line(0), line(1)
    ('-', '--')
    """
    return _LINES[i % len(_LINES)]


def save(figure: Figure, folder: Path, name: str) -> tuple[Path, ...]:
    """Writes a figure as PNG and SVG, and returns where they are; the PNG comes first."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"{name}.{ending}" for ending in FORMATS)
    for artist in figure.findobj(Text):
        artist.set_text("\n".join(map(visible, artist.get_text().split("\n"))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that no font has, names that need all the room
        for path in paths:
            metadata = {"Date": None} if path.suffix == ".svg" else None
            figure.savefig(path, metadata=metadata)
    return paths
