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
    results: Sequence[Mapping[str, Any]], paths: Sequence[str], wanted: Measure
) -> Table | None:
    """A row for each two methods, and a column for each number of labels.

    A cell is the mean of A − B, its 95 % interval, the number of pairs, and a verdict: whether A is
    better than B there. A column is a family of tests. A method is what a grid varies beside seeds,
    labels, data, latent size and evaluation.

    Args:
      results: as `result.json` holds them.
      paths: the grid's.
      wanted: which score.

    Returns:
      `None` if there are no two methods with a pair of equal seeds.
    """
    these = methods(summary.groups(results, paths), paths)
    pairs = list(itertools.combinations(these, 2))
    few = len(these) <= MOST_METHODS
    if not few:
        first = next(iter(these))
        pairs = [(first, other) for other in these if other != first]
    found = differences(these, pairs, wanted)
    spaces = dict.fromkeys(space for _, _, space, _ in found)
    labels = dict.fromkeys(given for cells in these.values() for _, given in cells)
    body = [
        [a, b, *space, *(_cell(found.get((a, b, space, given))) for given in labels)]
        for a, b in pairs
        for space in spaces
        if any((a, b, space, given) in found for given in labels)
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
        f"; fewer than {FEWEST} pairs give none."
    ]
    none = "all labelled" if len(labels) > 1 else wanted.metric
    columns = [*heading, *(given or none for given in labels)]
    return Table(f"Differences in {wanted.words}", columns, body, len(heading), notes)


def score_tables(results: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> list[Table]:
    """`summary.tables`, with the leading settings marked."""

    def marked(groups: Sequence[Group], wanted: Measure) -> list[bool] | None:
        found = leading([group for group in groups if not group.baseline], paths, wanted)
        if found is None:
            return None
        leads = iter(found)
        return [not group.baseline and next(leads) for group in groups]

    return summary.tables(results, paths, marked)


class Difference(NamedTuple):
    """One of a family of differences."""

    estimate: Estimate
    verdict: str  # of A against B; empty where too few pairs give none


Space = tuple[str, ...]  # what settings share
Key = tuple[str, str, Space, str]  # A, B, what they share, labels


def differences(
    these: Mapping[str, "Cells"], pairs: Sequence[tuple[str, str]], wanted: Measure
) -> dict[Key, Difference]:
    """The differences of some pairs of methods, wherever both were measured at equal seeds.

    Those at one number of labels are one family of tests.
    """
    values = {
        (name, at): group.values(wanted)
        for name, cells in these.items()
        for at, group in cells.items()
    }
    families: dict[str, dict[Key, Estimate]] = {}
    for a, b in pairs:
        for at in these[a]:
            one = paired(values[a, at], values.get((b, at), {}))
            if one:
                space, given = at
                families.setdefault(given, {})[a, b, space, given] = one
    return {
        key: Difference(one, verdict)
        for family in families.values()
        for (key, one), verdict in zip(family.items(), verdicts(list(family.values())), strict=True)
    }


def leading(groups: Sequence[Group], paths: Sequence[str], wanted: Measure) -> list[bool] | None:
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
    found = differences(these, list(itertools.combinations(these, 2)), wanted)
    tested = {key: one.verdict for key, one in found.items() if one.verdict}
    if not tested:
        return None
    means: dict[tuple[Space, str], dict[str, float]] = {}  # of the methods that are tested there
    for a, b, space, given in tested:
        for name in (a, b):
            values = these[name][space, given].values(wanted).values()
            means.setdefault((space, given), {})[name] = statistics.fmean(values)
    highest = {at: max(by_name.items(), key=_second)[0] for at, by_name in means.items()}
    below = {
        (loser, space, given)
        for (a, b, space, given), verdict in tested.items()
        for winner, loser, expected in ((a, b, "better"), (b, a, "worse"))
        if verdict == expected and highest[space, given] == winner
    }
    apart = {(space, given) for _, space, given in below}
    return [
        (space, given) in apart
        and name in means[space, given]
        and (name, space, given) not in below
        for name, space, given in _names(groups, paths)
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


def said(space: Sequence[str], paths: Sequence[str]) -> list[str]:
    """What settings share, in words: numbers, and yes or no, with what they are.

    >>> said(("mnist", "10"), ["data.name", "model.latent_dim", "system"])
    ['mnist', 'latent_dim=10']
    >>> said(("mnist", "True"), ["data.name", "data.stratified"])
    ['mnist', 'stratified=True']
    """
    here = ((p, v) for p, v in zip(shared(paths), space, strict=True) if v != summary.cell(None))
    return [
        f"{summary.short(p, paths)}={v}" if v[:1].isdigit() or v in ("True", "False") else v
        for p, v in here
    ]


def methods(groups: Sequence[Group], paths: Sequence[str]) -> dict[str, Cells]:
    """Groups by method, and inside it by where they are compared: what they share, and labels."""
    found: dict[str, Cells] = {}
    for group, (name, space, given) in zip(groups, _names(groups, paths), strict=True):
        found.setdefault(name, {})[space, given] = group
    return found


def _names(groups: Sequence[Group], paths: Sequence[str]) -> list[tuple[str, Space, str]]:
    """Of each group the method, what it shares with others, and its labels."""
    here = shared(paths)
    varied = [path for path in paths if path not in (*here, *LABELS, *REPEATS)]
    varied = summary.telling([{path: group.setting[path] for path in varied} for group in groups])
    found = []
    for group in groups:
        words = [_word(path, group.setting[path], varied) for path in varied]
        space = tuple(summary.cell(group.setting[p]) for p in here)
        labels = [summary.label(path, group.setting.get(path)) for path in LABELS]
        found.append(
            (" ".join(filter(None, words)) or "this", space, " ".join(filter(None, labels)))
        )
    return found


def _word(path: str, value: Any, among: Sequence[str]) -> str:
    if value is None:
        return ""
    return (
        value if isinstance(value, str) else f"{summary.short(path, among)}={summary.cell(value)}"
    )


def _cell(found: Difference | None) -> str:
    if found is None:
        return "–"
    one = found.estimate
    text = f"{one.mean:+.3f}"
    if one.low is not None and one.high is not None:
        text += f" [{one.low:+.3f}, {one.high:+.3f}]"
    return f"{text} ({one.n}) {found.verdict}".rstrip()
