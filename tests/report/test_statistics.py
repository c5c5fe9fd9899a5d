import itertools
import statistics as plain

import numpy as np
import pytest
from scipy import stats

from jaxdml.report.tables.statistics import equivalence, estimate, holm, paired, verdicts


def test_mean_and_deviation_are_those_of_the_standard_library():
    values = [0.91, 0.94, 0.90, 0.97]
    estimated = estimate(values)
    assert estimated.n == 4
    assert estimated.mean == pytest.approx(plain.mean(values))
    assert estimated.std == pytest.approx(plain.stdev(values))


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_interval_and_p_value_are_those_of_the_t_test(count):
    values = np.random.default_rng(count).normal(0.1, 0.2, count)
    estimated, expected = estimate(values), stats.ttest_1samp(values, 0)
    interval = expected.confidence_interval(0.95)
    assert (estimated.low, estimated.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert estimated.p == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize("mean", [-0.02, 0.0, 0.004, 0.03])
def test_equivalence_is_two_one_sided_t_tests(mean):
    values = np.random.default_rng(5).normal(mean, 0.01, 6)
    above = stats.ttest_1samp(values, -0.01, alternative="greater").pvalue
    below = stats.ttest_1samp(values, 0.01, alternative="less").pvalue
    p = equivalence(estimate(values), 0.01)
    assert p == pytest.approx(max(above, below), rel=1e-9)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert (p <= 0.05) == (interval.low > -0.01 and interval.high < 0.01)


def test_what_is_equivalent_may_be_better_too_and_what_tells_no_spread_is_neither():
    small = estimate([0.002, 0.0021, 0.0019, 0.002])
    assert verdicts([small]) == ["better"]
    assert verdicts([small], margin=0.005) == ["equivalent"]
    assert verdicts([estimate([0.001] * 4), estimate([0.0] * 4)], margin=0.005) == [
        "undecided",
        "equivalent",
    ]
    assert verdicts([estimate([0.0, 0.0])], margin=0.005) == [""]  # too few pairs


def test_equal_values_have_no_interval_and_equal_differences_no_verdict_but_undecided():
    estimated = estimate([0.1 + 0.2, 0.3, 0.3])  # equal but for rounding
    assert (estimated.std, estimated.low, estimated.p) == (0.0, None, None)
    assert estimate([0.0, 0.0]).p == 1
    assert verdicts([estimated, estimate([0.0] * 5)]) == ["undecided", "undecided"]


def test_order_changes_nothing_and_no_accident_decides():
    assert estimate([0.3, 0.1, 0.2]) == estimate([0.2, 0.3, 0.1])


def naive_holm(p):
    """By its definition as a closed test: the largest Bonferroni value of any set that holds i."""
    sets = [s for k in range(1, len(p) + 1) for s in itertools.combinations(range(len(p)), k)]
    return [
        max(min(1, len(s) * min(p[j] for j in s)) for s in sets if i in s) for i in range(len(p))
    ]


@pytest.mark.parametrize("seed", range(5))
def test_adjusted_p_values_are_those_of_the_closed_test(seed):
    random = np.random.default_rng(seed)
    p = [*random.uniform(0, 0.1, 5), *random.uniform(0, 1, 2)]
    p[2] = p[0]  # a tie
    assert holm(p) == pytest.approx(naive_holm(p))


def test_what_is_better_alone_is_undecided_among_many():
    clear, weak = [0.10, 0.11, 0.12], [0.10, 0.11, 0.16]
    nothing = [-0.1, 0.0, 0.1]
    assert verdicts([estimate(weak)]) == ["better"]
    family = [estimate([-v for v in clear]), estimate(weak), *[estimate(nothing)] * 3]
    assert verdicts(family) == ["worse", *["undecided"] * 4]


def test_fewer_than_three_pairs_have_no_verdict_and_count_for_nothing():
    weak = estimate([0.10, 0.11, 0.16])
    assert verdicts([weak, estimate([0.5, 0.51]), estimate([0.5]), None]) == ["better", "", "", ""]


def test_only_what_both_have_is_compared():
    difference = paired({0: 0.9, 1: 0.8, 2: 0.7}, {1: 0.5, 2: 0.5, 3: 0.0})
    assert difference.n == 2
    assert difference.mean == pytest.approx(0.25)
    assert paired({0: 1.0}, {1: 1.0}) is None
