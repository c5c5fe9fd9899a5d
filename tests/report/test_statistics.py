import itertools
import statistics as plain

import numpy as np
import pytest

from jaxdml.report.statistics import estimate, paired


def test_mean_and_deviation_are_those_of_the_standard_library():
    values = [0.91, 0.94, 0.90, 0.97]
    found = estimate(values)
    assert found.n == 4
    assert found.mean == pytest.approx(plain.mean(values))
    assert found.std == pytest.approx(plain.stdev(values))


def test_the_interval_is_that_of_all_resamples():
    """Of three values there are 27 resamples: their exact 2.5 % and 97.5 % quantiles."""
    values = [0.1, 0.4, 1.0]
    means = sorted(np.mean(sample) for sample in itertools.product(values, repeat=3))
    found = estimate(values)
    low, high = np.quantile(means, [0.025, 0.975], method="inverted_cdf")
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)


def test_order_changes_nothing_and_no_accident_decides():
    assert estimate([0.3, 0.1, 0.2]) == estimate([0.2, 0.3, 0.1])


@pytest.mark.parametrize(
    ("values", "sign"), [([0.1, 0.2, 0.3], 1), ([-0.1, -0.2, -0.1], -1), ([-1, 1, 2], 0)]
)
def test_the_sign_is_that_of_the_whole_interval(values, sign):
    assert estimate(values).sign == sign
    assert estimate(values[:2]).sign == 0


def test_only_what_both_have_is_compared():
    found = paired({0: 0.9, 1: 0.8, 2: 0.7}, {1: 0.5, 2: 0.5, 3: 0.0})
    assert found.n == 2
    assert found.mean == pytest.approx(0.25)
    assert paired({0: 1.0}, {1: 1.0}) is None
