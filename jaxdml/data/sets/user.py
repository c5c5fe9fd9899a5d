"""What data sets of a user's own share: where they lie, and the test images that they may lack."""

import contextlib
import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxdml.data import copies, labels
from jaxdml.data.check import check
from jaxdml.data.folders import first_names, plain, text
from jaxdml.options import ConfigError, between, listed
from jaxdml.types import Columns, Dataset, Split

FOLDS = 5  # of labelled images, where there are no test images
FEWEST = 40  # images that are set apart rather than folds made
SPLITS = ("train", "val", "test")  # as files name them


def located(name: str, path: str, data_dir: Path) -> Path:
    """Where the files of a data set lie.

    Args:
      name: of the data set, for the error message.
      path: as the user gives it: from here, or from `data_dir`. What is no longer there may lie in
        `data_dir` by its last part, as on another machine.
      data_dir: the folder that holds the files of all sets.

    Raises:
      ConfigError: if it is in none of these places.
    """
    if not path:
        raise ConfigError(
            f"data.name={name} needs data.path: say where your images lie, like "
            "--config.data.path=photos"
        )
    try:
        user_path = Path(path).expanduser()
    except RuntimeError:  # ~nobody
        user_path = Path(path)
    for candidate in (user_path, data_dir / user_path, data_dir / user_path.name):
        with contextlib.suppress(OSError):  # a name that is too long; a folder that is not open
            if candidate.is_file() or candidate.is_dir():
                return candidate
        if os.path.lexists(candidate):  # also a link to nowhere
            raise ConfigError(
                f"data.path={path} is neither a file nor a folder, but a pipe, a socket or a "
                "device: name a file or a folder"
            )
    raise ConfigError(
        f"data.path={path}: there is no such file or folder here, nor in --data_dir={data_dir}"
    )


def dataset(
    path: Path,
    parts: Mapping[str, Split],
    classes: Sequence[str] | None,
    test_percent: int,
    folds: int | None,
    notes: Sequence[str] = (),
    called: Callable[[str, int], str] | None = None,
    columns: Columns | None = None,
) -> Dataset:
    """A data set of a user's own; without test images it gets some.

    Images that are there more than once are counted in its notes.

    Args:
      path: of its file or folder, whose name it has.
      parts: what there is of `SPLITS`, and `train` at least. Without `test` some of the labelled
        training images are taken: always the same ones, the same share of each class.
      classes: the name of class i; `None`: they are numbered as far as there are labels.
      test_percent: that share, in [1, 90].
      folds: how many parts of the labelled images take turns as test images instead. `None`: five,
        where test images would be fewer than forty; 0: none.
      notes: what the user should know.
      called: what image i of a part is called, like its file. `None`: like `x_test[3]`.
      columns: of vectors, whose range is free.

    Raises:
      ConfigError: if it is not what `check` wants, a class has no image at all, or there are too
        few labels to set some apart.
    """
    train, name = parts["train"], text(path.absolute().name)
    used = np.unique(np.concatenate([part.y for part in parts.values()]))
    used = used[used >= 0]
    class_names = range(len(used)) if classes is None else classes
    if classes is not None and len({*classes, ""}) <= len(classes):
        raise ConfigError(
            f"{name}: each class needs a name of its own, but they are called {listed(classes)}"
        )
    if classes is None and len(used) and used[-1] >= len(used):
        gap = int(np.argmax(used != np.arange(len(used))))
        raise ConfigError(
            f"{name}: there are labels up to {used[-1]}, but no image is of class {gap}: number "
            "the classes from 0 without a gap"
        )
    empty = Split(train.x[:0], train.y[:0])
    new_dataset = Dataset(
        name=name,
        train=train,
        validation=parts.get("val", empty),
        test=parts.get("test", empty),
        classes=tuple(plain(str(name)) for name in class_names),
        source="images of your own" if columns is None else "vectors of your own",
        path=path,
        notes=tuple(notes),
        columns=columns,
        names=tuple((called or row_of)("train", row) for row in range(len(train.y))),
    )
    check(new_dataset)
    unused = np.setdiff1d(np.arange(len(class_names)), used)
    if len(unused):
        raise ConfigError(
            f"{name}: no image is of class {listed(new_dataset.classes[i] for i in unused[:5])}: "
            "name only classes that have an image"
        )
    new_dataset = new_dataset if "test" in parts else _with_test(new_dataset, test_percent, folds)
    repeated = copies.notes(new_dataset, parts, called or row_of)
    return dataclasses.replace(
        new_dataset,
        notes=(
            *new_dataset.notes,
            *_alike(new_dataset),
            *_untested(new_dataset),
            *repeated,
            *_across(new_dataset),
        ),
    )


