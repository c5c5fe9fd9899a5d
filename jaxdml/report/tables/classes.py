"""A score for each class: how many of its images are right."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxdml.report.tables import summary
from jaxdml.report.tables.table import Table

MOST_CLASSES = 20  # that have a column each


def table(
    results: Sequence[Mapping[str, Any]],
    paths: Sequence[str],
    measure: summary.Measure,
    classes: Sequence[str],
) -> Table | None:
    """The recall of each class: the share of its scored images that are right.

    Args:
      results, paths: as for `summary.tables`.
      measure: an accuracy.
      classes: the name of class i.

    Returns:
      `None` where no result tells it, or where there are more than `MOST_CLASSES`.
    """
    if len(classes) > MOST_CLASSES:
        return None
    rows = summary.groups(results, paths)
    settings = list(rows[0].setting) if rows else []
    body = []
    for group in rows:
        recalls = [
            score["recalls"]
            for result in group.ok
            for score in result["scores"]
            if summary.measure(score) == measure and score.get("recalls")
        ]
        if recalls:
            each = [
                [by_class[str(i)] for by_class in recalls if str(i) in by_class]
                for i in range(len(classes))
            ]
            body.append(
                [*summary.cells(group), *(summary.average(values, len(values)) for values in each)]
            )
    if not body:
        return None
    heading = [*(summary.short(path, settings) for path in settings), *classes]
    notes = ["The share of each class's scored images that are right, mean ± standard deviation."]
    title = f"Recall of each class, {measure.words}"
    return Table(title, heading, body, len(settings), notes)
