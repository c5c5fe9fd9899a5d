"""Where labelled images take turns as test images: the points of all folds, as one result."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from jaxdml.report.tables.sharing import FOLD

Result = Mapping[str, Any]


def pooled(results: Sequence[Result]) -> list[Result]:
    """Replaces the results of all folds of a setting and seed by one result.

    It has the scores of all held-out images together: accuracy, with which of them are right, and
    from the recalls of each class balanced accuracy. It counts only if each of its folds does. Its
    note names the point that was trained with all labels. In all else it is the first fold.

    Args:
      results: as `result.json` holds them, those of folds with `scored_per_class` and `folds`.

    >>> def fold(number, right):
    ...     score = {"protocol": "labelled", "classifier": "knn", "embedding": "mean",
    ...              "metric": "accuracy", "value": right / 2, "recalls": {"0": right / 2}}
    ...     return {"point": str(number), "status": "ok", "note": None, "scores": [score],
    ...             "config": {"data.fold": number}, "scored": 2, "scored_per_class": {"0": 2},
    ...             "folds": 2}
    >>> [result] = pooled([fold(0, 1), fold(1, 2)])
    >>> result["scores"][0]["value"], result["scored"]
    (0.75, 4)
    """
    folds: dict[str, list[Result]] = {}
    last: dict[str, Result] = {}
    for result in results:
        if result["config"].get(FOLD) is not None:
            folds.setdefault(_setting(result), []).append(result)
        elif not result.get("scored", 1):
            last[_setting(result)] = result
    pooled_results: list[Result] = []
    for result in results:
        setting = _setting(result)
        if setting not in folds:
            pooled_results.append(result)
        elif folds[setting][0] is result:
            pooled_results.append(_pool(folds[setting], last.get(setting)))
    return pooled_results


def standard_error(result: Result, accuracy: float) -> float | None:
    """The binomial one of an accuracy on held-out labelled images; `None` of other results.

    >>> standard_error({"pooled": True, "scored": 100}, 0.5)
    0.05
    """
    if not result.get("pooled"):
        return None
    return math.sqrt(accuracy * (1 - accuracy) / result["scored"])


def _setting(result: Result) -> str:
    config = {path: str(value) for path, value in result["config"].items() if path != FOLD}
    return f"{result.get('folder')} {sorted(config.items())}"


def _pool(folds: Sequence[Result], last: Result | None) -> Result:
    lost = next((result for result in folds if result["status"] != "ok"), None)
    if lost is None and len(folds) < folds[0]["folds"]:
        why = f"{len(folds)} of its {folds[0]['folds']} folds are finished"
        lost = dict(folds[0]) | {"status": "failed", "reason": why}
    notes = [note for result in folds for note in (result["note"] or "").split("; ") if note]
    if last is not None:
        notes.append(f"the point trained with all labels, to be used, is {last['point']}")
    folds = sorted(folds, key=lambda result: result["config"][FOLD])
    base_result = dict(lost or folds[0])
    counts = [result.get("scored_per_class", {}) for result in folds]
    return base_result | {
        "pooled": True,
        "scored": sum(result["scored"] for result in folds),
        "note": "; ".join(dict.fromkeys(notes)) or None,
        "scores": [] if lost else _scores(folds, counts),
    }


def _scores(folds: Sequence[Result], counts: Sequence[Mapping[str, int]]) -> list[dict[str, Any]]:
    """Accuracies and balanced accuracies of all images together."""
    scores: list[dict[str, Any]] = []
    for score in folds[0]["scores"]:
        if score["metric"] != "accuracy":
            continue
        kind = {name: score[name] for name in ("protocol", "classifier", "embedding", "metric")}
        each: list[Any] = [
            next((s for s in r["scores"] if kind.items() <= s.items()), None) for r in folds
        ]
        if None in each:
            continue  # of some folds there is no such score
        right: dict[str, float] = {}
        images: dict[str, int] = {}
        for fold_score, count in zip(each, counts, strict=True):
            for label, recall in fold_score["recalls"].items():
                right[label] = right.get(label, 0.0) + recall * count[label]
                images[label] = images.get(label, 0) + count[label]
        recalls = {label: right[label] / images[label] for label in sorted(right, key=int)}
        accuracy = sum(right.values()) / sum(images.values())
        balanced = sum(recalls.values()) / len(recalls)
        each_right = (
            {"right": "".join(fold_score["right"] for fold_score in each)}
            if _has_right(each)
            else {}
        )
        scores += [
            kind | {"value": accuracy, "recalls": recalls} | each_right,
            kind | {"metric": "balanced_accuracy", "value": balanced},
        ]
    return scores


def _has_right(scores: Sequence[Mapping[str, Any]]) -> bool:
    """Whether each score says which images are right; runs of older versions do not."""
    return all("right" in score for score in scores)