def row_of(part: str, row: int) -> str:
    """What an image of an `.npz` file is called.

    >>> row_of("train", 3), row_of("test", 0)
    ('x[3]', 'x_test[0]')
    """
    return f"x[{row}]" if part == "train" else f"x_{part}[{row}]"


def _alike(dataset: Dataset) -> list[str]:
    """What to say of classes whose names are the same but for capital letters and spaces."""
    plain = ["".join(name.casefold().split()) for name in dataset.classes]
    counts = Counter(plain)
    same = [name for name, word in zip(dataset.classes, plain, strict=True) if counts[word] > 1]
    if not same:
        return []
    return [f"{dataset.name}: {len(same):,} classes have names that are alike: {first_names(same)}"]


def _untested(dataset: Dataset) -> list[str]:
    """What to say of classes that no test image is of."""
    y = dataset.test.y
    if dataset.folds:
        y = dataset.train.y[labels.folds(dataset.train.y, dataset.folds) >= 0]
    tested = np.unique(y)
    lacking = [name for i, name in enumerate(dataset.classes) if i not in tested]
    if not lacking or not len(tested):
        return []
    verb, them = ("has", "it") if len(lacking) == 1 else ("have", "them")
    return [
        f"{dataset.name}: {len(lacking):,} of {len(dataset.classes):,} classes {verb} no test "
        f"image, and scores say nothing of {them}: {first_names(lacking)}"
    ]


def _across(dataset: Dataset) -> list[str]:
    """What to say of labelled images that have a copy in another fold."""
    if not dataset.folds:
        return []
    [content] = copies.contents([dataset.train])
    fold = labels.folds(dataset.train.y, dataset.folds)
    held_out = [set(fold[(content == number) & (fold >= 0)]) for number in content[fold >= 0]]
    count = sum(len(copy_folds) > 1 for copy_folds in held_out)
    if not count:
        return []
    return [
        f"{dataset.name}: {count:,} labelled images have a copy in another part of those that take "
        "turns as test images, which makes scores look better than they are"
    ]


def _with_test(dataset: Dataset, percent: int, folds: int | None) -> Dataset:
    """Some labelled training images as test images instead, or folds of them, and a note of it."""
    try:
        between("data.test_percent", percent, 1, 90)
        if folds:
            between("data.folds", folds, 2, 100)
    except (ValueError, TypeError) as error:
        raise ConfigError(str(error)) from error
    train = dataset.train
    apart = held_out(train.y, percent)
    few = folds is None and len(apart) < FEWEST
    if (few or folds) and len(apart) > 1:
        most = int((labels.folds(train.y, FOLDS) >= 0).sum()) // 2  # two images each
        if folds and folds > most:
            raise ConfigError(
                f"data.folds is {folds}, but {dataset.name} has labelled images for {most} folds "
                "of two at most"
            )
        return dataclasses.replace(dataset, folds=folds or min(FOLDS, most))
    if len(apart) < 2:
        raise ConfigError(
            f"{dataset.name} has no test images, and fewer than two classes have two labelled "
            "images, of which one could be set apart: label some more"
        )
    rest = np.setdiff1d(np.arange(len(train.y)), apart)
    left = int((train.y[rest] >= 0).sum())
    deviation = 0.5 / np.sqrt(len(apart))  # of a share, where it is largest
    note = (
        f"{dataset.name} has no test images: {len(apart)} of its {len(apart) + left} labelled "
        f"images are set apart to score on (data.test_percent), {left} are left to learn from; "
        f"an accuracy on {len(apart)} images has a standard error of up to {deviation:.2g}"
    )
    return dataclasses.replace(
        dataset,
        train=Split(train.x[rest], train.y[rest]),
        test=Split(train.x[apart], train.y[apart]),
        set_apart=True,
        names=tuple(dataset.names[row] for row in rest),
        notes=(*dataset.notes, note),
    )


def held_out(y: np.ndarray, percent: int) -> np.ndarray:
    """Rows to test on: so many percent of each class, at least one, and never all.

    Args:
      y: i32[N]; rows below 0 have no label and are never chosen.
      percent: of the labelled images of a class, rounded.

    Returns:
      i64[M], sorted; the same for the same labels. A class of one image has none in it.

    >>> held_out(np.array([0] * 10 + [1] * 2 + [2] + [-1] * 9), 20).size
    3
    """
    random = np.random.default_rng(0)
    chosen = [np.empty(0, int)]
    for label in np.unique(y[y >= 0]):
        rows = random.permutation(np.flatnonzero(y == label))
        count = min(max(1, round(len(rows) * percent / 100)), len(rows) - 1)
        chosen.append(rows[:count])
    return np.sort(np.concatenate(chosen))
