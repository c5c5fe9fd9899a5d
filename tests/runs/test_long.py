"""Long trainings and large grids: memory stays flat, and the log short."""

import psutil
import pytest

from jaxdml.runs.execution import execute
from jaxdml.runs.progress import Reporter
from tests.runs.grid_run import BASE

pytestmark = pytest.mark.slow
MEBIBYTE = 2**20


def test_memory_is_flat_over_500_epochs(tmp_path, monkeypatch):
    used, own, epoch = [], psutil.Process(), Reporter.epoch

    def measuring(reporter, *arguments):
        used.append(own.memory_info().rss)
        epoch(reporter, *arguments)

    monkeypatch.setattr(Reporter, "epoch", measuring)
    base = BASE | {"train": {"epochs": 500, "batch_size": 8, "checkpoint_every": 10}}
    execute.run(base, ({},), tmp_path / "run", tmp_path)
    assert len(used) == 500
    assert max(used[400:]) - max(used[100:200]) < 8 * MEBIBYTE


def test_the_log_of_1000_points_is_short(tmp_path, capfd):
    base = BASE | {"train": {"epochs": 2, "batch_size": 8}, "eval": {"protocols": ("labelled",)}}
    run_folder = execute.run(base, ({"seed": tuple(range(1000))},), tmp_path / "run", tmp_path)
    assert len(run_folder.results()) == 1000
    printed, said = capfd.readouterr()
    assert "1000/1000 points" in said
    assert len(printed) + len(said) < MEBIBYTE
