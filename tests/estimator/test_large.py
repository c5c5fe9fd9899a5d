"""What takes minutes: a search against scikit-learn's own, and a table that is larger than life."""

import os
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from jaxdml import SemiSupervisedEmbedder, search
from jaxdml.data.labels import folds
from tests.estimator.test_search import by_a_loop

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compile_fully")]
GRID = {
    "loss.name": ("normalized_softmax", "arcface"),
    "train.learning_rate": (1e-4, 1e-3, 3e-3, 1e-2),
    "pseudo.threshold": (0.5, 0.8, 0.95),
}
CANDIDATES = [
    {"loss.name": loss, "train.learning_rate": rate, "pseudo.threshold": threshold}
    for loss in GRID["loss.name"]
    for rate in GRID["train.learning_rate"]
    for threshold in GRID["pseudo.threshold"]
]


def test_a_search_of_24_candidates_chooses_as_a_loop_does_and_is_faster_than_scikit_learns():
    x, kind = load_digits(return_X_y=True)
    y = np.full(len(x), -1)
    for c in range(10):
        y[np.flatnonzero(kind == c)[:6]] = c
    shared = SemiSupervisedEmbedder(steps=100, random_state=0, options={})
    part = folds(y, 2)
    splits = [(np.flatnonzero(part != i), np.flatnonzero(part == i)) for i in range(2)]
    jax.config.update("jax_enable_compilation_cache", False)  # as where it is not set
    try:
        began = time.monotonic()
        found = search(shared, GRID, x, y, folds=2)
        ours = time.monotonic() - began
        began = time.monotonic()
        some = CANDIDATES[::12]
        GridSearchCV(shared, {"options": some}, cv=splits).fit(x, y)
        fits = (2 * len(CANDIDATES) + 1) / (2 * len(some) + 1)  # all of them take as long
        theirs = (time.monotonic() - began) * fits
    finally:
        jax.config.update("jax_enable_compilation_cache", True)
    print(f"search {ours:.1f} s, GridSearchCV {theirs:.1f} s: {theirs / ours:.1f} times as long")
    assert theirs > 3 * ours
    expected = by_a_loop(shared, CANDIDATES, x, y, 2)
    assert [row["mean"] for row in found.table] == pytest.approx(expected, abs=0.02)
    assert found.options == CANDIDATES[int(np.argmax(expected))]


FIT = """
import re, sys
from pathlib import Path
import numpy as np
from jaxdml import SemiSupervisedEmbedder
x = np.memmap(sys.argv[1], np.float32, "r", shape=(200_000, 512))
y = np.full(200_000, -1)
y[:50] = np.arange(50) % 5
embedder = SemiSupervisedEmbedder(steps=50, random_state=0).fit(x, y)
assert embedder.transform(x).shape == (200_000, 64)
# by the status of the process: `ru_maxrss` begins with what the test process had
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 2**20)
"""


def test_a_table_of_200_000_by_512_on_disk_needs_less_than_4_gib(tmp_path):
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(200_000, 512))
    random = np.random.default_rng(0)
    for start in range(0, len(x), 10_000):
        x[start : start + 10_000] = random.normal(size=(10_000, 512))
    x.flush()
    words = [sys.executable, "-c", FIT, str(tmp_path / "x")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "XLA_"))}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    gib = float(done.stdout.split()[-1])
    print(f"{gib:.2f} GiB at most")
    assert gib < 4
