"""Does A beat B? Differences at equal seeds, labelled images and latent size."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from jaxdml.report import summary
from jaxdml.report.statistics import Estimate, paired
from jaxdml.report.summary import Group, Measure
from jaxdml.report.table import Table

MOST_METHODS = 8  # that are all compared with each other; of more, each with the best


def table(
    results: Sequence[Mapping[str, Any]], paths: Sequence[str], wanted: Measure
) -> Table | None:
    """A row for each two methods, a column for each number of labels, and a verdict.

    A cell is the mean of A − B, its 95 % interval, and the number of pairs. A method is what a grid
    varies beside seeds, labels, data, latent size and evaluation.

    Args:
      results: as `result.json` holds them.
      paths: the grid's.
      wanted: which score.

    Returns:
      `None` if there are no two methods with a pair of equal seeds.
    """
    these = methods(summary.groups(results, paths), paths)
    spaces = dict.fromkeys(space for cells in these.values() for space, _ in cells)
    labels = dict.fromkeys(given for cells in these.values() for _, given in cells)
    body = []
    for a, b in _pairs(these, wanted):
        for space in spaces:
            found = {
                given: paired(
                    these[a][space, given].values(wanted), these[b][space, given].values(wanted)
                )
                for given in labels
                if (space, given) in these[a] and (space, given) in these[b]
            }
            if any(found.values()):
                cells = [_cell(found.get(given)) for given in labels]
                body.append([a, b, *space, _verdict(list(found.values())), *cells])
    if not body:
        return None
    heading = ["A", "B", *(summary.short(p, paths) for p in shared(paths)), "A is"]
    notes = [
        "The mean of A − B over points with the same seed and the same labelled images, with its "
        "95 % interval (percentile bootstrap; too narrow for a handful of pairs) and the number of "
        "pairs. Better, or worse: at every number of labels that both have, the whole interval of "
        "at least three pairs is on that side."
    ]
    none = "all labelled" if len(labels) > 1 else wanted.metric
    columns = [*heading, *(given or none for given in labels)]
    return Table(f"Differences in {wanted.words}", columns, body, len(heading), notes)


Cells = dict[tuple[tuple[str, ...], str], Group]  # (what settings share, labels) → points


def shared(paths: Sequence[str]) -> list[str]:
    """What two settings must have in common to be compared, beside labels and seeds.

    >>> shared(["system", "data.name", "data.labelled_count", "model.latent_dim", "eval.split"])
    ['data.name', 'model.latent_dim', 'eval.split']
    """
    alike = [p for p in paths if p.startswith(("data.", "eval.")) or p == "model.latent_dim"]
    return [path for path in alike if path not in (*summary.LABELS, *summary.SEEDS)]


def said(space: Sequence[str], paths: Sequence[str]) -> list[str]:
    """What settings share, in words: numbers with what they are.

    >>> said(("mnist", "10"), ["data.name", "model.latent_dim", "system"])
    ['mnist', 'latent_dim=10']
    """
    here = zip(shared(paths), space, strict=True)
    return [f"{summary.short(p, paths)}={v}" if v[:1].isdigit() else v for p, v in here]


def methods(groups: Sequence[Group], paths: Sequence[str]) -> dict[str, Cells]:
    """Groups by method, and inside it by where they are compared: what they share, and labels."""
    here = shared(paths)
    own = [path for path in paths if path not in (*here, *summary.LABELS, *summary.SEEDS)]
    own = summary.telling([{path: group.setting[path] for path in own} for group in groups])
    found: dict[str, Cells] = {}
    for group in groups:
        words = [_word(path, group.setting[path], own) for path in own]
        name = " ".join(word for word in words if word) or "this"
        space = tuple(summary.cell(group.setting[p]) for p in here)
        said = [summary.label(path, group.setting.get(path)) for path in summary.LABELS]
        found.setdefault(name, {})[space, " ".join(word for word in said if word)] = group
    return found


def _word(path: str, value: Any, among: Sequence[str]) -> str:
    if value is None:
        return ""
    return (
        value if isinstance(value, str) else f"{summary.short(path, among)}={summary.cell(value)}"
    )


def _pairs(these: Mapping[str, Cells], wanted: Measure) -> list[tuple[str, str]]:
    if len(these) <= MOST_METHODS:
        return list(itertools.combinations(these, 2))

    def height(name: str) -> float:
        values = [v for group in these[name].values() for v in group.values(wanted).values()]
        return sum(values) / len(values) if values else float("-inf")

    best = max(these, key=height)
    return [(best, other) for other in these if other != best]


def _cell(found: Estimate | None) -> str:
    if found is None:
        return "–"
    text = f"{found.mean:+.3f}"
    if found.low is not None and found.high is not None:
        text += f" [{found.low:+.3f}, {found.high:+.3f}]"
    return f"{text} ({found.n})"


def _verdict(found: Sequence[Estimate | None]) -> str:
    """What holds at every number of labels."""
    signs = {0 if one is None else one.sign for one in found}
    return {frozenset({1}): "better", frozenset({-1}): "worse"}.get(frozenset(signs), "undecided")
