"""From points to cohorts: which points can share a compiled program, and their labelled images."""

from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from jaxdml import assembly, config, data
from jaxdml.data import labels
from jaxdml.evaluate.protocols import find_protocol
from jaxdml.options import ConfigError
from jaxdml.report.sharing import shared_labels
from jaxdml.runs.methods import assembler, sizes_of
from jaxdml.train import epoch
from jaxdml.types import Cohort, Dataset, PointConfig, Routine, Split, Static

LoadDataset = Callable[[Mapping[str, Any]], Dataset]  # of a resolved configuration


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


def described(resolved: Mapping[str, Any]) -> str:
    """Which images there are, in words: the same ones for the same words."""
    said = config.lasting(dict(config.source(resolved)))
    return " ".join(f"{path.removeprefix('data.')}={value}" for path, value in said.items())


def check_scoring(resolved: Mapping[str, Any], dataset: Dataset) -> None:
    """Makes sure that a data set has what the protocols of a configuration read.

    Raises:
      ConfigError: if there are too few images to score on, a protocol that is fitted on all
        training images would miss labels or see those of test images, or there is no such fold.
    """
    y, fold = np.asarray(dataset.train.y), resolved.get("data.fold")
    if fold is not None and fold >= dataset.folds:
        raise ConfigError(
            f"data.fold is {fold}, but {dataset.name} has {dataset.folds or 'no'} folds: leave it "
            "unset, since each is a point by itself"
        )
    part, on_test = scored(dataset, resolved), resolved["eval.split"] == "test"
    if fold is not None and on_test and len(part.y) < 2:
        raise ConfigError(
            f"{dataset.name} has {dataset.folds} folds, but too few labelled images: fold {fold} "
            f"holds {len(part.y)} of them, and two are the least; set data.folds lower, or to 0"
        )
    if len(part.y) < 2 and not (dataset.folds and on_test):
        raise ConfigError(
            f"eval.split is {resolved['eval.split']}, but {dataset.name} has "
            f"{len(part.y) or 'no'} such images, and two are the least: set apart some by "
            "data.validation, and score on them"
        )
    missing = int((y < 0).sum())
    for name in resolved["eval.protocols"]:
        if "train_labels" not in find_protocol(name).needs:
            continue
        if missing:
            raise ConfigError(
                f"the protocol {name} is fitted on all training images with their labels, but "
                f"{missing} of the {len(y)} of {dataset.name} have none: leave {name} out; "
                "labelled is fitted on those that have one"
            )
        if dataset.folds and on_test:
            raise ConfigError(
                f"the protocol {name} is fitted on all training images, and {dataset.name} has no "
                f"other test images: leave {name} out, or set test images apart by data.folds=0"
            )


def scored(dataset: Dataset, resolved: Mapping[str, Any]) -> Split:
    """The part of a data set that a point is scored on, which may be empty.

    It is the test or the validation images, as `eval.split` says; or, where labelled images take
    turns, the fold that `data.fold` names: training images whose labels this point does not see.
    """
    if resolved["eval.split"] != "test":
        return dataset.validation
    if resolved.get("data.fold") is None:
        return dataset.test
    rows = _fold(dataset, resolved["data.fold"])
    return Split(dataset.train.x[rows], np.asarray(dataset.train.y)[rows])


def counts(dataset: Dataset, resolved: Mapping[str, Any]) -> dict[str, Any]:
    """How many images a point is scored on; of a fold also how many of each class."""
    y = np.asarray(scored(dataset, resolved).y)
    found: dict[str, Any] = {"scored": len(y)}
    if resolved.get("data.fold") is not None:
        found["folds"] = dataset.folds
        present, each = np.unique(y, return_counts=True)
        found["scored_per_class"] = {str(c): int(n) for c, n in zip(present, each, strict=True)}
    return found


def _fold(dataset: Dataset, fold: int) -> np.ndarray:
    return np.flatnonzero(labels.folds(np.asarray(dataset.train.y), dataset.folds) == fold)


def with_folds(points: Sequence[PointConfig], load: LoadDataset) -> list[PointConfig]:
    """Points, and before each one without test images the same one for each of its folds.

    Args:
      points: resolved configurations.
      load: gives data sets.
    """
    found: dict[str, PointConfig] = {}
    for point in points:
        c = point.config
        folds = load(c).folds if "data.folds" in c and c["eval.split"] == "test" else 0
        held_out = range(folds) if c.get("data.fold") is None else ()
        for one in (*(config.point(dict(c) | {"data.fold": fold}) for fold in held_out), point):
            found.setdefault(one.id, one)
    return list(found.values())


