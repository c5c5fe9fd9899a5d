"""What a study asks is answered by the points of its settings, and by no other."""

import numpy as np
import pytest
from scipy import stats

from jaxdml.options import ConfigError
from jaxdml.report import write
from jaxdml.report.figures import questions as figure
from jaxdml.report.tables import questions as answers
from jaxdml.report.tables.summary import Measure
from jaxdml.runs.execution import execute
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import archive, questions
from tests.runs.small import BASE

MEASURE = Measure("thesis", "knn", "mean", "accuracy")
QUESTIONS = {
    "Does the prior help?": {
        "no prior": {"system": "dml", "margin": 2.0},
        "a weak one": {"kl.beta": 0.01},
    },
    "What is scored?": {
        "mean": {},
        "sample": {"embedding": "sample"},
        "no such point": {"kl.beta": 0.5},
    },
}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("asked")
    base = BASE | {"system": "dml_prior", "eval.embeddings": ("mean", "sample"), "train.epochs": 1}
    grid = (
        {"system": ("dml",), "seed": (0, 1, 2)},
        {"kl.beta": (1.0, 0.01), "seed": (0, 1, 2)},
    )
    trained_folder = execute.run(base, grid, path / "run", path)
    questions.write(trained_folder, questions.resolve(base, QUESTIONS))
    return trained_folder


def scores(run_folder, embedding="mean", **setting):
    return {
        r["config"]["seed"]: s["value"]
        for r in run_folder.results()
        for s in r["scores"]
        if setting.items() <= r["config"].items()
        and (s["protocol"], s["metric"], s["embedding"]) == ("thesis", "accuracy", embedding)
    }


def test_the_points_of_a_setting_answer_at_equal_seeds(run_folder):
    first, second = answers.answer(questions.read(run_folder), run_folder.results(), MEASURE)
    without, weak = scores(run_folder, system="dml"), scores(run_folder, **{"kl.beta": 0.01})
    assert [one.score.n for one in first.answers] == [3, 3]
    assert first.answers[0].score.mean == pytest.approx(np.mean(list(without.values())))
    estimated = first.answers[1].difference
    difference = [weak[seed] - without[seed] for seed in range(3)]
    assert estimated.mean == pytest.approx(np.mean(difference))
    expected = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
    assert (estimated.low, estimated.high) == pytest.approx(tuple(expected))
    assert (first.margin, first.answers[1].verdict) == (2.0, "equivalent")  # no accuracy is so far
    assert "equivalent in 'Does the prior help?'" in answers.table([first], MEASURE).notes[1]
    assert second.margin is None
    mean, sample, _ = (one.score for one in second.answers)
    assert mean.mean == pytest.approx(
        np.mean(list(scores(run_folder, **{"kl.beta": 1.0}).values()))
    )
    drawn = scores(run_folder, "sample", **{"kl.beta": 1.0})
    assert sample.mean == pytest.approx(np.mean(list(drawn.values())))


def test_a_setting_without_points_is_shown_as_such(run_folder):
    answered = answers.answer(questions.read(run_folder), run_folder.results(), MEASURE)
    assert answered[1].answers[2] == answers.Answer("no such point", None, 0, None, "")
    assert answers.table(answered, MEASURE).body[-1][1:] == ["no such point", "", "–", "–"]
    axis = figure.draw({"accuracy": answered}).axes[0]
    assert [text.get_text() == "none" for text in axis.texts] == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.5, 0.51, 0.52], "better"),
        ([-0.5, 0.6, 0.7], "undecided"),
        ([-0.2, -0.21, -0.22], "worse"),
        ([-0.02, -0.021, -0.022], "equivalent"),
    ],
)
def test_a_verdict_is_that_of_the_paired_t_test(values, verdict):
    def result(seed, system, value):
        score = {**MEASURE._asdict(), "value": value}
        return {"status": "ok", "config": {"system": system, "seed": seed}, "scores": [score]}

    results = [result(i, "a", 1.0) for i in range(3)]
    results += [result(i, "b", 1.0 + value) for i, value in enumerate(values)]
    study_questions = {"Is b better?": {"a": {"system": "a", "margin": 0.1}, "b": {"system": "b"}}}
    [answered] = answers.answer(study_questions, results, MEASURE)
    assert answered.answers[1].verdict == verdict
    assert answers.table([answered], MEASURE).body[1][2] == verdict
    drawn = figure.draw({"accuracy": [answered], "MAP@R": [answered]}, 0.1)
    texts = [tick.get_text() for tick in drawn.axes[0].get_yticklabels()]
    assert texts == ["Is b better?", "a", "b"]
    assert [axis.get_xlabel() for axis in drawn.axes] == ["accuracy", "MAP@R"]


