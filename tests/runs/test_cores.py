"""Cores are counted as this process may use them, and not as the machine has them."""

import os

import pytest

from jaxdml.data import decoding
from jaxdml.runs.scoring.scorer import Scorer


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_a_process_of_one_core_has_one_worker(monkeypatch):
    before = os.sched_getaffinity(0)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert Scorer(1).workers == 1
        assert decoding._cores() == 1
    finally:
        os.sched_setaffinity(0, before)
