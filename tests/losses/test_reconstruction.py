import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml import losses
from jaxdml.losses.reconstruction import make_mse


def test_it_equals_loops_over_valid_rows_and_pixels():
    x, r = np.random.default_rng(0).random((2, 5, 3, 4, 2))
    valid = [True, False, True, True, False]
    pixels = list(itertools.product(range(3), range(4), range(2)))
    rows = [sum((x[i][p] - r[i][p]) ** 2 for p in pixels) for i in range(5) if valid[i]]
    arguments = {"valid": jnp.array(valid)}
    assert losses.mse(jnp.array(x), jnp.array(r), **arguments) == pytest.approx(
        sum(rows) / 3, rel=1e-6
    )
    assert losses.mse(jnp.array(x), jnp.array(r), reduction="mean", **arguments) == pytest.approx(
        sum(rows) / 3 / 24, rel=1e-6
    )


def test_without_a_mask_all_rows_count_and_without_rows_it_is_zero():
    x, r = jnp.ones((3, 2, 2, 1)), jnp.zeros((3, 2, 2, 1))
    assert losses.mse(x, r) == 4
    assert losses.mse(x, r, valid=jnp.zeros(3, bool)) == 0


def test_an_unknown_reduction_is_named():
    with pytest.raises(ValueError, match="reduction must be one of sum, mean, but is 'max'"):
        make_mse(reduction="max")
