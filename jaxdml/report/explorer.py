"""The latent spaces that can be explored on the page: where images lie, and which are near.

There are test images, labelled training images, and some training images without a label.
"""

import math
import statistics
from collections.abc import Sequence

import numpy as np

from jaxdml.evaluate import neighbours, project
from jaxdml.report import page
from jaxdml.report.representatives import Representative, Unlabelled, as_bytes
from jaxdml.report.tables.summary import Measure
from jaxdml.runs.planning import splits
from jaxdml.types import Dataset

MOST_TEST, MOST_LABELLED = 10_000, 1_000  # images of a setting
NEIGHBOURS = 5


def plane(point: Representative, method: str) -> project.Plane:
    """The test, labelled and unlabelled embeddings of a point in the plane."""
    return project.plane(
        point.arrays["test"], point.arrays["labelled"], _unlabelled(point).embeddings, method=method
    )


def best(points: Sequence[Representative], measure: Measure) -> int:
    """Which of the settings has the highest mean; of equal ones the first, and 0 where none has."""
    means = [statistics.fmean(p.group.values(measure).values() or [-math.inf]) for p in points]
    return means.index(max(means)) if means else 0


def scatters(
    points: Sequence[Representative], planes: Sequence[project.Plane], dataset: Dataset | None
) -> tuple[list[page.Scatter], page.Explored]:
    """What the page shows of each setting, and the images that belong to it.

    Args:
      points: those that represent their settings, all with embeddings.
      planes: of each, as `plane` gives it.
      dataset: of the images, if it is here.
    """
    if not points:
        return [], page.Explored()
    random = np.random.default_rng(0)
    few = [np.sort(random.permutation(len(p.arrays["labelled"]))[:MOST_LABELLED]) for p in points]
    test_rows = np.sort(random.permutation(len(points[0].arrays["test"]))[:MOST_TEST])
    chosen = [
        np.concatenate([p.arrays["labelled_index"][f], _unlabelled(p).rows])
        for p, f in zip(points, few, strict=True)
    ]
    rows = np.unique(np.concatenate(chosen))  # of the training set
    explored = page.Explored()
    if dataset is not None:
        scored = splits.scored(dataset, points[0].result["config"])
        images = as_bytes(np.concatenate([scored.x[test_rows], dataset.train.x[rows]]))
        names = [dataset.names[row] for row in rows] if dataset.names else [""] * len(rows)
        explored = page.Explored(images, [*[""] * len(test_rows), *names])
    shown = []
    for point, positions, labelled, index in zip(points, planes, few, chosen, strict=True):
        arrays, (test, training, others) = point.arrays, positions.positions
        unlabelled = _unlabelled(point)
        point_rows = test_rows[test_rows < len(test)]
        embeddings = np.concatenate(
            [arrays["test"][point_rows], arrays["labelled"][labelled], unlabelled.embeddings]
        )
        labels = [arrays["test_labels"][point_rows], arrays["labelled_labels"][labelled]]
        shown.append(
            page.Scatter(
                title=point.name,
                space=positions.name,
                position=np.concatenate([test[point_rows], training[labelled], others]),
                labels=np.concatenate([*labels, np.full(len(unlabelled.rows), -1)]),
                training=np.arange(len(embeddings)) >= len(point_rows),
                image=np.concatenate(
                    [np.arange(len(point_rows)), len(test_rows) + np.searchsorted(rows, index)]
                ),
                neighbours=neighbours.nearest(embeddings, NEIGHBOURS),
                unlabelled=unlabelled.total,
            )
        )
    return shown, explored


def _unlabelled(point: Representative) -> Unlabelled:
    """The images without a label; none where they are not known."""
    none = Unlabelled(np.empty(0, np.int64), point.arrays["labelled"][:0], 0)
    return point.unlabelled or none
