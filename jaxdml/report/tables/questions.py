"""What a study asks: some settings beside a first one, at equal seeds and labelled images."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxdml.report.tables.sharing import LABELS, REPEATS
from jaxdml.report.tables.statistics import FEWEST, INTERVAL, Estimate, estimate, paired, verdicts
from jaxdml.report.tables.summary import Group, Measure
from jaxdml.report.tables.table import Table

MARGIN = "margin"
NO_PATHS = ("embedding", MARGIN)  # of a setting, beside its configuration


def measures(all_measures: Sequence[Measure]) -> list[Measure]:
    """The measures that answer questions: those of the same embedding as the first one.

    >>> mean = Measure("thesis", "knn", "mean", "accuracy")
    >>> measures([mean, mean._replace(embedding="sample")]) == [mean]
    True
    """
    return [measure for measure in all_measures if measure.embedding == all_measures[0].embedding]


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
    measure: Measure,
) -> list[Answered]:
    """Answers each question by the scores of the points of its settings.

    Args:
      questions: text → name of a setting → its resolved configuration, seeds aside; the first
        setting is what the others are compared with. A configuration's `embedding` says which one
        is scored, where it is not that of `measure`; the first one's `margin`, below which
        difference another one is `equivalent`.
      results: as `result.json` holds them.
      measure: which score.

    >>> def result(seed, alpha, value):
    ...     return {"status": "ok", "config": {"seed": seed, "alpha": alpha},
    ...             "scores": [{**measure._asdict(), "value": value}]}
    >>> measure = Measure("thesis", "knn", "mean", "accuracy")
    >>> results = [result(s, a, a / 2 + s * a / 100) for s in range(3) for a in (0.0, 1.0)]
    >>> questions = {"Does α matter?": {"no": {"alpha": 0.0}, "yes": {"alpha": 1.0}}}
    >>> [one.verdict for one in answer(questions, results, measure)[0].answers]
    ['', 'better']
    """
    answered = []
    for question, settings in questions.items():
        answers: list[Answer] = []
        first: Mapping[Any, float] = {}
        families: dict[tuple[Any, ...], list[int]] = {}
        margin = next(iter(settings.values())).get(MARGIN)
        for i, (name, setting) in enumerate(settings.items()):
            expected = {path: value for path, value in setting.items() if path not in NO_PATHS}
            group = Group({}, [r for r in results if _is(expected, r["config"])])
            setting_measure = measure._replace(
                embedding=setting.get("embedding", measure.embedding)
            )
            values = group.values(setting_measure)
            score = estimate(list(values.values())) if values else None
            lost = len(group.results) - len(group.ok)
            answers.append(Answer(name, score, lost, paired(values, first) if i else None, ""))
            first = values if i == 0 else first
            families.setdefault(tuple(setting.get(path) for path in LABELS), []).append(i)
        for family in families.values():
            family_verdicts = verdicts([answers[i].difference for i in family], margin)
            for i, verdict in zip(family, family_verdicts, strict=True):
                answers[i] = answers[i]._replace(verdict=verdict)
        answered.append(Answered(question, answers, margin))
    return answered


def table(answered: Sequence[Answered], measure: Measure) -> Table:
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
        f"with its first one, at each number of labels. Fewer than {FEWEST} pairs give none."
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
    heading = ["question", "setting", "than the first", measure.words, "difference"]
    return Table(f"Questions by {measure.words}", heading, body, 3, notes)


def _is(expected: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Whether a point is of a setting: all of its configuration but seeds, and what is scored.

    Fields that there were none of when it was trained do not count.
    """

    def training(values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            path: list(value) if isinstance(value, tuple) else value
            for path, value in values.items()
            if path not in REPEATS and not path.startswith("eval.") and path != "run"
        }

    trained_values = training(config)
    return trained_values == {
        path: value for path, value in training(expected).items() if path in trained_values
    }


def _interval(estimated: Estimate | None, form: str, lost: int) -> str:
    without = f" ({lost} without a score)" if lost else ""
    if estimated is None:
        return f"–{without}"
    text = form.format(estimated.mean)
    if estimated.low is not None and estimated.high is not None:
        text += f" [{form.format(estimated.low)}, {form.format(estimated.high)}]"
    return f"{text} ({estimated.n}){without}"
