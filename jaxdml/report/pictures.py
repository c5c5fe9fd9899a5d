"""The figures of a report, and what they are drawn from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdml.evaluate import neighbours
from jaxdml.evaluate.gallery import Gallery
from jaxdml.evaluate.project import Plane
from jaxdml.report.figures import (
    FIGURES,
    curves,
    images,
    labels,
    latent,
    questions,
    reliability,
    style,
)
from jaxdml.report.representatives import MOST_CLASSES, Calibrate, Representative, examples
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
    score_measures: Sequence[Measure],
    study_questions: Questions,
    chance: float | None,
    into: Path,
) -> list[Drawn]:
    """The figures of scores that there is something for.

    Args:
      groups, paths: all results by setting, and the grid's paths.
      baselines: rows like results, of what has no network; they are plotted like settings.
      score_measures: the scores to plot against the number of labels.
      study_questions: what the study asks; the scores of the first kind of embedding answer.
      chance: the accuracy of who knows nothing, if there is one for all.
      into: the folder to write.
    """
    by_labels = _labels([*groups, *_baseline_groups(baselines, paths)], paths, score_measures)
    return _drawn(
        into,
        ("questions", _QUESTIONS, _questions(groups, score_measures, study_questions, chance)),
        ("labels", _LABELS, by_labels),
    )


def of_points(
    points: Sequence[Representative],
    planes: Sequence[Plane],
    dataset: Dataset | None,
    classes: Sequence[str],
    calibrate: Calibrate | None,
    into: Path,
) -> list[Drawn]:
    """The figures of trained points that there is something for.

    Args:
      points: those that represent their settings.
      planes: of those that have embeddings, these (test, labelled) in the plane.
      dataset: of the images, if it is here.
      classes: the name of class i.
      calibrate: says of a result how far confidence and accuracy agree, if that is known.
      into: the folder to write.
    """
    embedded = [point for point in points if point.arrays]
    galleries = {_lines(p.name): p.gallery for p in points if p.gallery}
    figures = [
        ("latent", _LATENT + _coloured(len(classes)), _latent(embedded, planes, classes)),
        ("reliability", _RELIABILITY, _reliability(embedded, calibrate)),
        ("curves", _CURVES, _curves(points)),
    ]
    if dataset is not None and galleries:
        part = splits.scored(dataset, points[0].result["config"])
        first_gallery = points[0].gallery
        kind = "Test" if points[0].result["config"].get("data.fold") is None else "Held-out"
        many = len(dataset.classes) > MOST_CLASSES
        few = f" Of {len(dataset.classes)} classes the first are shown." * many
        figures += [
            ("data", _DATA.format(kind, dataset.name, dataset.source) + few, _data(dataset, part)),
            ("reconstructions", _RECONSTRUCTIONS, _rows(
                galleries, "reconstructions", first=first_gallery and first_gallery.images)),
            ("samples", _SAMPLES, _rows(galleries, "samples")),
            ("pseudo_inputs", _PSEUDO, _rows(galleries, "pseudo_inputs")),
            ("neighbours", _NEAR + few, _neighbours(embedded, dataset, part)),
        ]  # fmt: skip
    return _drawn(into, *figures)


def in_order(drawn: Sequence[Drawn]) -> list[Drawn]:
    """Sorts figures into the order in which a report shows them.

    >>> drawn = [Drawn("Losses over epochs", "", ()), Drawn("Latent space", "", ())]
    >>> [figure.title for figure in in_order(drawn)]
    ['Latent space', 'Losses over epochs']
    """
    return sorted(drawn, key=lambda one: list(FIGURES.values()).index(one.title))


def _drawn(into: Path, *figures: tuple[str, str, Any]) -> list[Drawn]:
    """Figures on disk: name, caption, and the figure, or `None` where there is none."""
    return [
        Drawn(FIGURES[name], caption, style.save(figure, into, name))
        for name, caption, figure in figures
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
    "Thin lines are the seeds of a setting, the thick one is the mean of those that are still "
    "trained; the background says which phase an epoch was."
)
_RELIABILITY = (
    "Labelled images that the first seed of a setting did not learn from, in ten bins by their "
    "confidence: the mean confidence of a bin, and the share that is right. On the dotted line "
    "confidence means what it says. A temperature is chosen on one half and shown on the other."
)
_DATA = "{} images of {}: {}."
_RECONSTRUCTIONS = "Above, test images; below, what the decoder makes of their posterior means."
_SAMPLES = "Latent points drawn from the prior, decoded."
_PSEUDO = "The images whose posteriors make up the VampPrior, after training."
_NEAR = (
    "A test image of each class, and the five test images whose embeddings are nearest; those of "
    "another class have a dashed frame."
)


def _questions(
    groups: Sequence[Group],
    score_measures: Sequence[Measure],
    study_questions: Questions,
    chance: float | None,
) -> style.Figure | None:
    if not score_measures or not study_questions:
        return None
    results = [result for group in groups for result in group.results]
    by = {
        measure.words: answer(study_questions, results, measure)
        for measure in measures(score_measures)
    }
    return questions.draw(by, chance if score_measures[0].metric == "accuracy" else None)


def _latent(
    points: Sequence[Representative], planes: Sequence[Plane], classes: Sequence[str]
) -> style.Figure | None:
    panels = []
    for point, plane in zip(points, planes, strict=True):
        test, labelled, *_ = plane.positions
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


def _coloured(classes: int) -> str:
    """What to say of the colours where there are more classes than those."""
    most = latent.MOST_CLASSES
    text = f" Of {classes:,} classes the {most} with most test images are coloured."
    return text * (classes > most)


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


def _ellipses(gallery: Gallery | None, plane: Plane) -> latent.Ellipses | None:
    """The prior's components by the map of the embeddings, where that is linear."""
    if (
        gallery is None
        or gallery.components is None
        or plane.matrix is None
        or plane.origin is None
    ):
        return None
    means, logvars = np.asarray(gallery.components.means), np.asarray(gallery.components.logvars)
    if len(means) > latent.MOST_COMPONENTS:
        return None
    covariances = np.einsum("di,kd,dj->kij", plane.matrix, np.exp(logvars), plane.matrix)
    return latent.Ellipses((means - plane.origin) @ plane.matrix, covariances)


