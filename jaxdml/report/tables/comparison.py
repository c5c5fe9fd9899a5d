"""Does A beat B? Differences at equal seeds, labelled images and latent size."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxdml.report.tables import summary
from jaxdml.report.tables.sharing import LABELS, REPEATS
from jaxdml.report.tables.statistics import FEWEST, INTERVAL, Estimate, paired, verdicts
from jaxdml.report.tables.summary import Group, Measure
from jaxdml.report.tables.table import Table

MOST_METHODS = 8  # that are all shown beside each other; of more, each beside the first
MOST_TESTED = 64  # of which the leading ones are sought


def table(
    results: Sequence[Mapping[str, Any]], paths: Sequence[str], measure: Measure
) -> Table | None:
    """A row for each two methods, and a column for each number of labels.

    A cell is the mean of A − B, its 95 % interval, the number of pairs, and a verdict: whether A is
    better than B there. A column is a family of tests. A method is what a grid varies beside seeds,
    labels, data, latent size and evaluation.

    Args:
      results: as `result.json` holds them.
      paths: the grid's.
      measure: which score.

    Returns:
      `None` if there are no two methods with a pair of equal seeds.
    """
    these = methods(summary.groups(results, paths), paths)
    pairs = list(itertools.combinations(these, 2))
    few = len(these) <= MOST_METHODS
    if not few:
        first = next(iter(these))
        pairs = [(first, other) for other in these if other != first]
    difference_by_key = differences(these, pairs, measure)
    spaces = dict.fromkeys(space for _, _, space, _ in difference_by_key)
    labels = dict.fromkeys(label_words for cells in these.values() for _, label_words in cells)
    body = [
        [
            a,
            b,
            *space,
            *(_cell(difference_by_key.get((a, b, space, label_words))) for label_words in labels),
        ]
        for a, b in pairs
        for space in spaces
        if any((a, b, space, label_words) in difference_by_key for label_words in labels)
    ]
    if not body:
        return None
    heading = ["A", "B", *(summary.short(p, paths) for p in shared(paths))]
    compared = "all pairs" if few else f"the first setting, {first}, with each other one"
    notes = [
        "The mean of A − B over points with the same seed and the same labelled images, its "
        "interval, the number of pairs, and whether A is better or worse. "
        + INTERVAL
        + f" Verdicts are by Holm's procedure at 5 % on the paired t-tests of a column ({compared})"
        f". Fewer than {FEWEST} pairs give none."
    ]
    none = "all labelled" if len(labels) > 1 else measure.metric
    columns = [*heading, *(label_words or none for label_words in labels)]
    return Table(f"Differences in {measure.words}", columns, body, len(heading), notes)


def score_tables(results: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> list[Table]:
    """`summary.tables`, with the leading settings marked."""

    def marked(groups: Sequence[Group], measure: Measure) -> list[bool] | None:
        group_leads = leading([group for group in groups if not group.baseline], paths, measure)
        if group_leads is None:
            return None
        leads = iter(group_leads)
        return [not group.baseline and next(leads) for group in groups]

    return summary.tables(results, paths, marked)


class Difference(NamedTuple):
    """One of a family of differences."""

    estimate: Estimate
    verdict: str  # of A against B; empty where too few pairs give none


Space = tuple[str, ...]  # what settings share
Key = tuple[str, str, Space, str]  # A, B, what they share, labels


def differences(
    these: Mapping[str, "Cells"], pairs: Sequence[tuple[str, str]], measure: Measure
) -> dict[Key, Difference]:
    """The differences of some pairs of methods, wherever both were measured at equal seeds.

    Those at one number of labels are one family of tests.
    """
    values = {
        (name, at): group.values(measure)
        for name, cells in these.items()
        for at, group in cells.items()
    }
    families: dict[str, dict[Key, Estimate]] = {}
    for a, b in pairs:
        for at in these[a]:
            estimate = paired(values[a, at], values.get((b, at), {}))
            if estimate:
                space, label_words = at
                families.setdefault(label_words, {})[a, b, space, label_words] = estimate
    return {
        key: Difference(estimate, verdict)
        for family in families.values()
        for (key, estimate), verdict in zip(
            family.items(), verdicts(list(family.values())), strict=True
        )
    }


def leading(groups: Sequence[Group], paths: Sequence[str], measure: Measure) -> list[bool] | None:
    """Whether a group is the highest, or not told apart from it by the test of all pairs.

    Groups are compared where they have the same labels and share what `shared` names. None leads
    where none is told apart from the highest.

    Returns:
      For each group; or `None` where nothing is tested, for want of seeds or of a second method, or
      because there are more methods than `MOST_TESTED`.
    """
    these = methods(groups, paths)
    if len(these) > MOST_TESTED:
        return None
    difference_by_key = differences(these, list(itertools.combinations(these, 2)), measure)
    tested = {
        key: difference.verdict
        for key, difference in difference_by_key.items()
        if difference.verdict
    }
    if not tested:
        return None
    means: dict[tuple[Space, str], dict[str, float]] = {}  # of the methods that are tested there
    for a, b, space, label_words in tested:
        for name in (a, b):
            values = these[name][space, label_words].values(measure).values()
            means.setdefault((space, label_words), {})[name] = statistics.fmean(values)
    highest = {at: max(by_name.items(), key=_second)[0] for at, by_name in means.items()}
    below = {
        (loser, space, label_words)
        for (a, b, space, label_words), verdict in tested.items()
        for winner, loser, expected in ((a, b, "better"), (b, a, "worse"))
        if verdict == expected and highest[space, label_words] == winner
    }
    apart = {(space, label_words) for _, space, label_words in below}
    return [
        (space, label_words) in apart
        and name in means[space, label_words]
        and (name, space, label_words) not in below
        for name, space, label_words in _names(groups, paths)
    ]


def _second(pair: tuple[str, float]) -> float:
    return pair[1]


Cells = dict[tuple[Space, str], Group]  # (what settings share, labels) → points


def shared(paths: Sequence[str]) -> list[str]:
    """What two settings must have in common to be compared, beside labels and seeds.

    >>> shared(["system", "data.name", "data.labelled_count", "model.latent_dim", "eval.split"])
    ['data.name', 'model.latent_dim', 'eval.split']
    """
    alike = [p for p in paths if p.startswith(("data.", "eval.")) or p == "model.latent_dim"]
    return [path for path in alike if path not in (*LABELS, *REPEATS)]


def space_words(space: Sequence[str], paths: Sequence[str]) -> list[str]:
    """What settings share, in words: numbers, and yes or no, with what they are.

    >>> space_words(("mnist", "10"), ["data.name", "model.latent_dim", "system"])
    ['mnist', 'latent_dim=10']
    >>> space_words(("mnist", "True"), ["data.name", "data.stratified"])
    ['mnist', 'stratified=True']
    """
    pairs = ((p, v) for p, v in zip(shared(paths), space, strict=True) if v != summary.cell(None))
    return [
        f"{summary.short(p, paths)}={v}" if v[:1].isdigit() or v in ("True", "False") else v
        for p, v in pairs
    ]


def methods(groups: Sequence[Group], paths: Sequence[str]) -> dict[str, Cells]:
    """Groups by method, and inside it by where they are compared: what they share, and labels."""
    cells_by_method: dict[str, Cells] = {}
    for group, (name, space, label_words) in zip(groups, _names(groups, paths), strict=True):
        cells_by_method.setdefault(name, {})[space, label_words] = group
    return cells_by_method


def _names(groups: Sequence[Group], paths: Sequence[str]) -> list[tuple[str, Space, str]]:
    """Of each group the method, what it shares with others, and its labels."""
    shared_paths = shared(paths)
    varied = [path for path in paths if path not in (*shared_paths, *LABELS, *REPEATS)]
    varied = summary.telling([{path: group.setting[path] for path in varied} for group in groups])
    names = []
    for group in groups:
        words = [_word(path, group.setting[path], varied) for path in varied]
        space = tuple(summary.cell(group.setting[p]) for p in shared_paths)
        labels = [summary.label(path, group.setting.get(path)) for path in LABELS]
        names.append(
            (" ".join(filter(None, words)) or "this", space, " ".join(filter(None, labels)))
        )
    return names


def _word(path: str, value: Any, among: Sequence[str]) -> str:
    if value is None:
        return ""
    return (
        value if isinstance(value, str) else f"{summary.short(path, among)}={summary.cell(value)}"
    )


def _cell(difference: Difference | None) -> str:
    if difference is None:
        return "–"
    estimate = difference.estimate
    text = f"{estimate.mean:+.3f}"
    if estimate.low is not None and estimate.high is not None:
        text += f" [{estimate.low:+.3f}, {estimate.high:+.3f}]"
    return f"{text} ({estimate.n}) {difference.verdict}".rstrip()
