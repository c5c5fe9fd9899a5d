"""The results as one table: a row for each setting, mean ± standard deviation over its seeds."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxdml.report.tables import folds, sharing
from jaxdml.report.tables.sharing import LABELS, REPEATS, SEEDS, named
from jaxdml.report.tables.statistics import BINOMIAL, Estimate, estimate
from jaxdml.report.tables.table import Table

MOST_COLUMNS = 8  # of scores; more are split by protocol
MARK = " *"
BASELINES = (
    "pixels and pca have no network: the same classifiers on raw pixels, and on their first fifty "
    "principal components. They take part in no test."
)
LEADING = (
    "*: the highest of the settings with the same data, labels, latent size and evaluation, and "
    "those that are not told apart from it. That is by Holm's procedure at 5 % on the paired "
    "t-tests of all pairs at a number of labels; without a mark there, none is told apart. This "
    f"leaves out the accident of which test images there are {BINOMIAL}."
)
# what a word of a score is called; nothing where the rest says it
_WORDS = {
    "knn": "kNN", "rf": "forest", "mlp": "MLP", "kmeans": "", "neighbours": "", "mean": "",
    "argmax": "", "itself": "",
    "sample": "of samples", "ami": "AMI", "nmi": "NMI", "ari": "ARI", "r_at_1": "R@1",
    "balanced_accuracy": "balanced accuracy", "r_precision": "R-precision", "map_at_r": "MAP@R",
}  # fmt: skip


class Measure(NamedTuple):
    """What is measured, as a score names it."""

    protocol: str
    classifier: str
    embedding: str
    metric: str

    @property
    def words(self) -> str:
        """What it is called.

        >>> Measure("thesis", "knn", "sample", "ami").words
        'thesis kNN AMI of samples'
        """
        order = (self.protocol, self.classifier, self.metric, self.embedding)
        return " ".join(word for word in map(_word, order) if word)


def _word(name: str) -> str:
    """A word of a score; of a part of one's own, all of its dotted path, with dots alone.

    >>> _word("sklearn.neighbors:NearestCentroid"), _word("my_module:make")
    ('sklearn.neighbors.NearestCentroid', 'my_module')
    """
    return _WORDS.get(name, name.removesuffix(":make").replace(":", "."))


def measure(score: Mapping[str, Any]) -> Measure:
    """The measure of a score: its protocol, classifier, embedding and metric.

    >>> measure({"protocol": "thesis", "classifier": "knn", "embedding": "mean", "metric": "ami",
    ...          "value": 0.5})
    Measure(protocol='thesis', classifier='knn', embedding='mean', metric='ami')
    """
    return Measure(*(score[field] for field in Measure._fields))


def measures(results: Sequence[Mapping[str, Any]]) -> list[Measure]:
    """All that is measured in some results, in order of first appearance."""
    return list(dict.fromkeys(measure(score) for r in results for score in r["scores"]))


class Group(NamedTuple):
    """Points that differ in their seeds only."""

    setting: dict[str, Any]  # grid path → value, `None` where the system does not read it
    results: list[Mapping[str, Any]]

    @property
    def ok(self) -> list[Mapping[str, Any]]:
        """Those that count: neither diverged nor failed."""
        return [result for result in self.results if result["status"] == "ok"]

    @property
    def baseline(self) -> bool:
        """Whether these are no points, but what has no network: raw pixels, or their PCA."""
        return any(result.get("baseline") for result in self.results)

    def values(self, measured: Measure) -> dict[tuple[Any, ...], float]:
        """The seeds of the points that count and were measured so → value."""
        return {
            tuple(result["config"].get(path) for path in SEEDS): score["value"]
            for result in self.ok
            for score in result["scores"]
            if measure(score) == measured
        }


def groups(results: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> list[Group]:
    """Results by their setting: the grid paths that are no seeds, in order of first appearance."""
    settings = [path for path in paths if path not in REPEATS]
    group_by_key: dict[tuple[str, ...], Group] = {}
    for result in results:
        setting = {path: named(path, result["config"].get(path)) for path in settings}
        key = tuple(map(str, setting.values()))
        group_by_key.setdefault(key, Group(setting, [])).results.append(result)
    return list(group_by_key.values())


def tables(
    results: Sequence[Mapping[str, Any]],
    paths: Sequence[str],
    leading: Callable[[Sequence[Group], Measure], Sequence[bool] | None] = lambda *_: None,
) -> list[Table]:
    """Scores by setting: one table, or one for each protocol where that would be too wide.

    The notes of the last one say what was left out of the means, and why.

    Args:
      results: as `result.json` holds them.
      paths: the grid's.
      leading: says of each group whether it is marked in the column of a measure, or `None` where
        nothing is tested.

    >>> score = {"protocol": "thesis", "classifier": "knn", "embedding": "mean",
    ...          "metric": "accuracy", "value": 0.9}
    >>> result = {"point": "a", "status": "ok", "config": {"system": "ae"}, "scores": [score]}
    >>> [table] = tables([result], ["system"])
    >>> table.heading
    ['system', 'n', 'thesis kNN accuracy']
    """
    rows, columns = groups(results, paths), measures([r for r in results if not r.get("baseline")])
    settings = list(rows[0].setting) if rows else []
    parts = {"Scores": columns}
    if len(columns) > MOST_COLUMNS:
        used = dict.fromkeys(column.protocol for column in columns)
        parts = {f"Scores, {_word(p)}": [c for c in columns if c.protocol == p] for p in used}
    marks = {c: leads for c in columns if (leads := leading(rows, c)) is not None}
    score_tables = [
        Table(
            title,
            [*(short(path, settings) for path in settings), "n", *(c.words for c in part)],
            [_row(group, part, {c: marks[c][i] for c in marks}) for i, group in enumerate(rows)],
            len(settings) + 1,
        )
        for title, part in parts.items()
    ]
    notes = _notes(results, rows, settings, tested=bool(marks))
    return [*score_tables[:-1], score_tables[-1]._replace(notes=notes)]


def every(results: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> Table:
    """A row for each setting and measure, with the interval of its mean: to filter, and to plot."""
    rows = groups(results, paths)
    settings = list(rows[0].setting) if rows else []
    body = [
        [*cells(group), *measured, *_numbers(estimate(list(values.values())))]
        for group in rows
        for measured in measures(group.ok)
        if (values := group.values(measured))
    ]
    heading = [*(short(path, settings) for path in settings), *Measure._fields]
    numbers = ["n", "average", "std", "95 % from", "to"]
    return Table("All scores", heading + numbers, body, len(heading))


def _row(group: Group, columns: Sequence[Measure], marks: Mapping[Measure, bool]) -> list[str]:
    count, total = len(group.ok), len(group.results)
    averages = [
        average(values := list(group.values(column).values()), count)
        + _standard_error(group, column, values)
        + MARK * marks.get(column, False)
        for column in columns
    ]
    return [*cells(group), str(count) if count == total else f"{count} of {total}", *averages]


def _standard_error(group: Group, column: Measure, values: Sequence[float]) -> str:
    """Of the accuracy of a single seed on held-out labelled images."""
    if column.metric != "accuracy" or len(values) != 1:
        return ""
    error = folds.standard_error(group.ok[0], values[0])
    return "" if error is None else f" (SE {error:.3f})"


def _notes(
    results: Sequence[Mapping[str, Any]],
    rows: Sequence[Group],
    settings: Sequence[str],
    tested: bool,
) -> list[str]:
    results = [result for result in results if not result.get("baseline")]
    notes = []
    if any(group.baseline for group in rows):
        notes.append(BASELINES)
    if any(len(group.ok) > 1 for group in rows):
        notes.append("Mean ± standard deviation over the n points of a setting.")
    if any(result.get("pooled") for result in results):
        notes.append(
            "Scored on labelled images that take turns as test images; SE is the binomial standard "
            "error on all of them."
        )
    if tested:
        notes.append(LEADING)
    lost = [result for result in results if result["status"] != "ok"]
    if lost:
        lines = [f"- {_points([r], settings)}: {r['status']}, {r['reason']}" for r in lost]
        notes += ["Left out of every mean:", "\n".join(lines)]
    alike: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        if result["status"] == "ok" and result.get("note"):
            alike.setdefault(result["note"], []).append(result)
    if alike:
        lines = [f"- {_points(these, settings)}: {note}" for note, these in alike.items()]
        notes += ["Worth knowing:", "\n".join(lines)]
    shared = sharing.shared_labels([result["config"] for result in results])
    return [*notes, f"{shared}."] if shared else notes


def _points(results: Sequence[Mapping[str, Any]], settings: Sequence[str]) -> str:
    """The first of some points, and how many more there are."""
    first = results[0]
    rest = f" and {len(results) - 1} more" if len(results) > 1 else ""
    return f"{first['point']} ({_setting(first, settings)}){rest}"


def _setting(result: Mapping[str, Any], settings: Sequence[str]) -> str:
    """What tells this point from others: what the grid varies, and the seed."""
    return ", ".join(
        f"{short(path, settings)} {cell(result['config'][path])}"
        for path in (*settings, "seed")
        if path in result["config"]
    )


def label(path: str, value: Any) -> str:
    """How many images are labelled, in words; nothing where the path says nothing.

    >>> label("data.labelled_percent", 0.1), label("data.labelled_count", None)
    ('0.1 %', '')
    """
    if value is None or path not in LABELS:
        return ""
    return {
        "data.labelled_percent": f"{value:g} %",
        "data.labelled_count": f"{value} labels",
        "data.labels_per_class": f"{value} a class",
    }[path]


def names(all_groups: Sequence[Group]) -> list[str]:
    """Settings in words: what tells them from each other.

    >>> a = Group({"system": "dml", "data.labelled_count": 60, "loss.name": "triplet"}, [])
    >>> names([a, Group(a.setting | {"data.labelled_count": 6}, [])])
    ['60 labelled', '6 labelled']
    """
    paths = telling([group.setting for group in all_groups])
    labelled = any(path in LABELS for path in paths)

    def name(group: Group) -> str:
        words = [_in_words(p, group.setting[p]) for p in paths if group.setting[p] is not None]
        if labelled and all(group.setting.get(path) is None for path in LABELS):
            words.append("all labelled")
        return " · ".join(words) or "one setting"

    return [name(group) for group in all_groups]


def telling(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Paths that are enough to tell settings from each other; of two that say the same, the first.

    Where there are several systems, theirs is one of them.

    >>> telling([{"system": "ae", "kl.beta": None}, {"system": "vae", "kl.beta": 1.0}])
    ['system']
    >>> telling([{"system": "dml", "α": None}, *({"system": "dml_ae", "α": α} for α in (0.5, 1))])
    ['system', 'α']
    """

    def kinds(paths: Sequence[str]) -> int:
        return len({tuple(str(setting[path]) for path in paths) for setting in settings})

    paths = list(settings[0]) if settings else []
    for path in reversed(paths.copy()):
        without = [other for other in paths if other != path]
        if path == "system" and kinds([path]) > 1:
            continue
        if kinds(without) == kinds(paths):
            paths = without
    return paths


