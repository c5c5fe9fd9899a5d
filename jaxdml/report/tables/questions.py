"""What a study asks: some settings beside a first one, at equal seeds and labelled images."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxdml.report.tables.sharing import LABELS, REPEATS
from jaxdml.report.tables.statistics import FEWEST, INTERVAL, Estimate, estimate, paired, verdicts
from jaxdml.report.tables.summary import Group, Measure
from jaxdml.report.tables.table import Table

MARGIN = "margin"
NO_PATHS = ("embedding", MARGIN)  # of a setting, beside its configuration


def measures(wanted: Sequence[Measure]) -> list[Measure]:
    """Those that answer: of the first kind of embedding, under each protocol."""
    return [one for one in wanted if one.embedding == wanted[0].embedding]


class Answer(NamedTuple):
    """One setting's part of a question."""

    name: str
    score: Estimate | None  # `None` where no point of it counts
    lost: int  # points that diverged or failed
    difference: Estimate | None  # from the first setting; `None` of that itself
    verdict: str  # whether it is better than the first; empty of that itself, and of few pairs


class Answered(NamedTuple):
    """A question and its settings."""

    question: str
    answers: Sequence[Answer]
    margin: float | None = None  # differences below it do not matter


def answer(
    questions: Mapping[str, Mapping[str, Mapping[str, Any]]],
    results: Sequence[Mapping[str, Any]],
    wanted: Measure,
) -> list[Answered]:
    """What the points say.

    Args:
      questions: text → name of a setting → its resolved configuration, seeds aside; the first
        setting is what the others are compared with. A configuration's `embedding` says which one
        is scored, where it is not the one that is `wanted`; the first one's `margin`, below which
        difference another one is `equivalent`.
      results: as `result.json` holds them.
      wanted: which score.

    >>> def result(seed, alpha, value):
    ...     return {"status": "ok", "config": {"seed": seed, "alpha": alpha},
    ...             "scores": [{**wanted._asdict(), "value": value}]}
    >>> wanted = Measure("thesis", "knn", "mean", "accuracy")
    >>> results = [result(s, a, a / 2 + s * a / 100) for s in range(3) for a in (0.0, 1.0)]
    >>> asked = {"Does α matter?": {"no": {"alpha": 0.0}, "yes": {"alpha": 1.0}}}
    >>> [one.verdict for one in answer(asked, results, wanted)[0].answers]
    ['', 'better']
    """
    found = []
    for question, settings in questions.items():
        answers: list[Answer] = []
        first: Mapping[Any, float] = {}
        families: dict[tuple[Any, ...], list[int]] = {}
        margin = next(iter(settings.values())).get(MARGIN)
        for i, (name, setting) in enumerate(settings.items()):
            expected = {path: value for path, value in setting.items() if path not in NO_PATHS}
            group = Group({}, [r for r in results if _is(expected, r["config"])])
            measure = wanted._replace(embedding=setting.get("embedding", wanted.embedding))
            values = group.values(measure)
            score = estimate(list(values.values())) if values else None
            lost = len(group.results) - len(group.ok)
            answers.append(Answer(name, score, lost, paired(values, first) if i else None, ""))
            first = values if i == 0 else first
            families.setdefault(tuple(setting.get(path) for path in LABELS), []).append(i)
        for family in families.values():
            said = verdicts([answers[i].difference for i in family], margin)
            for i, verdict in zip(family, said, strict=True):
                answers[i] = answers[i]._replace(verdict=verdict)
        found.append(Answered(question, answers, margin))
    return found


def table(answered: Sequence[Answered], wanted: Measure) -> Table:
    """A row for each setting of each question."""
    body = []
    for question, answers, _ in answered:
        for i, one in enumerate(answers):
            body.append(
                [
                    question if i == 0 else "",
                    one.name,
                    one.verdict,
                    _interval(one.score, "{:.3f}", one.lost),
                    _interval(one.difference, "{:+.3f}", 0),
                ]
            )
    notes = [
        "The mean over seeds, its interval and the number of points; then the difference from a "
        "question's first setting at equal seeds, and whether it is better or worse than that. "
        + INTERVAL
        + " Verdicts are by Holm's procedure at 5 % on the paired t-tests of a question's settings "
        f"with its first one, at each number of labels; fewer than {FEWEST} pairs give none."
    ]
    margins: dict[float, list[str]] = {}
    for question, _, margin in answered:
        if margin is not None:
            margins.setdefault(margin, []).append(repr(question))
    notes += [
        f"equivalent in {', '.join(names)}: the mean difference is below {margin:g} by two "
        "one-sided t-tests, and Holm's procedure at 5 %."
        for margin, names in margins.items()
    ]
    heading = ["question", "setting", "than the first", wanted.words, "difference"]
    return Table(f"Questions by {wanted.words}", heading, body, 3, notes)


def _is(expected: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Whether a point is of a setting: all of its configuration but seeds, and what is scored.

    Fields that there were none of when it was trained do not count.
    """

    def training(one: Mapping[str, Any]) -> dict[str, Any]:
        return {
            path: list(value) if isinstance(value, tuple) else value
            for path, value in one.items()
            if path not in REPEATS and not path.startswith("eval.") and path != "run"
        }

    own = training(config)
    return own == {path: value for path, value in training(expected).items() if path in own}


def _interval(found: Estimate | None, form: str, lost: int) -> str:
    without = f" ({lost} without a score)" if lost else ""
    if found is None:
        return f"–{without}"
    text = form.format(found.mean)
    if found.low is not None and found.high is not None:
        text += f" [{form.format(found.low)}, {form.format(found.high)}]"
    return f"{text} ({found.n}){without}"
