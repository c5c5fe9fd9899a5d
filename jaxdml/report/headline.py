"""What came out, in sentences: the best setting at each number of labels, and what equals it."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from jaxdml.report.tables import comparison, summary
from jaxdml.report.tables.summary import Group, Measure

MOST = 6  # sentences


def headline(
    results: Sequence[Mapping[str, Any]],
    baseline_results: Sequence[Mapping[str, Any]],
    paths: Sequence[str],
    measure: Measure,
    parents: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Sentences, one for each number of labels and whatever else settings have in common.

    Args:
      results: of points, as `result.json` holds them.
      baseline_results: of pixels and their PCA, in the same form.
      paths: the grid's.
      measure: which score.
      parents: of points that began with another's network: point → that one's result.
    """
    groups = [group for group in summary.groups(results, paths) if group.values(measure)]
    leads = comparison.leading(groups, paths, measure)
    lead_by_group = dict(zip(map(id, groups), leads or [], strict=False))
    by_place: dict[Any, list[tuple[str, Group]]] = {}
    for name, cells in comparison.methods(groups, paths).items():
        for place, group in cells.items():
            system = group.results[0]["config"]["system"]
            by_place.setdefault(place, []).append((system if name == "this" else name, group))
    baselines = comparison.methods(summary.groups(baseline_results, paths), paths)
    sentences = []
    for (space, labels), named in by_place.items():
        name, best = max(named, key=lambda one: _mean(one[1], measure))
        share = f"{labels} of the labels" if labels.endswith("%") else labels
        words = [*comparison.space_words(space, paths), *([share] if share else [])]
        parts = [
            f"{': '.join(filter(None, [', '.join(words), name]))} has {measure.words} "
            f"{_mean(best, measure):.3f}, {_seeds(len(best.values(measure)))}"
        ]
        if len(named) > 1:
            flags = {other: lead_by_group.get(id(group)) for other, group in named}
            parts.append(_against(name, flags))
        parts += _of_parents(best, measure, parents)
        beside = [
            f"{baseline} {_mean(cells[space, labels], measure):.3f}"
            for baseline, cells in baselines.items()
            if (space, labels) in cells and cells[space, labels].values(measure)
        ]
        if beside:
            parts.append(f"without a network, {' and '.join(beside)}")
        sentences.append(f"{'; '.join(parts)}.")
    left = len(sentences) - MOST
    return sentences[:MOST] + ([f"The table has {left} more."] if left > 0 else [])


def _against(best: str, leads: Mapping[str, bool | None]) -> str:
    """How the others stand to the highest mean, by the test of all pairs."""
    count = len(leads) - 1
    others = f"{count} other{'s' * (count != 1)}"
    if None in leads.values():
        return f"the highest of {count + 1}, and nothing is tested"
    if not leads[best]:
        return f"the highest, but not told apart from any of {others}"
    equal = [name for name, lead in leads.items() if lead and name != best]
    if not equal:
        return f"better than {others}"
    return f"better than {count - len(equal)} of {others}; not told apart from {', '.join(equal)}"


def _mean(group: Group, measure: Measure) -> float:
    return statistics.fmean(group.values(measure).values())


def _of_parents(
    group: Group, measure: Measure, parents: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """What the networks had that a group began with, if all are known."""
    own = [parents.get(result["point"], {}) for result in group.ok]
    values = [
        score["value"]
        for parent in own
        for score in parent.get("scores", ())
        if summary.measure(score) == measure
    ]
    if not values or len(values) != len(own):
        return []
    whose = (
        "the network that its training began"
        if len(own) == 1
        else "the networks that its trainings began"
    )
    labels = {parent.get("labelled") for parent in own}
    count = labels.pop() if len(labels) == 1 else None
    with_labels = f", with {count:,} labels" if count else ""
    return [f"{whose} with had {statistics.fmean(values):.3f}{with_labels}"]


def _seeds(count: int) -> str:
    return f"{count} seed" + "s" * (count != 1)
