"""Temperatures and reliability, against grids and loops."""

import numpy as np
import pytest

from jaxdml.labelling import calibration

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.normal(size=(3000, 4)) * 2
LABELS = np.array([RANDOM.choice(4, p=row) for row in calibration.probabilities(SCORES)])


def surprise(scores, labels):
    """The mean of −log p of each row's label, by a loop."""
    total = 0.0
    for row, label in zip(scores, labels, strict=True):
        total -= row[label] - np.log(sum(np.exp(value) for value in row))
    return total / len(labels)


@pytest.mark.parametrize("factor", [0.2, 1.0, 5.0])
def test_the_temperature_is_where_labels_are_most_likely_and_undoes_a_factor(factor):
    found = calibration.temperature(SCORES[:500] * factor, LABELS[:500])
    grid = np.geomspace(0.05, 20, 200)
    values = [surprise(SCORES[:500] * factor / t, LABELS[:500]) for t in grid]
    assert surprise(SCORES[:500] * factor / found, LABELS[:500]) <= min(values) + 1e-6
    assert calibration.temperature(SCORES * factor, LABELS) == pytest.approx(factor, rel=0.1)


def test_a_class_that_cannot_be_predicted_counts_for_nothing():
    scores = np.where(np.arange(4) == 3, -np.inf, SCORES)
    seen = LABELS != 3
    found = calibration.temperature(scores, LABELS)
    assert found == pytest.approx(calibration.temperature(SCORES[seen][:, :3], LABELS[seen]))
    with pytest.raises(ValueError, match="needs held-out rows"):
        calibration.temperature(scores[~seen], LABELS[~seen])


def test_reliability_is_that_of_a_loop_over_bins():
    shares = calibration.probabilities(SCORES)
    found = calibration.reliability(shares, LABELS)
    gaps = bins = 0
    for low in np.arange(10) / 10:
        inside = [
            (row.max(), row.argmax() == label)
            for row, label in zip(shares, LABELS, strict=True)
            if low <= row.max() < low + 0.1
        ]
        if inside:
            confidence, right = np.mean(inside, axis=0)
            gaps += len(inside) * abs(confidence - right)
            bins += 1
    assert len(found.rows) == bins
    assert found.error == pytest.approx(gaps / len(LABELS))


def test_who_is_too_sure_is_mended_on_rows_that_the_temperature_did_not_see():
    sure = SCORES * 4
    before = calibration.reliability(calibration.probabilities(sure), LABELS).error
    after = calibration.reliability(calibration.honest(sure, LABELS), LABELS).error
    assert after < 0.03 < 0.15 < before
    changed = LABELS.copy()
    changed[::2] = 0  # of the even rows, whose own temperature is that of the odd ones
    np.testing.assert_array_equal(
        calibration.honest(sure, changed)[::2], calibration.honest(sure, LABELS)[::2]
    )


def test_too_few_rows_say_nothing_of_reliability():
    few = calibration.FEWEST - 1
    assert calibration.before_and_after(SCORES[:few], LABELS[:few]) is None
    before, after = calibration.before_and_after(SCORES * 4, LABELS)
    assert before.rows.sum() == after.rows.sum() == len(LABELS)
    assert after.error < 0.03 < before.error