def test_each_number_of_labels_is_a_family_of_its_own():
    """A weak difference is found where it is the only one with as many labels, else it is not."""

    def verdicts(counts):
        def result(seed, system, count, value):
            score = {**MEASURE._asdict(), "value": value}
            config = {"system": system, "seed": seed, "data.labelled_count": count}
            return {"status": "ok", "config": config, "scores": [score]}

        weak, none = (0.10, 0.11, 0.16), (-0.1, 0.0, 0.1)
        results, settings = [], {}
        for i, count in enumerate((60, *counts)):
            name = f"s{i}"
            settings[name] = {"system": name, "data.labelled_count": count}
            gains = (0, 0, 0) if i == 0 else weak if i == 1 else none
            results += [result(seed, name, count, 0.5 + g) for seed, g in enumerate(gains)]
        [answered] = answers.answer({"Which?": settings}, results, MEASURE)
        return [one.verdict for one in answered.answers]

    assert verdicts((60, 60, 60)) == ["", "undecided", "undecided", "undecided"]
    assert verdicts((60, 6, 6)) == ["", "better", "undecided", "undecided"]


def test_points_that_do_not_count_are_counted(run_folder):
    results = [
        r | {"status": "failed"} if r["config"]["seed"] == 1 else r for r in run_folder.results()
    ]
    answered = answers.answer(questions.read(run_folder), results, MEASURE)
    assert [(one.score.n, one.lost) for one in answered[0].answers] == [(2, 1), (2, 1)]
    assert answered[0].answers[1].verdict == ""  # two pairs are too few
    assert "(2) (1 without a score)" in answers.table(answered, MEASURE).body[0][3]


def test_the_report_answers_also_from_what_is_kept(run_folder):
    written = write.report([run_folder], run_folder.report, loading.loader(run_folder.path))
    assert "questions" in {path.stem for path in written.pictures}
    assert "| Does the prior help? | no prior" in written.table
    assert (run_folder.report / "tables" / "questions_by_thesis_knn_accuracy.csv").exists()
    kept = archive.keep(run_folder, run_folder.path.parent / "kept")
    again = write.report([kept], kept.report, loading.loader(run_folder.path))
    assert again.table == written.table
    questions.write(run_folder, {})
    assert questions.read(run_folder) == {}


def test_chance_is_drawn_only_where_all_data_sets_have_as_many_classes(run_folder):
    [classes] = {tuple(names) for names in run_folder.plan()["classes"].values()}
    results = run_folder.results()
    assert write._chance([run_folder], results) == 1 / len(classes)
    other = results[0] | {"config": results[0]["config"] | {"data.name": "mnist"}}
    assert write._chance([run_folder], [*results, other]) is None


def test_mistakes_are_one_sentence():
    with pytest.raises(ConfigError, match=r"'Why\?' must have two or more settings by name"):
        questions.resolve(BASE, {"Why?": {"so": {}}})
    with pytest.raises(ConfigError, match=r"'Why\?' must be a difference above 0.*but is 0"):
        questions.resolve(BASE, {"Why?": {"no": {"margin": 0}, "yes": {}}})
    with pytest.raises(ConfigError, match=r"there is no field kl\.bta"):
        questions.resolve(BASE | {"system": "vae"}, {"Why?": {"so": {}, "or": {"kl.bta": 1.0}}})
