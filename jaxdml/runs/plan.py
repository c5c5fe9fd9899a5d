"""From points to cohorts: which points can share a compiled program, and their labelled images."""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from jaxdml import config, data, systems
from jaxdml.data import labels
from jaxdml.options import ConfigError
from jaxdml.train import step, streams
from jaxdml.types import Cohort, Dataset, PointConfig, Routine, Split, Static

LoadDataset = Callable[[Mapping[str, Any]], Dataset]  # of a resolved configuration


class Plan(NamedTuple):
    """What is to be trained."""

    cohorts: tuple[Cohort, ...]  # of points that are different trainings
    alike: dict[str, str]  # id of any other point → that of the one which is the same training
    labelled: dict[str, np.ndarray]  # point id → rows of its training set
    notes: tuple[str, ...]  # what the user should know before it starts
    classes: dict[str, tuple[str, ...]]  # name of a data set → the names of its classes
    data: dict[str, str]  # a data set, as `described` → its fingerprint


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
    for point in points:
        c = point.config
        source = config.source(c)
        if source not in datasets:
            datasets[source] = load(c)
            scored(datasets[source], c["eval.split"])
            names[config.dataset_name(c)] = datasets[source].classes
            prints[described(c)] = data.fingerprint(datasets[source])
        dataset = datasets[source]
        selection = (source, *(c[p] for p in config.SELECTIONS), c["data.stratified"])
        if (*selection, c["data.labels_seed"]) not in chosen:
            indices = select(point, dataset)
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
            *(
                f"{dataset.name}: {count} labelled images leave {_span(lost)} "
                f"of {len(dataset.classes)} classes without a label"
                for (dataset, count), lost in missing.items()
                if max(lost)
            ),
        ),
        names,
        prints,
    )


def described(resolved: Mapping[str, Any]) -> str:
    """Which images there are, in words: the same ones for the same words."""
    said = config.lasting(dict(config.source(resolved)))
    return " ".join(f"{path.removeprefix('data.')}={value}" for path, value in said.items())


def scored(dataset: Dataset, split: str) -> Split:
    """The part of a data set that points are scored on.

    Raises:
      ConfigError: if it holds fewer than two images.
    """
    part = dataset.test if split == "test" else dataset.validation
    if len(part.y) < 2:
        raise ConfigError(
            f"eval.split is {split}, but {dataset.name} has {len(part.y) or 'no'} such images, and "
            "two are the least: set apart some by data.validation, and score on them"
        )
    return part


def describe(plan: Plan) -> str:
    """The plan in words: cohorts, points, and programs to compile."""
    lines = []
    points = programs = 0
    for cohort in plan.cohorts:
        c = cohort.points[0].config
        routine = systems.assemble(c, (1, 1, 1), 2).routine
        patterns = {routine.pattern(n) for n in range(1, c["train.epochs"] + 1)}
        epochs = f"{c['train.epochs']} epochs of batches of {c['train.batch_size']}"
        count = len(cohort.points)
        lines.append(
            f"{title(cohort)}: {_many(count, 'point')}, {epochs}, {_many(len(patterns), 'program')}"
        )
        points, programs = points + count, programs + len(patterns)
    total = (
        f"{_many(len(plan.cohorts), 'cohort')}, {_many(points, 'point')}, "
        f"{_many(programs, 'program')} to compile"
    )
    if plan.alike:
        total += f"; {_many(len(plan.alike), 'point')} more read no label, and share a training"
    return "\n".join([*lines, total, *(f"note: {note}" for note in plan.notes)])


def title(cohort: Cohort) -> str:
    """A cohort in a few words."""
    c = cohort.points[0].config
    names = ("system", "loss.name", "prior.name", "routine.name")
    parts = " · ".join(c[path] for path in names if path in c)
    return f"{parts} on {config.dataset_name(c)}, {c['model.latent_dim']}-D"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def select(point: PointConfig, dataset: Dataset) -> np.ndarray:
    """Rows of the training set that are labelled for this point."""
    c = point.config
    return labels.select(
        dataset.train.y,
        percent=c["data.labelled_percent"],
        count=c["data.labelled_count"],
        per_class=c["data.labels_per_class"],
        stratified=c["data.stratified"],
        seed=c["data.labels_seed"],
    )


def static(point: PointConfig, dataset: Dataset, labelled_count: int) -> Static:
    """What shapes this point's program."""
    passes = any(phase.length == "labelled" for phase in routine(point, dataset).phases)
    return Static(config.static_options(point.config), labelled_count if passes else None)


def _check(shape: Static, point: PointConfig, dataset: Dataset) -> None:
    """What only the data set and the number of epochs can tell."""
    c = point.config
    per_batch = config.balanced(c, len(dataset.classes))
    sizes = streams.Sizes(
        c["train.batch_size"], len(dataset.train.y), shape.labelled_count, per_batch
    )
    counts = step.count_steps(routine(point, dataset), sizes, c["train.epochs"])
    for phase, count in counts.items():
        if not count:
            raise ConfigError(
                f"routine.name={c['routine.name']} has no {phase} step in train.epochs="
                f"{c['train.epochs']}: train longer, or let that phase begin sooner"
            )


def routine(point: PointConfig, dataset: Dataset) -> Routine:
    """The routine of a point, with its numbers as they are."""
    return systems.assemble(point.config, image_shape(dataset), len(dataset.classes)).routine


def image_shape(dataset: Dataset) -> tuple[int, int, int]:
    """(H, W, C)."""
    height, width, channels = dataset.train.x.shape[1:]
    return height, width, channels


def loader(data_dir: Any) -> LoadDataset:
    """Loads each data set once."""
    loaded: dict[tuple[Any, ...], Dataset] = {}

    def load(resolved: Mapping[str, Any]) -> Dataset:
        source = config.source(resolved)
        if source not in loaded:
            options = {path.removeprefix("data."): value for path, value in source}
            loaded[source] = data.load(options.pop("name"), data_dir, **options)
        return loaded[source]

    return load


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
