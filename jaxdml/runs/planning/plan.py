"""From points to cohorts: which points can share a compiled program, and their labelled images."""

from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from jaxdml import data
from jaxdml.data import labels
from jaxdml.options import ConfigError
from jaxdml.report.tables.sharing import shared_labels
from jaxdml.runs.planning.loading import LoadDataset, described
from jaxdml.runs.planning.methods import assembler, sizes_of
from jaxdml.runs.planning.splits import check_scoring, note_of_folds, select
from jaxdml.settings import config
from jaxdml.train import epoch
from jaxdml.types import Cohort, Dataset, PointConfig, Routine, Static


class Plan(NamedTuple):
    """What is to be trained."""

    cohorts: tuple[Cohort, ...]  # of points that are different trainings
    alike: dict[str, str]  # id of any other point → that of the one which is the same training
    labelled: dict[str, np.ndarray]  # point id → rows of its training set
    notes: tuple[str, ...]  # what the user should know of the data
    classes: dict[str, tuple[str, ...]]  # name of a data set → the names of its classes
    data: dict[str, str]  # a data set, as `described` → its fingerprint
    places: dict[str, str]  # a data set, as `described` → where its files lie, if it has any
    shared: str | None  # what to say where seeds share their labelled images


def plan(
    points: Sequence[PointConfig], load: LoadDataset, finished: Set[str] = frozenset()
) -> Plan:
    """Cohorts of points that differ in numbers, labelled images and seed only, in order.

    Points that read no label, and differ in which images have one, are trained once.

    Args:
      points: resolved configurations.
      load: gives a data set; called once for each that is named.
      finished: ids of those that need no training.
    """
    trained: dict[str, str] = {}
    for point in sorted(points, key=lambda point: point.id not in finished):
        trained.setdefault(config.training(point.config), point.id)
    all_of_them = {point.id: trained[config.training(point.config)] for point in points}
    alike = {one: other for one, other in all_of_them.items() if one != other}
    datasets: dict[tuple[Any, ...], Dataset] = {}
    members: dict[Static, list[PointConfig]] = {}
    labelled: dict[str, np.ndarray] = {}
    chosen: dict[tuple[Any, ...], np.ndarray] = {}
    missing: dict[tuple[Dataset, int], list[int]] = {}
    names: dict[str, tuple[str, ...]] = {}
    prints: dict[str, str] = {}
    places: dict[str, str] = {}
    for point in points:
        c = point.config
        source = config.source(c)
        if source not in datasets:
            datasets[source] = load(c)
            names[config.dataset_name(c)] = datasets[source].classes
            prints[described(c)] = data.fingerprint(datasets[source])
            lies = datasets[source].place
            if lies is not None:
                places[described(c)] = str(lies.resolve())
        dataset = datasets[source]
        check_scoring(c, dataset)
        selection = (
            source,
            *(c[p] for p in config.SELECTIONS),
            c["data.stratified"],
            c.get("data.fold"),
        )
        if (*selection, c["data.labels_seed"]) not in chosen:
            indices = select(point, dataset)
            if not len(indices):
                raise ConfigError(
                    f"{dataset.name}: fold {c.get('data.fold')} holds all images that are to be "
                    "labelled, and none is left to learn from: label more of them"
                )
            chosen[(*selection, c["data.labels_seed"])] = indices
            lost = labels.missing_classes(dataset.train.y, indices, len(dataset.classes))
            missing.setdefault((dataset, len(indices)), []).append(lost)
        labelled[point.id] = chosen[(*selection, c["data.labels_seed"])]
        if point.id not in alike:
            members.setdefault(static(point, dataset, len(labelled[point.id])), []).append(point)
    for shape, group in members.items():
        c = group[0].config
        _check(shape, group[0], datasets[config.source(c)])
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
                if point.config.get("data.fold") is not None
                and (note := note_of_folds(datasets[config.source(point.config)]))
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
        shared_labels([point.config for point in points]),
    )


def static(point: PointConfig, dataset: Dataset, labelled_count: int) -> Static:
    """What shapes this point's program."""
    passes = any(phase.length == "labelled" for phase in routine(point, dataset).phases)
    return Static(config.static_options(point.config), labelled_count if passes else None)


def length(resolved: Mapping[str, Any]) -> str:
    """How long a training is, as the configuration says it."""
    path = "train.epochs" if resolved["train.steps"] is None else "train.steps"
    return f"{path}={resolved[path]}"


def _check(shape: Static, point: PointConfig, dataset: Dataset) -> None:
    """What only the data set and the number of epochs can tell."""
    c = point.config
    phases = routine(point, dataset)
    sizes = sizes_of(c, dataset, shape.labelled_count, phases)
    counts = epoch.count_steps(phases, sizes, config.epochs(c))
    for phase, count in counts.items():
        if not count:
            raise ConfigError(
                f"routine.name={c['routine.name']} has no {phase} step in {length(c)}: train "
                "longer, or let that phase begin sooner"
            )


def routine(point: PointConfig, dataset: Dataset) -> Routine:
    """The routine of a point, with its numbers as they are."""
    return assembler(point.config, dataset)({}).routine


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
