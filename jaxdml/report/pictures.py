"""The figures of a report, and what they are drawn from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdml.evaluate import neighbours
from jaxdml.evaluate.gallery import Gallery
from jaxdml.evaluate.project import Plane
from jaxdml.report.figures import FIGURES, curves, images, labels, latent, questions, style
from jaxdml.report.representatives import MOST_CLASSES, Representative, examples
from jaxdml.report.tables import comparison, summary
from jaxdml.report.tables.questions import answer, measures
from jaxdml.report.tables.sharing import LABELS
from jaxdml.report.tables.statistics import estimate
from jaxdml.report.tables.summary import Group, Measure
from jaxdml.runs.planning import splits
from jaxdml.runs.storage.questions import Questions
from jaxdml.types import Dataset, Split

NEIGHBOURS = 5
SAMPLES = 12


class Drawn(NamedTuple):
    """A figure on disk."""

    title: str
    caption: str
    files: tuple[Path, ...]  # the PNG first


def of_scores(
    groups: Sequence[Group],
    paths: Sequence[str],
    baselines: Sequence[Mapping[str, Any]],
    wanted: Sequence[Measure],
    asked: Questions,
    chance: float | None,
    into: Path,
) -> list[Drawn]:
    """The figures of scores that there is something for.

    Args:
      groups, paths: all results by setting, and the grid's paths.
      baselines: rows like results, of what has no network; they are plotted like settings.
      wanted: the scores to plot against the number of labels.
      asked: what the study asks; the scores of the first kind of embedding answer.
      chance: the accuracy of who knows nothing, if there is one for all.
      into: the folder to write.
    """
    by_labels = _labels([*groups, *_beside(baselines, paths)], paths, wanted)
    return _drawn(
        into,
        ("questions", _QUESTIONS, _questions(groups, wanted, asked, chance)),
        ("labels", _LABELS, by_labels),
    )


def of_points(
    points: Sequence[Representative],
    planes: Sequence[Plane],
    dataset: Dataset | None,
    classes: Sequence[str],
    into: Path,
) -> list[Drawn]:
    """The figures of trained points that there is something for.

    Args:
      points: those that represent their settings.
      planes: of those that have embeddings, these (test, labelled) in the plane.
      dataset: of the images, if it is here.
      classes: the name of class i.
      into: the folder to write.
    """
    embedded = [point for point in points if point.arrays]
    galleries = {_lines(p.name): p.gallery for p in points if p.gallery}
    made = [
        ("latent", _LATENT, _latent(embedded, planes, classes)),
        ("curves", _CURVES, _curves(points)),
    ]
    if dataset is not None and galleries:
        part = splits.scored(dataset, points[0].result["config"])
        own = points[0].gallery
        many = len(dataset.classes) > MOST_CLASSES
        few = f" Of {len(dataset.classes)} classes the first are shown." * many
        made += [
            ("data", _DATA.format(dataset.name, dataset.source) + few, _data(dataset, part)),
            ("reconstructions", _RECONSTRUCTIONS, _rows(
                galleries, "reconstructions", first=own and own.images)),
            ("samples", _SAMPLES, _rows(galleries, "samples")),
            ("pseudo_inputs", _PSEUDO, _rows(galleries, "pseudo_inputs")),
            ("neighbours", _NEAR + few, _neighbours(embedded, dataset, part)),
        ]  # fmt: skip
    return _drawn(into, *made)


def in_order(drawn: Sequence[Drawn]) -> list[Drawn]:
    """As a report shows them."""
    return sorted(drawn, key=lambda one: list(FIGURES.values()).index(one.title))


def _drawn(into: Path, *made: tuple[str, str, Any]) -> list[Drawn]:
    """Figures on disk: name, caption, and the figure, or `None` where there is none."""
    return [
        Drawn(FIGURES[name], caption, style.save(figure, into, name))
        for name, caption, figure in made
        if figure is not None
    ]


_QUESTIONS = (
    "Means over seeds, from three seeds on with their 95 % intervals (Student's t, unadjusted). "
    "Each question compares its settings with the first of them, at equal seeds and labelled "
    "images; its verdicts are corrected for the number of its settings (Holm)."
)
_LATENT = (
    "The first seed of each setting. Small points are test images, those with a black edge are "
    "labelled training images; a class's number stands at the median of its test images. Black "
    "ellipses are one standard deviation of the prior's components."
)
_LABELS = "Mean over seeds, with its 95 % interval (Student's t, unadjusted) from three seeds on."
_CURVES = (
    "Thin lines are the seeds of a setting, the thick one is their mean; the background says which "
    "phase an epoch was."
)
_DATA = "Test images of {}: {}."
_RECONSTRUCTIONS = "Above, test images; below, what the decoder makes of their posterior means."
_SAMPLES = "Latent points drawn from the prior, decoded."
_PSEUDO = "The images whose posteriors make up the VampPrior, after training."
_NEAR = (
    "A test image of each class, and the five test images whose embeddings are nearest; those of "
    "another class have a dashed frame."
)


def _questions(
    groups: Sequence[Group], wanted: Sequence[Measure], asked: Questions, chance: float | None
) -> style.Figure | None:
    if not wanted or not asked:
        return None
    results = [result for group in groups for result in group.results]
    by = {one.words: answer(asked, results, one) for one in measures(wanted)}
    return questions.draw(by, chance if wanted[0].metric == "accuracy" else None)


def _latent(
    points: Sequence[Representative], planes: Sequence[Plane], classes: Sequence[str]
) -> style.Figure | None:
    panels = []
    for point, plane in zip(points, planes, strict=True):
        test, labelled = plane.positions
        panels.append(
            latent.Panel(
                "\n".join((_lines(point.name), *_score(point))),
                plane.name,
                test,
                point.arrays["test_labels"],
                labelled,
                point.arrays["labelled_labels"],
                _ellipses(point.gallery, plane),
            )
        )
    return latent.draw(panels, classes) if panels else None


def _lines(name: str) -> str:
    """A name that is too long for one line on several."""
    lines: list[str] = []
    for part in name.split(" · "):
        if lines and len(lines[-1]) + len(part) < 34:
            lines[-1] += f" · {part}"
        else:
            lines.append(part)
    return "\n".join(lines)


def _score(point: Representative) -> list[str]:
    """The first score of the point that is shown."""
    seed = point.result["config"]["seed"]
    scores = point.result["scores"][:1]
    return [f"{summary.measure(s).words} {s['value']:.3f} (seed {seed})" for s in scores]


def _ellipses(own: Gallery | None, plane: Plane) -> latent.Ellipses | None:
    """The prior's components by the map of the embeddings, where that is linear."""
    if own is None or own.components is None or plane.matrix is None or plane.origin is None:
        return None
    means, logvars = np.asarray(own.components.means), np.asarray(own.components.logvars)
    if len(means) > latent.MOST_COMPONENTS:
        return None
    covariances = np.einsum("di,kd,dj->kij", plane.matrix, np.exp(logvars), plane.matrix)
    return latent.Ellipses((means - plane.origin) @ plane.matrix, covariances)


