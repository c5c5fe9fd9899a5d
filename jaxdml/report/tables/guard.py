"""Is the method worth it? All methods beside the best one, on held-out labelled images.

Where labelled images take turns as test images, every method predicts each of them once. Two
methods are told apart by the images that only one of them has right, McNemar's exact test (McNemar
1947), by Holm's procedure over all pairs of methods. Somebody with few labels learns here whether a
network is better than raw pixels at all, or that there are too few labels to tell.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxdml.report.tables import summary
from jaxdml.report.tables.sharing import FOLD
from jaxdml.report.tables.statistics import LEVEL, holm, sign_test
from jaxdml.report.tables.summary import Measure
from jaxdml.report.tables.table import Table

TOO_FEW = "too few labels to tell"


class Disagreements(NamedTuple):
    """How many images only one of two methods has right."""

    only_first: int  # images that the first one alone has right
    only_other: int

    @property
    def p(self) -> float:
        """Of the two-sided exact test that each of these images is as likely of either kind.

        >>> round(Disagreements(5, 1).p, 5), Disagreements(0, 0).p
        (0.21875, 1.0)
        """
        return sign_test(*self)


def disagreements(first: str, other: str) -> Disagreements:
    """Counts the images that only one of two methods has right.

    Args:
      first, other: a letter for each image, in the same order: "1" if it is right, else "0".

    >>> disagreements("1101", "0111")
    Disagreements(only_first=1, only_other=1)
    """
    pairs = list(zip(first, other, strict=True))
    return Disagreements(pairs.count(("1", "0")), pairs.count(("0", "1")))


def table(
    results: Sequence[Mapping[str, Any]], paths: Sequence[str], measure: Measure
) -> Table | None:
    """A row for each method, the best first, each but the best one held against it.

    Args:
      results: pooled ones, see `folds.pooled`, and those of baselines.
      paths: the grid's, with that of the system.
      measure: which accuracy.

    Returns:
      `None` where labelled images do not take turns, there is one method only, or methods have not
      the same images.
    """
    settings: dict[str, str] = {}
    images_of: set[str] = set()
    for group in summary.groups(results, paths):
        for result, right in _first_right(group.ok, measure):
            settings[_name(group.setting, paths)] = right
            images_of.add(_images(result["config"]))
    if len(settings) < 2 or len(images_of) != 1:
        return None
    images = len(next(iter(settings.values())))
    best, *others = sorted(settings, key=lambda name: -settings[name].count("1"))
    pairs = list(itertools.combinations([best, *others], 2))
    disagreements_by_pair = {
        pair: disagreements(settings[pair[0]], settings[pair[1]]) for pair in pairs
    }
    adjusted = dict(
        zip(pairs, holm([counts.p for counts in disagreements_by_pair.values()]), strict=True)
    )
    most = settings[best].count("1")
    equal = [name for name in others if settings[name].count("1") == most]
    first = "as many right" if equal else "the best here"
    body = [[best, first, f"{most} of {images}", "–", "–", "–"]]
    for name in others:
        disagreement_counts, p = disagreements_by_pair[best, name], adjusted[best, name]
        counts = [f"{settings[name].count('1')} of {images}", *map(str, disagreement_counts)]
        body.append([name, "worse" if p <= LEVEL else TOO_FEW, *counts, f"{p:.2g}"])
    undecided = [name for name in others if adjusted[best, name] > LEVEL]
    title = f"Which method for these labels, {measure.words}"
    heading = ["method", "verdict", "right", "only the best right", "only this right", "p"]
    notes = [_conclusion(best, equal, undecided, images), NOTE]
    return Table(title, heading, body, 2, notes)


def _first_right(
    results: Sequence[Mapping[str, Any]], measure: Measure
) -> list[tuple[Mapping[str, Any], str]]:
    """The first seed, and which images are right there; nothing where it is not told."""
    return [
        (result, score["right"])
        for result in results
        if result.get("pooled")
        for score in result["scores"]
        if summary.measure(score) == measure and score.get("right")
    ][:1]


def _images(config: Mapping[str, Any]) -> str:
    """Which images are held out, in which order."""
    return str(sorted((p, str(v)) for p, v in config.items() if _says_images(p)))


def _says_images(path: str) -> bool:
    return path.startswith("data.") and path not in (FOLD, "data.invariances")


def _name(setting: Mapping[str, Any], paths: Sequence[str]) -> str:
    """A setting in words.

    >>> _name({"system": "dml", "loss.view": None, "train.steps": 9}, ["system"])
    'dml, train.steps 9'
    """
    words = [
        str(value) if path == "system" else f"{summary.short(path, paths)} {value}"
        for path, value in setting.items()
        if value is not None
    ]
    return ", ".join(words) or "the setting"


def _conclusion(best: str, equal: Sequence[str], undecided: Sequence[str], images: int) -> str:
    """The sentence that says which method is the best, or that there are too few labels to tell.

    >>> _conclusion("few", [], [], 50)
    'few is the best on the 50 held-out labelled images, and better than each other one.'
    >>> _conclusion("few", ["pca"], ["pca"], 50)  # doctest: +ELLIPSIS
    'few, pca: equally many of the 50 held-out labelled images are right. Label more images, or ...'
    """
    if equal:
        names = ", ".join([best, *equal])
        others = [name for name in undecided if name not in equal]
        apart = f", and these labels are too few to tell {', '.join(others)} apart" * bool(others)
        return (
            f"{names}: equally many of the {images} held-out labelled images are right{apart}. "
            "Label more images, or take the simplest of these."
        )
    start = f"{best} is the best on the {images} held-out labelled images, "
    if not undecided:
        return f"{start}and better than each other one."
    return (
        f"{start}but these labels are too few to tell it from {', '.join(undecided)}: label more "
        "images, or take the simplest of these."
    )


NOTE = (
    "Each labelled image is held out once, by training on the others; of several seeds the first "
    "one counts. p: McNemar's exact test on the images that one of two methods alone has right, by "
    "Holm's procedure over all pairs of methods. Folds share training images, which this test does "
    "not know: a p just below 0.05 is weak."
)
