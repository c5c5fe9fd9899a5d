"""Each example runs, and does what it says: it beats the same classifier on raw pixels."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.default_variants("loop_jax")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_loop_of_ones_own_learns_with_our_losses(path, capsys):
    x, kind = load_digits(return_X_y=True)
    labelled = np.concatenate([np.flatnonzero(kind == c)[:5] for c in range(10)])
    rest = np.setdiff1d(np.arange(len(kind)), labelled)
    pixels = KNeighborsClassifier(3).fit(x[labelled], kind[labelled]).score(x[rest], kind[rest])
    runpy.run_path(str(path), run_name="__main__")
    accuracy = float(re.search(r"accuracy (0\.\d+)", capsys.readouterr().out)[1])
    assert accuracy > pixels + 0.01


def test_there_is_one_for_each_way_to_write_a_network():
    assert {path.stem for path in EXAMPLES} >= {"loop_jax", "loop_nnx", "loop_equinox"}
