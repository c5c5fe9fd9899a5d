"""Runs that lose a process go on where they were, and end as those that do not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import QUICK

ROOT = Path(__file__).parent.parent.parent
CONFIG = """
from configs import digits

def get_config():
    config = digits.get_config()
    config.data.name = "tests.third_party.blobs:make"
    config.train.epochs = 40
    config.train.batch_size = 8
    config.train.checkpoint_every = 1
    config.model.hidden = (16,)
    return config

def get_grid():
    return ({"system": ("dml", "dml_ae"), "seed": tuple(range(4))},)
"""


def results(workdir: Path) -> list[str]:
    return sorted((workdir / "results.csv").read_text().splitlines())


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    config = tmp_path_factory.mktemp("kills") / "grid_file.py"
    config.write_text(CONFIG)
    return config


@pytest.fixture(scope="module")
def whole(file, command):
    """The results of a run that nothing happened to."""
    done = command("grid", f"--config={file}", f"--workdir={file.parent / 'whole'}")
    assert done.returncode == 0, done.stderr
    lines = results(file.parent / "whole")
    assert len(lines) == 1 + 8 * 6
    return lines


@pytest.mark.slow
def test_killed_twice_and_asked_to_stop_a_grid_ends_alike(file, whole, command):
    workdir = file.parent / "killed"

    def run(**how):
        return command("grid", f"--config={file}", f"--workdir={workdir}", **how)

    finished = {}
    for until, number, code in (
        ("checkpoints/*/epoch_?", signal.SIGKILL, -signal.SIGKILL),
        ("points/*/result.json", signal.SIGKILL, -signal.SIGKILL),
        ("checkpoints/*/epoch_?", signal.SIGTERM, 128 + signal.SIGTERM),
    ):
        ended = run(until=workdir / until, signal=int(number))
        assert ended.returncode == code, ended.stderr
        assert not (workdir / "results.csv").exists()
        for result in workdir.glob("points/*/result.json"):
            stamp = result.stat().st_mtime_ns
            assert finished.setdefault(result, stamp) == stamp, "trained again"
    assert "stopping after this epoch, with a checkpoint" in ended.stderr
    assert ended.stderr.endswith(
        "stopped: what is finished is kept; the same command completes it\n"
    )
    began = time.time_ns()
    done = run()
    assert done.returncode == 0, done.stderr
    assert "4 of 8 points are finished already" in done.stderr
    assert all(result.stat().st_mtime_ns < began for result in finished)
    assert results(workdir) == whole


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_the_results_of_one_process(file, whole):
    workdir = file.parent / "spread"
    process = subprocess.Popen(
        [
            sys.executable, "-m", "experiments.grid", f"--config={file}", f"--workdir={workdir}",
            "--scheduler=local:2",
        ],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"XLA_FLAGS": QUICK, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list(workdir.glob("checkpoints/*/progress.json")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    workers = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    ]
    assert len(workers) == 2
    workers[0].send_signal(signal.SIGKILL)
    _, error = process.communicate(timeout=200)
    assert process.returncode == 0, error
    assert "8/8 points" in error
    assert results(workdir) == whole
