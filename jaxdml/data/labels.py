"""Which training images keep their label: the semi-supervised part of a data set."""

import numpy as np

from jaxdml.options import ConfigError


def select(
    y: np.ndarray,
    *,
    percent: float | None = None,
    count: int | None = None,
    per_class: int | None = None,
    stratified: bool = False,
    seed: int = 0,
) -> np.ndarray:
    """Rows of the training set that keep their label, sorted.

    One of `percent`, `count` and `per_class` says how many; none of them means all. With the same
    seed a smaller uniform selection lies inside a larger one, so that label fractions are
    compared on nested sets.

    Args:
      y: i32[N], the labels; rows below 0 have none and are never chosen.
      percent: of the N images, in (0, 100]; 0.01 % of 60,000 is 6. Rounded, at least 1.
      count: number of images, in [1, N].
      per_class: number of images of each class.
      stratified: give each class its share of `percent` or `count` (largest remainders), instead of
        drawing uniformly, as the thesis does.
      seed: ≥ 0; the draw follows from it alone.

    Returns:
      i64[count].

    Raises:
      ConfigError: if there are not that many labels.

    >>> select(np.array([0, 0, 1, 1, 1, 1]), count=3, stratified=True).size
    3
    """
    candidates = np.flatnonzero(y >= 0)
    order = candidates[np.random.default_rng(seed).permutation(candidates.size)]
    if per_class is not None:
        count_by_class = np.full(int(y.max()) + 1, per_class)
        return _of_each_class(y, order, count_by_class)
    if percent is not None:
        if not 0 < percent <= 100:
            raise ConfigError(
                f"data.labelled_percent must be above 0 and at most 100, but is {percent}"
            )
        count = max(1, round(len(y) * percent / 100))
    if count is None:
        return candidates
    if count > candidates.size:
        raise ConfigError(
            f"data: {count} labelled images are asked for, but only {candidates.size} have a label"
        )
    if not stratified:
        return np.sort(order[:count])
    exact = np.bincount(y[candidates]) * count / candidates.size
    count_by_class = np.floor(exact).astype(int)
    most_owed = np.argsort(count_by_class - exact, kind="stable")
    count_by_class[most_owed[: count - count_by_class.sum()]] += 1
    return _of_each_class(y, order, count_by_class)


def _of_each_class(y: np.ndarray, order: np.ndarray, count_by_class: np.ndarray) -> np.ndarray:
    chosen = []
    for label, number in enumerate(count_by_class):
        rows = order[y[order] == label]
        if rows.size < number:
            raise ConfigError(
                f"data: {number} labelled images of class {label} are asked for, "
                f"but there are {rows.size}"
            )
        chosen.append(rows[:number])
    return np.sort(np.concatenate(chosen))


def folds(y: np.ndarray, count: int) -> np.ndarray:
    """Returns the part in which each image is held out, i64[N]; -1 for images that never are.

    Each part has its share of each class. Images without a label are never held out, nor is the
    only one of its class: nothing would be left to learn the class from.

    Args:
      y: i32[N]; rows below 0 have no label.
      count: ≥ 2.

    >>> np.bincount(folds(np.array([0] * 5 + [1] * 5 + [2] + [-1] * 4), 5) + 1)
    array([5, 2, 2, 2, 2, 2])
    """
    random = np.random.default_rng(0)
    part = np.full(len(y), -1)
    before = 0
    for label in np.unique(y[y >= 0]):
        rows = random.permutation(np.flatnonzero(y == label))
        if len(rows) > 1:
            part[rows] = (before + np.arange(len(rows))) % count
            before += len(rows)
    return part


def missing_classes(y: np.ndarray, labelled: np.ndarray, classes: int) -> int:
    """How many classes have no labelled image.

    Args:
      y: i32[N].
      labelled: i64[L], the rows of `y` that are labelled.
      classes: C; labels are in [0, C).

    >>> missing_classes(np.array([0, 1, 2]), np.array([0, 1]), 3)
    1
    """
    return classes - np.unique(y[labelled]).size