def _labels(
    groups: Sequence[Group], paths: Sequence[str], score_measures: Sequence[Measure]
) -> style.Figure | None:
    used = [path for path in LABELS if path in paths]
    if len(used) != 1:
        return None
    panels: dict[str, dict[str, labels.Line]] = {}
    for measure in score_measures:
        lines: dict[str, dict[float, Any]] = {}
        for method, cells in comparison.methods(groups, paths).items():
            for (space, _), group in cells.items():
                values, label_amount = list(group.values(measure).values()), group.setting[used[0]]
                if values and label_amount is not None:
                    name = " ".join((method, *comparison.space_words(space, paths)))
                    lines.setdefault(name, {})[float(label_amount)] = estimate(values)
        panels[measure.words] = dict(lines)
    units = ("labelled, % of the training images", "labelled images", "labelled images a class")
    return labels.draw(panels, units[LABELS.index(used[0])])


def _baseline_groups(baselines: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> list[Group]:
    """Baselines as settings, where the system is what tells them from others."""
    return summary.groups(baselines, paths) if "system" in paths else []


def _curves(points: Sequence[Representative]) -> style.Figure | None:
    settings = []
    for point in points:
        histories = [r["folder"].history(r["point"]) for r in point.group.ok]
        longest = max(histories, key=len)
        losses = {
            q: np.full((len(histories), len(longest)), np.nan)
            for q in curves.QUANTITIES
            if q in longest[0]
        }
        for quantity, values in losses.items():
            for of_seed, history in zip(values, histories, strict=True):
                of_seed[: len(history)] = [float(row[quantity] or "nan") for row in history]
        epochs = np.array([int(row["epoch"]) for row in longest])
        phases = [row["phase"] for row in longest]
        settings.append(curves.Curves(_lines(point.name), epochs, phases, losses))
    return curves.draw(settings)


def _reliability(
    points: Sequence[Representative], calibrate: Calibrate | None
) -> style.Figure | None:
    found = {p.name: calibrate(p.result) for p in points} if calibrate else {}
    return reliability.draw(
        [reliability.Panel(_lines(name), bins) for name, bins in found.items() if bins]
    )


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
    array_by_name = {name: getattr(gallery, field) for name, gallery in galleries.items()}
    rows = [
        images.Row(name, array[:SAMPLES])
        for name, array in array_by_name.items()
        if array is not None
    ]
    if not rows:
        return None
    if first is not None:
        rows.insert(0, images.Row("test image", first[:SAMPLES]))
    return images.rows(rows)


def _neighbours(
    points: Sequence[Representative], dataset: Dataset, part: Split
) -> style.Figure | None:
    """Of the setting with the best first score, if a class has more images than are shown."""
    if np.unique(np.asarray(part.y), return_counts=True)[1].max() <= NEIGHBOURS:
        return None
    best = max(points, key=lambda p: p.result["scores"][0]["value"] if p.result["scores"] else -1.0)
    near = neighbours.nearest(best.arrays["test"], NEIGHBOURS)
    rows, y = [], np.asarray(part.y)
    for row in examples(part):
        shown_rows = np.concatenate([[row], near[row]])
        wrong = y[shown_rows] != y[row]
        rows.append(images.Row(dataset.classes[y[row]], part.x[shown_rows], wrong))
    figure = images.rows(rows, ["query", *map(str, range(1, NEIGHBOURS + 1))], apart=True)
    figure.suptitle(best.name, fontsize=8, y=0.995)
    return figure
