"""Methods beside each other on held-out labelled images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from jaxdml.report.tables import guard
from jaxdml.report.tables.summary import Measure

KNN = Measure("labelled", "knn", "mean", "accuracy")


def result(system, right, **more):
    score = {**KNN._asdict(), "value": right.count("1") / len(right), "right": right}
    config = {"system": system, "seed": 0}
    return {"pooled": True, "status": "ok", "config": config, "scores": [score]} | more


def rows(results):
    table = guard.table(results, ["system"], KNN)
    return table, {row[0]: row[1:] for row in table.body}


@given(st.lists(st.sampled_from(["00", "01", "10", "11"]), min_size=1, max_size=40))
def test_p_is_that_of_the_exact_test(pairs):
    counts = guard.disagreements(*("".join(side) for side in zip(*pairs, strict=True)))
    a, b = pairs.count("10"), pairs.count("01")
    assert tuple(counts) == (a, b)
    expected = binomtest(a, a + b).pvalue if a + b else 1.0
    assert counts.p == pytest.approx(expected)


def test_the_best_is_told_from_what_is_clearly_worse_only():
    few = "1" * 38 + "00"
    results = [
        result("pca", "1" * 10 + "0" * 30),
        result("few", few),
        result("ae", "1" * 36 + "0000", baseline=True),
    ]
    table, row_by_method = rows(results)
    assert [row[0] for row in table.body] == ["few", "ae", "pca"]
    assert row_by_method["few"][:2] == ["the best here", "38 of 40"]
    assert row_by_method["ae"] == [guard.TOO_FEW, "36 of 40", "2", "0", "0.5"]
    # three pairs: the smallest p counts three times
    assert row_by_method["pca"][0] == "worse"
    assert float(row_by_method["pca"][-1]) == pytest.approx(3 * binomtest(28, 28).pvalue, rel=0.05)
    assert table.notes[0].startswith("few is the best on the 40 held-out labelled images, but")
    assert "from ae: label more images" in table.notes[0]


def test_the_procedure_covers_the_choice_of_the_best():
    """Of four equal methods a verdict is given in at most 5 of 100 families."""
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        flags = (random.random((4, 60)) < 0.8).astype(int)
        results = [result(str(i), "".join("01"[f] for f in row)) for i, row in enumerate(flags)]
        wrong += any(row[1] == "worse" for row in rows(results)[0].body)
    assert wrong <= 400 * 0.05


def test_nothing_is_compared_without_folds_or_with_one_method():
    few = result("few", "101")
    assert guard.table([few], ["system"], KNN) is None
    apart = [r | {"pooled": False} for r in (few, result("ae", "111"))]
    assert guard.table(apart, ["system"], KNN) is None
    other = result("ae", "111")
    assert guard.table([few, other], ["system"], KNN) is not None
    other["config"]["data.path"] = "elsewhere"
    assert guard.table([few, other], ["system"], KNN) is None
    lost = result("ae", "111") | {"status": "failed"}
    assert guard.table([few, lost], ["system"], KNN) is None
