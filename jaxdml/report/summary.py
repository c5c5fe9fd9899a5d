"""The results as one table: a row for each setting, mean ± standard deviation over its seeds."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxdml.report.table import Table

SEEDS = ("seed", "data.labels_seed")
_WORDS = {"knn": "kNN", "ami": "AMI"}


class Group(NamedTuple):
    """Points that differ in their seeds only."""

    setting: dict[str, Any]  # grid path → value, `None` where the system does not read it
    results: list[Mapping[str, Any]]

    @property
    def ok(self) -> list[Mapping[str, Any]]:
        """Those that count: neither diverged nor failed."""
        return [result for result in self.results if result["status"] == "ok"]


def groups(results: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> list[Group]:
    """Results by their setting: the grid paths that are no seeds, in order of first appearance."""
    settings = [path for path in paths if path not in SEEDS]
    found: dict[tuple[str, ...], Group] = {}
    for result in results:
        setting = {path: result["config"].get(path) for path in settings}
        key = tuple(map(str, setting.values()))
        found.setdefault(key, Group(setting, [])).results.append(result)
    return list(found.values())


def table(results: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> Table:
    """One table of all scores; its notes say what was left out of the means, and why.

    Args:
      results: as `result.json` holds them.
      paths: the grid's.

    >>> score = {"protocol": "thesis", "classifier": "knn", "metric": "accuracy", "value": 0.9}
    >>> result = {"point": "a", "status": "ok", "config": {"system": "ae"}, "scores": [score]}
    >>> table([result], ["system"]).heading
    ['system', 'n', 'thesis kNN accuracy']
    """
    rows = groups(results, paths)
    columns = list(
        dict.fromkeys(
            (s["protocol"], s["classifier"], s["metric"])
            for result in results
            for s in result["scores"]
        )
    )
    settings = list(rows[0].setting) if rows else []
    heading = [_short(path, settings) for path in settings] + ["n"]
    heading += [words(*column) for column in columns]
    body = []
    for group in rows:
        cells = [_cell(value) for value in group.setting.values()]
        lost = len(group.results) - len(group.ok)
        cells.append(f"{len(group.ok)} of {len(group.results)}" if lost else str(len(group.ok)))
        cells += [_mean(_values(group, column), len(group.ok)) for column in columns]
        body.append(cells)
    notes = []
    if any(len(group.ok) > 1 for group in rows):
        notes.append("Mean ± standard deviation over the n points of a setting.")
    left_out = [result for result in results if result["status"] != "ok"]
    if left_out:
        lines = [f"- {r['point']}: {r['status']}, {r['reason']}" for r in left_out]
        notes += ["Left out of every mean:", "\n".join(lines)]
    noted = [result for result in results if result["status"] == "ok" and result.get("note")]
    if noted:
        lines = [f"- {r['point']} ({_setting(r, settings)}): {r['note']}" for r in noted]
        notes += ["Worth knowing:", "\n".join(lines)]
    return Table("Scores", heading, body, len(settings) + 1, notes)


def words(protocol: str, classifier: str, metric: str) -> str:
    """What a score is called.

    >>> words("thesis", "knn", "ami")
    'thesis kNN AMI'
    """
    return " ".join(_WORDS.get(word, word) for word in (protocol, classifier, metric))


def _values(group: Group, column: tuple[str, str, str]) -> list[float]:
    return [
        score["value"]
        for result in group.ok
        for score in result["scores"]
        if (score["protocol"], score["classifier"], score["metric"]) == column
    ]


def _setting(result: Mapping[str, Any], settings: Sequence[str]) -> str:
    """What tells this point from others: what the grid varies, and the seed."""
    return ", ".join(
        f"{_short(path, settings)} {_cell(result['config'][path])}"
        for path in (*settings, "seed")
        if path in result["config"]
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _mean(values: Sequence[float], points: int) -> str:
    if not values:
        return "–"
    text = f"{statistics.mean(values):.3f}"
    if len(values) > 1:
        text += f" ± {statistics.stdev(values):.3f}"
    return text if len(values) == points else f"{text} ({len(values)} of {points})"


def _short(path: str, among: Sequence[str]) -> str:
    """The last word of a path, where that is clear; the whole path otherwise.

    >>> _short("routine.name", ["routine.name", "system"])
    'routine'
    """
    section, _, last = path.rpartition(".")
    if last == "name":
        return section
    clashes = [p for p in among if p.rpartition(".")[2] == last]
    return last if len(clashes) == 1 else path
