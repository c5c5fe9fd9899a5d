"""What `predict` has found of labels, as galleries of the page: pictures and words of each."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxdml.report.representatives import as_bytes
from jaxdml.report.tables.table import ImageTable
from jaxdml.runs.storage import image_tables

SAID = ("run", "point")  # columns of which the title tells what is needed


def galleries(results: Sequence[Mapping[str, Any]]) -> list[ImageTable]:
    """What was left in the run folders: images to label next, and labels to look at again.

    Args:
      results: of all points, which hold their `folder`.
    """
    found = []
    for result in results:
        for name in image_tables.NAMES:
            one = image_tables.read(result["folder"], result["point"], name)
            if one is not None:
                of_point = f", by point {result['point']}" if len(results) > 1 else ""
                found.append(_plain(one, of_point))
    return found


def _plain(found: ImageTable, of_point: str) -> ImageTable:
    """The same for the page."""
    table = found.table
    kept = [i for i, name in enumerate(table.heading) if name not in SAID]
    table = table._replace(
        title=f"{table.title}{of_point}",
        heading=[table.heading[i] for i in kept],
        body=[[row[i] for i in kept] for row in table.body],
    )
    return ImageTable(table, as_bytes(found.images))
