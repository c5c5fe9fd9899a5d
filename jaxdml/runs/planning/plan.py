"""From points to cohorts: which points can share a compiled program, and their labelled images."""

from collections.abc import Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from jaxdml import data
from jaxdml.data import labels
from jaxdml.options import ConfigError
from jaxdml.report.tables.sharing import shared_labels
from jaxdml.runs.planning.loading import LoadDataset, columns_as_json, described
from jaxdml.runs.planning.points import Cohort, GridPoint, Static
from jaxdml.runs.planning.splits import READ_BY_SCORING, check_scoring, note_of_folds, select
from jaxdml.settings.setting import Setting, SettingOnData, dataset_name
from jaxdml.train import epoch
from jaxdml.types import Dataset


class Plan(NamedTuple):
    """What is to be trained."""

    cohorts: tuple[Cohort, ...]  # of points that are different trainings
    alike: dict[str, str]  # id of any other point → that of the one which is the same training
    labelled: dict[str, np.ndarray]  # point id → rows of its training set
    notes: tuple[str, ...]  # what the user should know of the data
    classes: dict[str, tuple[str, ...]]  # a data set, as `described` → the names of its classes
    data: dict[str, str]  # a data set, as `described` → its fingerprint
    places: dict[str, str]  # a data set, as `described` → where its files lie, if it has any
    invariances: dict[str, tuple[str, ...]]  # a data set, as `described` → those that it declares
    columns: dict[str, dict[str, Any]]  # a data set of vectors, as `described` → its columns
    damaged: dict[str, tuple[str, ...]]  # a data set, as `described` → files that were left out
    shared: str | None  # what to say where seeds share their labelled images


def plan(points: Sequence[GridPoint], load: LoadDataset, finished: Set[str] = frozenset()) -> Plan:
    """Cohorts of points that differ in numbers, labelled images and seed only, in order.

    Points that read no label, and differ in which images have one, are trained once.

    Args:
      points: with different ids.
      load: gives a data set; called once for each that is named.
      finished: ids of those that need no training.
    """
    trained: dict[str, str] = {}
    for point in sorted(points, key=lambda point: point.id not in finished):
        trained.setdefault(point.setting.training, point.id)
    all_of_them = {point.id: trained[point.setting.training] for point in points}
    alike = {identity: other for identity, other in all_of_them.items() if identity != other}
    datasets: dict[tuple[Any, ...], Dataset] = {}
    members: dict[Static, list[GridPoint]] = {}
    labelled: dict[str, np.ndarray] = {}
    chosen: dict[tuple[Any, ...], np.ndarray] = {}
    scored: set[tuple[Any, ...]] = set()  # what `check_scoring` has seen
    passes: dict[tuple[Any, ...], bool] = {}  # what a routine depends on → see `_passes`
    missing: dict[tuple[Dataset, int], list[int]] = {}
    names: dict[str, tuple[str, ...]] = {}
    prints: dict[str, str] = {}
    places: dict[str, str] = {}
    invariances: dict[str, tuple[str, ...]] = {}
    columns: dict[str, dict[str, Any]] = {}
    damaged: dict[str, tuple[str, ...]] = {}
    for point in points:
        c = point.setting
        source = c.source
        if source not in datasets:
            datasets[source] = load(c)
            # by both: runs of earlier versions know the first alone
            names[dataset_name(c)] = names[described(c)] = datasets[source].classes
            prints[described(c)] = data.fingerprint(datasets[source])
            path = datasets[source].path
            if path is not None:
                places[described(c)] = str(path.resolve())
            declared = datasets[source].invariances
            if declared is not None:
                invariances[described(c)] = declared
            if datasets[source].damaged:
                damaged[described(c)] = datasets[source].damaged
            of_vectors = datasets[source].columns
            if of_vectors is not None:
                columns[described(c)] = columns_as_json(of_vectors)
        dataset = datasets[source]
        scoring = source, *(c[path] for path in READ_BY_SCORING)
        if scoring not in scored:
            check_scoring(c, dataset)
            scored.add(scoring)
        selection = source, c.labelled_by
        if selection not in chosen:
            indices = select(c, dataset)
            if not len(indices):
                raise ConfigError(
                    f"{dataset.name}: fold {c['data.fold']} holds all images that are to be "
                    "labelled, and none is left to learn from: label more of them"
                )
            chosen[selection] = indices
            lost = labels.missing_classes(dataset.train.y, indices, len(dataset.classes))
            missing.setdefault((dataset, len(indices)), []).append(lost)
        labelled[point.id] = chosen[selection]
        if point.id not in alike:
            routine = c.static, *c.numbers.items()  # a part may refuse a number on these data
            if routine not in passes:
                passes[routine] = _passes(c, dataset)
            shape = _static(c, passes[routine], len(labelled[point.id]))
            members.setdefault(shape, []).append(point)
    for shape, group in members.items():
        _check(shape, group[0].setting.on(datasets[group[0].setting.source]))
    return Plan(
        tuple(
            Cohort(shape, tuple(group), max(len(labelled[point.id]) for point in group))
            for shape, group in members.items()
        ),
        alike,
        labelled,
        (
            *dict.fromkeys(note for dataset in datasets.values() for note in dataset.notes),
            *dict.fromkeys(
                note
                for point in points
                if point.setting["data.fold"] is not None
                and (note := note_of_folds(datasets[point.setting.source]))
            ),
            *(
                f"{dataset.name}: {count} labelled images leave {_span(lost)} "
                f"of {len(dataset.classes)} classes without a label"
                for (dataset, count), lost in missing.items()
                if max(lost)
            ),
        ),
        names,
        prints,
        places,
        invariances,
        columns,
        damaged,
        shared_labels([point.setting for point in points]),
    )


def static(point: GridPoint, dataset: Dataset, labelled_count: int) -> Static:
    """What shapes this point's program."""
    return _static(point.setting, _passes(point.setting, dataset), labelled_count)


def _static(setting: Setting, passes: bool, labelled_count: int) -> Static:
    return Static(setting.static, labelled_count if passes else None)


def _passes(setting: Setting, dataset: Dataset) -> bool:
    """Whether an epoch is a pass over the labelled images: then their number shapes the program."""
    phases = setting.on(dataset).method.routine.phases
    return any(phase.length == "labelled" for phase in phases)


def _check(shape: Static, first: SettingOnData) -> None:
    """What only the data set and the number of epochs can tell."""
    c = first.setting
    counts = epoch.count_steps(first.method.routine, first.sizes(shape.labelled_count), c.epochs)
    for phase, count in counts.items():
        if not count:
            raise ConfigError(
                f"routine.name={c['routine.name']} has no {phase} step in {c.length}: train "
                "longer, or let that phase begin sooner"
            )


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
