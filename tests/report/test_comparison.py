import numpy as np
import pytest

from jaxdml.report import comparison
from jaxdml.report.summary import Measure

WANTED = Measure("thesis", "knn", "mean", "accuracy")
PATHS = ["system", "routine.alpha", "data.labelled_count", "seed", "data.labels_seed"]


def point(value, system, labels, seed, alpha=None, status="ok"):
    config = {"system": system, "data.labelled_count": labels, "seed": seed,
              "data.labels_seed": seed}  # fmt: skip
    config |= {"routine.alpha": alpha} if alpha is not None else {}
    scores = [WANTED._asdict() | {"value": value}]
    return {"point": f"{system}{labels}{seed}{alpha}", "status": status, "config": config,
            "scores": scores if status == "ok" else []}  # fmt: skip


def rows(results):
    table = comparison.table(results, PATHS, WANTED)
    return [dict(zip(table.heading, row, strict=True)) for row in table.body]


def grid(gain):
    random = np.random.default_rng(0)
    for labels in (60, 6000):
        for seed in range(5):
            base = random.uniform(0.5, 0.9)  # seeds differ more than systems do
            yield point(base, "ae", labels, seed)
            yield point(base + gain(labels, seed), "dml_ae", labels, seed, alpha=0.5)


def test_what_is_better_at_every_number_of_labels_is_so_though_seeds_differ_more():
    [row] = rows(list(grid(lambda labels, seed: 0.01 + 0.001 * seed)))
    assert (row["A"], row["B"], row["A is"]) == ("ae", "dml_ae", "worse")
    assert row["60 labels"].startswith("-0.012 [-0.013, -0.011]")
    assert row["6000 labels"].endswith("(5)")


@pytest.mark.parametrize(
    "gain",
    [lambda labels, seed: 0.1 if labels == 60 else -0.1, lambda labels, seed: 0.1 * (seed - 2)],
    ids=["at some numbers of labels only", "of either sign"],
)
def test_otherwise_it_is_undecided(gain):
    [row] = rows(list(grid(gain)))
    assert row["A is"] == "undecided"


def test_points_are_paired_by_their_seed_and_one_that_is_lost_takes_its_pair_with_it():
    results = list(grid(lambda labels, seed: 0.01))
    results[0] = point(0.0, "ae", 60, 0, status="diverged")
    [row] = rows(results[::-1])
    assert row["60 labels"] in ("+0.010 [+0.010, +0.010] (4)", "-0.010 [-0.010, -0.010] (4)")


def test_of_many_methods_each_is_compared_with_the_best():
    results = [
        point(0.1 * i + 0.01 * seed, "dml_ae", 60, seed, alpha=i / 10)
        for i in range(9)
        for seed in range(3)
    ]
    found = rows(results)
    assert len(found) == 8
    assert {(row["A"], row["A is"]) for row in found} == {("alpha=0.8", "better")}


def test_there_is_nothing_to_compare_without_a_second_method():
    assert comparison.table([point(0.5, "ae", 60, 0)], PATHS, WANTED) is None


def test_what_is_evaluated_in_another_way_is_not_compared():
    results = [point(0.5, "ae", 60, seed) for seed in range(3)]
    results += [point(0.7, "dml", 60, seed) for seed in range(3)]
    for other in results[3:]:
        other["config"]["eval.split"] = "validation"
    assert comparison.table(results, [*PATHS, "eval.split"], WANTED) is None