def describe(plan: Plan) -> str:
    """The plan in words: cohorts, points, and programs to compile."""
    lines = []
    points = programs = 0
    for cohort in plan.cohorts:
        c = cohort.points[0].config
        routine = assembly.assemble(c, (1, 1, 1), 2).routine
        patterns = {
            (routine.pattern(n), config.counted(c, n)) for n in range(1, config.epochs(c) + 1)
        }
        path, _, number = _length(c).partition("=")
        epochs = f"{number} {path.removeprefix('train.')} of batches of {c['train.batch_size']}"
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
    return "\n".join([*lines, total, *(f"note: {note}" for note in said(plan))])


def note_of_folds(dataset: Dataset) -> str | None:
    """What to say where labelled images take turns as test images."""
    if not dataset.folds:
        return None
    count = int((labels.folds(np.asarray(dataset.train.y), dataset.folds) >= 0).sum())
    return (
        f"{dataset.name} has no test images: each setting is trained {dataset.folds} times, and "
        f"scored each time on a part of its {count} labelled images whose labels it did not see; "
        f"an accuracy on {count} images has a standard error of up to {0.5 / np.sqrt(count):.2g}; "
        "once more it is trained with all labels, to be used (data.folds=0 sets images apart)"
    )


def said(plan: Plan) -> list[str]:
    """What the user should know before it starts."""
    return [*plan.notes, *([plan.shared] if plan.shared else [])]


def title(cohort: Cohort) -> str:
    """A cohort in a few words."""
    c = cohort.points[0].config
    names = ("system", "loss.name", "prior.name", "routine.name")
    parts = " · ".join(c[path] for path in names if path in c)
    return f"{parts} on {config.dataset_name(c)}, {c['model.latent_dim']}-D"


def _length(resolved: Mapping[str, Any]) -> str:
    path = "train.epochs" if resolved["train.steps"] is None else "train.steps"
    return f"{path}={resolved[path]}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def select(point: PointConfig, dataset: Dataset) -> np.ndarray:
    """Rows of the training set that are labelled for this point."""
    c = point.config
    rows = labels.select(
        dataset.train.y,
        percent=c["data.labelled_percent"],
        count=c["data.labelled_count"],
        per_class=c["data.labels_per_class"],
        stratified=c["data.stratified"],
        seed=c["data.labels_seed"],
    )
    return (
        rows if c.get("data.fold") is None else np.setdiff1d(rows, _fold(dataset, c["data.fold"]))
    )


def static(point: PointConfig, dataset: Dataset, labelled_count: int) -> Static:
    """What shapes this point's program."""
    passes = any(phase.length == "labelled" for phase in routine(point, dataset).phases)
    return Static(config.static_options(point.config), labelled_count if passes else None)


def _check(shape: Static, point: PointConfig, dataset: Dataset) -> None:
    """What only the data set and the number of epochs can tell."""
    c = point.config
    phases = routine(point, dataset)
    sizes = sizes_of(c, dataset, shape.labelled_count, phases)
    counts = epoch.count_steps(phases, sizes, config.epochs(c))
    for phase, count in counts.items():
        if not count:
            raise ConfigError(
                f"routine.name={c['routine.name']} has no {phase} step in {_length(c)}: train "
                "longer, or let that phase begin sooner"
            )


def routine(point: PointConfig, dataset: Dataset) -> Routine:
    """The routine of a point, with its numbers as they are."""
    return assembler(point.config, dataset)({}).routine


def image_shape(dataset: Dataset) -> tuple[int, int, int]:
    """(H, W, C)."""
    height, width, channels = dataset.train.x.shape[1:]
    return height, width, channels


def loader(
    data_dir: Any,
    places: Mapping[str, str] = MappingProxyType({}),
    prints: Mapping[str, str] = MappingProxyType({}),
) -> LoadDataset:
    """Loads each data set once.

    Args:
      data_dir: the folder that holds the files of all sets.
      places: a data set, as `described` → where its files were in an earlier call: used where the
        path of its configuration leads nowhere, as from another working folder.
      prints: a data set, as `described` → its fingerprint in an earlier call. One that was made
        before there were folds, with test images set apart, stays so.
    """
    loaded: dict[tuple[Any, ...], Dataset] = {}

    def load(resolved: Mapping[str, Any]) -> Dataset:
        source = config.source(resolved)
        if source not in loaded:
            options = {path.removeprefix("data."): value for path, value in source}
            name, before = options.pop("name"), places.get(described(resolved))
            try:
                loaded[source] = data.load(name, data_dir, **options)
            except ConfigError:
                if not options.get("path") or not before or not Path(before).exists():
                    raise
                options |= {"path": before}
                loaded[source] = data.load(name, data_dir, **options)
            print_before = prints.get(described(resolved))
            if loaded[source].folds and print_before not in (
                None,
                data.fingerprint(loaded[source]),
            ):
                apart = data.load(name, data_dir, **options | {"folds": 0})
                if data.fingerprint(apart) == print_before:
                    loaded[source] = apart
        return loaded[source]

    return load


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
