import numpy as np

from jaxdml.report.tables import comparison, summary
from jaxdml.report.tables.summary import Measure

MEASURE = Measure("thesis", "knn", "mean", "accuracy")
PATHS = ["system", "routine.alpha", "data.labelled_count", "seed", "data.labels_seed"]


def point(value, system, labels, seed, alpha=None, status="ok"):
    config = {"system": system, "data.labelled_count": labels, "seed": seed,
              "data.labels_seed": seed}  # fmt: skip
    config |= {"routine.alpha": alpha} if alpha is not None else {}
    scores = [MEASURE._asdict() | {"value": value}]
    return {"point": f"{system}{labels}{seed}{alpha}", "status": status, "config": config,
            "scores": scores if status == "ok" else []}  # fmt: skip


def rows(results):
    table = comparison.table(results, PATHS, MEASURE)
    return [dict(zip(table.heading, row, strict=True)) for row in table.body]


def grid(gain):
    random = np.random.default_rng(0)
    for labels in (60, 6000):
        for seed in range(5):
            base = random.uniform(0.5, 0.9)  # seeds differ more than systems do
            yield point(base, "ae", labels, seed)
            yield point(base + gain(labels, seed), "dml_ae", labels, seed, alpha=0.5)


def test_what_is_better_is_so_though_seeds_differ_more():
    [row] = rows(list(grid(lambda labels, seed: 0.01 + 0.001 * seed)))
    assert (row["A"], row["B"]) == ("ae", "dml_ae")
    assert row["60 labels"] == "-0.012 [-0.014, -0.010] (5) worse"
    assert row["6000 labels"].endswith("(5) worse")


def test_each_number_of_labels_has_a_verdict_of_its_own():
    gains = {60: 0.1, 6000: -0.1}
    [row] = rows(list(grid(lambda labels, seed: gains[labels] + 0.001 * seed)))
    assert row["60 labels"].endswith(" worse")
    assert row["6000 labels"].endswith(" better")
    [row] = rows(list(grid(lambda labels, seed: 0.1 * (seed - 2))))
    assert row["60 labels"].endswith(" undecided")


def test_verdicts_are_corrected_for_the_pairs_of_their_column():
    """One difference that a test alone would find: found among one pair, not among ten."""

    def column(systems):
        random = np.random.default_rng(1)
        values = {name: random.normal(0.8, 0.01, 3) for name in systems}
        values["b"] = values["a"] + np.array([0.010, 0.012, 0.017])
        results = [
            point(value, name, 60, seed)
            for name, seed_values in values.items()
            for seed, value in enumerate(seed_values)
        ]
        return {(row["A"], row["B"]): row["accuracy"] for row in rows_of(results)}

    assert column("ab")["a", "b"].endswith(" worse")
    assert column("abcde")["a", "b"].endswith(" undecided")


def rows_of(results):
    table = comparison.table(results, ["system", "seed"], MEASURE)
    return [dict(zip(table.heading, row, strict=True)) for row in table.body]


def test_points_are_paired_by_their_seed_and_one_that_is_lost_takes_its_pair_with_it():
    results = list(grid(lambda labels, seed: 0.01))
    results[0] = point(0.0, "ae", 60, 0, status="diverged")
    [row] = rows(results[::-1])
    # equal differences tell no spread: there is neither an interval nor a verdict
    assert row["60 labels"] in ("+0.010 (4) undecided", "-0.010 (4) undecided")


def test_two_pairs_have_no_verdict():
    [row] = rows([one for one in grid(lambda labels, seed: 0.1 + 0.001 * seed)
                  if one["config"]["seed"] < 2])  # fmt: skip
    assert row["60 labels"].endswith("] (2)")


def test_of_many_methods_each_is_compared_with_the_first_whatever_it_scores():
    results = [
        point(0.1 * i + 0.01 * seed * (i % 3), "dml_ae", 60, seed, alpha=i / 10)
        for i in (4, 0, 1, 2, 3, 5, 6, 7, 8)
        for seed in range(3)
    ]
    table_rows = rows(results)
    assert len(table_rows) == 8
    assert {row["A"] for row in table_rows} == {"alpha=0.4"}


def test_the_highest_and_what_is_not_told_apart_from_it_lead():
    values = {"low": (0.10, 0.11, 0.13), "near": (0.80, 0.84, 0.81), "high": (0.82, 0.81, 0.84)}
    results = [
        point(value + 0.001 * labels, name, labels, seed)
        for labels in (6, 60)
        for name, seed_values in values.items()
        for seed, value in enumerate(seed_values)
        if labels == 6 or name != "high" or seed == 0
    ]
    groups = summary.groups(results, PATHS)
    group_leads = comparison.leading(groups, PATHS, MEASURE)
    named = [(g.setting["system"], g.setting["data.labelled_count"]) for g in groups]
    assert [name for name, leads in zip(named, group_leads, strict=True) if leads] == [
        ("near", 6), ("high", 6), ("near", 60)
    ]  # fmt: skip  # with 60 labels the high one has a single seed, and is not tested
    alike = [one for one in results if one["config"]["system"] != "low"]
    assert not any(comparison.leading(summary.groups(alike, PATHS), PATHS, MEASURE))
    [table] = comparison.score_tables(results, PATHS)
    marks = [row[-1].endswith(summary.MARK) for row in table.body]
    assert marks == group_leads
    assert table.notes[-1] == summary.LEADING
    few = [one for one in results if one["config"]["seed"] < 2]
    assert comparison.leading(summary.groups(few, PATHS), PATHS, MEASURE) is None
    assert summary.LEADING not in comparison.score_tables(few, PATHS)[0].notes


def test_there_is_nothing_to_compare_without_a_second_method():
    assert comparison.table([point(0.5, "ae", 60, 0)], PATHS, MEASURE) is None


def test_what_is_evaluated_in_another_way_is_not_compared():
    results = [point(0.5, "ae", 60, seed) for seed in range(3)]
    results += [point(0.7, "dml", 60, seed) for seed in range(3)]
    for other in results[3:]:
        other["config"]["eval.split"] = "validation"
    assert comparison.table(results, [*PATHS, "eval.split"], MEASURE) is None
