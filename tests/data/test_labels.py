import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdml.data.labels import missing_classes, select
from jaxdml.options import ConfigError

Y = np.random.default_rng(0).integers(0, 10, 60_000).astype(np.int32)


def test_the_documents_percentages_of_mnist():
    assert [len(select(Y, percent=p)) for p in (0.01, 0.1, 10, 100)] == [6, 60, 6_000, 60_000]
    assert len(select(Y[:100], percent=0.01)) == 1
    assert len(select(Y)) == 60_000


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), few=st.integers(1, 300), more=st.integers(0, 300))
def test_a_smaller_selection_lies_inside_a_larger_one(seed, few, more):
    small, large = (select(Y, count=n, seed=seed) for n in (few, few + more))
    assert set(small) <= set(large)
    assert len(small) == few
    assert (np.diff(small) > 0).all()


def test_another_seed_is_another_selection():
    assert not np.array_equal(select(Y, count=60, seed=0), select(Y, count=60, seed=1))
    np.testing.assert_array_equal(select(Y, count=60, seed=3), select(Y, count=60, seed=3))


def test_per_class_and_stratified_selections_have_the_right_shares():
    assert (np.bincount(Y[select(Y, per_class=7)]) == 7).all()
    shares = np.bincount(Y[select(Y, count=601, stratified=True)], minlength=10)
    exact = np.bincount(Y) * 601 / 60_000
    assert shares.sum() == 601
    assert (abs(shares - exact) < 1).all()


def test_uniform_selections_are_uniform():
    counts = sum(np.bincount(select(Y[:20], count=5, seed=s), minlength=20) for s in range(2000))
    assert (abs(counts / 2000 - 0.25) < 0.05).all()


def test_rows_without_a_label_are_never_chosen():
    y = np.where(np.arange(100) % 2, 1, -1)
    assert (y[select(y)] >= 0).all()
    assert len(select(y)) == 50


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"percent": 0.0}, "labelled_percent must be above 0 and at most 100, but is 0.0"),
        ({"percent": 101.0}, "at most 100"),
        ({"count": 60_001}, "60001 labelled images are asked for, but only 60000 have a label"),
        ({"per_class": 50_000}, "50000 labelled images of class 0 are asked for, but there are"),
    ],
)
def test_what_cannot_be_is_said(options, message):
    with pytest.raises(ConfigError, match=message):
        select(Y, **options)


def test_six_labels_cannot_cover_ten_classes():
    assert missing_classes(Y, select(Y, count=6), 10) >= 4
