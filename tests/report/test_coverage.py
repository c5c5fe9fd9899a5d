"""By simulation: intervals cover what they say, and without a difference there is no verdict.

Values are normal ones, or deviations of the committed results from the mean of their setting.
"""

import functools
import itertools
from pathlib import Path

import numpy as np
import pytest

from jaxdml.report.tables import summary
from jaxdml.report.tables.statistics import estimate, paired, verdicts
from jaxdml.runs.storage import archive

ROOT = Path(__file__).parents[2] / "experiments" / "results"
SEEDS = (3, 5, 10, 20)
SETTINGS = 6  # whose fifteen pairs are all compared
REPEATS = {"interval": 3000, "family": 800}
# what is said in `estimate` and `verdicts`, of 3, 5, 10 and 20 seeds
COVERED, FALSE = (94, 94, 95, 95), (5, 5, 4, 3)


@functools.cache
def residuals():
    """What there is of chance in the committed results, from settings with ten seeds.

    Returns:
      The deviations of accuracies and mutual informations from their setting's mean, in units of
      its standard deviation; and these standard deviations.
    """
    deviations, scales = [], []
    kept = archive.Archive(ROOT / "study_both")
    results = kept.results()
    for group in summary.groups(results, kept.plan()["grid_paths"]):
        for measure in summary.measures(results):
            values = np.array(list(group.values(measure).values()))
            if len(values) == 10:
                scales.append(values.std(ddof=1))
                deviations.append((values - values.mean()) / scales[-1])
    return np.concatenate(deviations), np.array(scales)


def normal(random, shape):
    return random.standard_normal(shape)


def drawn(random, shape):
    """Each row is as wide as one of the settings."""
    pool, scales = residuals()
    return random.choice(pool, shape) * random.choice(scales, (*shape[:-1], 1))


def covered(seeds, draw):
    """Of 100 intervals, how many hold the true mean; those that are not shown do not count."""
    random = np.random.default_rng(seeds)
    estimates = [estimate(x) for x in draw(random, (REPEATS["interval"], seeds))]
    shown = [one for one in estimates if one.low is not None]
    return 100 * float(np.mean([one.low <= 0 <= one.high for one in shown]))


def false(seeds, draw, pairs):
    """Of 100 families without a true difference, how many have a verdict that says one."""
    random = np.random.default_rng(seeds)
    wrong = 0
    for _ in range(REPEATS["family"]):
        common = random.normal(0, 0.1, seeds)  # seeds differ more than settings do
        settings = [dict(enumerate(row + common)) for row in draw(random, (SETTINGS, seeds))]
        family = [paired(settings[a], settings[b]) for a, b in pairs]
        wrong += bool({"better", "worse"} & set(verdicts(family)))
    return 100 * wrong / REPEATS["family"]


ALL_PAIRS = list(itertools.combinations(range(SETTINGS), 2))
WITH_THE_FIRST = [(i, 0) for i in range(1, SETTINGS)]
families = pytest.mark.parametrize(
    "pairs", [ALL_PAIRS, WITH_THE_FIRST], ids=["all pairs", "with the first"]
)


@pytest.mark.parametrize("seeds", SEEDS)
def test_an_interval_of_normal_values_covers_the_mean_95_times_in_100(seeds):
    assert 93 <= covered(seeds, normal) <= 97


@families
@pytest.mark.parametrize("seeds", SEEDS)
def test_without_a_difference_six_families_in_100_at_most_have_a_verdict(seeds, pairs):
    assert false(seeds, normal, pairs) <= 6


@pytest.mark.parametrize(("seeds", "percent"), [*zip(SEEDS, COVERED, strict=True)])
def test_with_deviations_of_the_committed_results_coverage_is_what_is_said(seeds, percent):
    assert covered(seeds, drawn) == pytest.approx(percent, abs=1.5)


@pytest.mark.parametrize(("seeds", "percent"), [*zip(SEEDS, FALSE, strict=True)])
def test_with_deviations_of_the_committed_results_false_verdicts_are_what_is_said(seeds, percent):
    assert false(seeds, drawn, ALL_PAIRS) == pytest.approx(percent, abs=1.5)