def _in_words(path: str, value: Any) -> str:
    if path in LABELS:
        return f"{label(path, value).removesuffix(' labels')} labelled"
    if isinstance(value, str):
        return value
    return f"{path.rpartition('.')[2]} {cell(value)}"


def cell(value: Any) -> str:
    """A value of the configuration, as a table shows it."""
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def cells(group: Group) -> list[str]:
    """The values of a setting, as a table shows them."""
    return [cell(value) for value in group.setting.values()]


def _numbers(estimated: Estimate) -> list[str]:
    values = (estimated.mean, estimated.std, estimated.low, estimated.high)
    return [str(estimated.n), *("–" if value is None else f"{value:.4f}" for value in values)]


def average(values: Sequence[float], points: int) -> str:
    """Mean ± standard deviation; and how many of so many points it is of, if not of all.

    >>> average([0.5, 0.75], 2), average([], 2)
    ('0.625 ± 0.177', '–')
    """
    if not values:
        return "–"
    text = f"{statistics.mean(values):.3f}"
    if len(values) > 1:
        text += f" ± {statistics.stdev(values):.3f}"
    return text if len(values) == points else f"{text} ({len(values)} of {points})"


def short(path: str, among: Sequence[str]) -> str:
    """The last word of a path, where that is clear; the whole path otherwise.

    >>> short("routine.name", ["routine.name", "system"])
    'routine'
    """
    section, _, last = path.rpartition(".")
    if last == "name":
        return section
    clashes = [p for p in among if p.rpartition(".")[2] == last]
    return last if len(clashes) == 1 else path