def _labels(
    groups: Sequence[Group], paths: Sequence[str], wanted: Sequence[Measure]
) -> style.Figure | None:
    used = [path for path in LABELS if path in paths]
    if len(used) != 1:
        return None
    panels: dict[str, dict[str, labels.Line]] = {}
    for one in wanted:
        lines: dict[str, dict[float, Any]] = {}
        for method, cells in comparison.methods(groups, paths).items():
            for (space, _), group in cells.items():
                values, given = list(group.values(one).values()), group.setting[used[0]]
                if values and given is not None:
                    name = " ".join((method, *comparison.said(space, paths)))
                    lines.setdefault(name, {})[float(given)] = estimate(values)
        panels[one.words] = dict(lines)
    units = ("labelled, % of the training images", "labelled images", "labelled images a class")
    return labels.draw(panels, units[LABELS.index(used[0])])


def _beside(baselines: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> list[Group]:
    """Baselines as settings, where the system is what tells them from others."""
    return summary.groups(baselines, paths) if "system" in paths else []


def _curves(points: Sequence[Representative]) -> style.Figure | None:
    settings = []
    for point in points:
        histories = [r["folder"].history(r["point"]) for r in point.group.ok]
        first = histories[0]
        losses = {
            q: np.array([[float(row[q] or "nan") for row in history] for history in histories])
            for q in curves.QUANTITIES
            if q in first[0]
        }
        epochs = np.array([int(row["epoch"]) for row in first])
        phases = [row["phase"] for row in first]
        settings.append(curves.Curves(_lines(point.name), epochs, phases, losses))
    return curves.draw(settings)


def _data(dataset: Dataset, part: Split) -> style.Figure:
    rows = examples(part, 10)
    y = np.asarray(part.y)[rows]
    return images.rows(
        [images.Row(name, part.x[rows[y == i]]) for i, name in enumerate(dataset.classes) if i in y]
    )


def classes(dataset: Dataset, each: int = 12) -> style.Figure:
    """Training images of each class, and some without a label (the thesis's Figure 6.1).

    Args:
      dataset: of grey or RGB images.
      each: how many of a class.
    """
    y = np.asarray(dataset.train.y)
    order = np.random.default_rng(0).permutation(len(y))
    names = [*dataset.classes[:MOST_CLASSES], "no label"]
    labels = [*range(len(names) - 1), -1]
    rows = [
        images.Row(f"{name}\n{(y == label).sum():,} images", dataset.train.x[chosen])
        for name, label in zip(names, labels, strict=True)
        if (chosen := np.sort(order[y[order] == label][:each])).size
    ]
    return images.rows(rows)


def _rows(
    galleries: Mapping[str, Gallery], field: str, first: np.ndarray | None = None
) -> style.Figure | None:
    found = {name: getattr(own, field) for name, own in galleries.items()}
    rows = [images.Row(name, own[:SAMPLES]) for name, own in found.items() if own is not None]
    if not rows:
        return None
    if first is not None:
        rows.insert(0, images.Row("test image", first[:SAMPLES]))
    return images.rows(rows)


def _neighbours(points: Sequence[Representative], dataset: Dataset, part: Split) -> style.Figure:
    """Of the setting with the best first score."""

    def height(point: Representative) -> float:
        return point.result["scores"][0]["value"] if point.result["scores"] else -1.0

    best = max(points, key=height)
    near = neighbours.nearest(best.arrays["test"], NEIGHBOURS)
    rows, y = [], np.asarray(part.y)
    for row in examples(part):
        all_of_it = np.concatenate([[row], near[row]])
        wrong = y[all_of_it] != y[row]
        rows.append(images.Row(dataset.classes[y[row]], part.x[all_of_it], wrong))
    figure = images.rows(rows, ["query", *map(str, range(1, NEIGHBOURS + 1))], apart=True)
    figure.suptitle(best.name, fontsize=8, y=0.995)
    return figure
