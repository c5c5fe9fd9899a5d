import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.train import streams
from jaxdml.types import Point

Y = jnp.array([0] * 12 + [1] * 12 + [2] * 3 + [3] * 9 + [4] * 4)


balanced = jax.jit(streams.balanced, static_argnums=(2, 3, 4, 5))


def drawn(labelled, per_batch, size=12, steps=40, capacity=None):
    rows = np.array(labelled)
    padded = np.pad(rows, (0, (capacity or len(rows)) - len(rows)))
    point = Point(jnp.int32(0), {}, jnp.array(padded), Y[padded], jnp.int32(len(rows)))
    draw = balanced(jax.random.key(1), point, steps, size, per_batch, 5)
    return np.asarray(draw.rows), np.asarray(draw.valid)


@pytest.mark.parametrize("per_batch", [2, 3, 5])
def test_a_balanced_batch_holds_as_many_classes_and_images_as_it_says(per_batch):
    each = 12 // per_batch
    rows, valid = drawn(range(40), per_batch)
    assert rows.shape == (40, per_batch * each)
    drawn_rows = set()
    for row, ok in zip(rows, valid, strict=True):
        assert len(set(row[ok].tolist())) == ok.sum()  # no image twice
        classes, counts = np.unique(np.asarray(Y)[row[ok]], return_counts=True)
        assert len(classes) == per_batch
        for c, count in zip(classes, counts, strict=True):
            assert count == min(each, int((c == Y).sum()))
        drawn_rows |= set(row[ok].tolist())
    assert drawn_rows == set(range(40))  # every image has its turn


def test_only_labelled_images_are_drawn_and_fewer_classes_leave_padding():
    labelled = [0, 1, 2, 14, 15]
    rows, valid = drawn(labelled, 5, capacity=11)
    assert {int(row) for row in rows[valid]} == set(labelled)
    assert (valid.sum(axis=1) == 2 + 2).all()  # K = 2 of each of two classes
    alone, there = drawn([7], 2)
    assert (there.sum(axis=1) == 1).all()
    assert set(alone[there].tolist()) == {7}


def test_pairs_of_a_class_meet_in_many_combinations():
    rows, valid = drawn(range(12), 1, size=2, steps=300)
    assert valid.all()
    # within one epoch neighbours of one random order; another epoch has another order
    assert len({tuple(sorted(pair)) for pair in rows.tolist()}) == 12


def test_room_for_more_labelled_images_changes_nothing():
    """A point's batches do not depend on the point_batch that it keeps."""
    y = jnp.arange(3000) % 5
    rows = np.arange(600)

    def first(capacity):
        padded = jnp.array(np.pad(rows, (0, capacity - 600)))
        point = Point(jnp.int32(0), {}, padded, y[padded], jnp.int32(600))
        return balanced(jax.random.key(1), point, 4, 20, 5, 5)

    for capacity in (1700, 2900):
        np.testing.assert_array_equal(first(600).rows, first(capacity).rows)
