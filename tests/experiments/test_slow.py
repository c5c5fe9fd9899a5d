"""Minutes of work: what the README promises of real data, and of runs that are killed."""

import csv
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxdml.losses import METRIC
from jaxdml.runs.storage import folder

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.slow


def start(name, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", f"experiments.{name}", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"XLA_FLAGS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ("config", "accuracy", "minutes"), [("mnist_ae", 0.945, 3), ("mnist_conv", 0.955, 10)]
)
def test_an_autoencoder_on_mnist_is_as_good_and_as_fast_as_promised(
    config, accuracy, minutes, real_data, tmp_path
):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = start(
        "train", f"--config=configs/{config}.py", f"--data_dir={real_data}", f"--workdir={tmp_path}"
    )
    _, error = process.communicate(timeout=120 * minutes)
    assert process.returncode == 0, error
    [result] = folder.Folder(tmp_path).results()
    score = result["scores"][0]
    assert (score["protocol"], score["metric"]) == ("thesis", "accuracy")
    assert score["value"] >= accuracy
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    # of two cores; by the clock it is several times as long beside other tests
    assert spent < 2 * 60 * minutes


@pytest.mark.data
def test_every_metric_loss_reaches_0_95_on_mnist_and_the_joint_vae_0_96(real_data, tmp_path):
    config = tmp_path / "one_seed_grid.py"
    config.write_text(
        "from configs import mnist_losses\n"
        "get_config = mnist_losses.get_config\n"
        "def get_grid():\n"
        "    return tuple(part | {('seed', 'data.labels_seed'): ((0, 0),)}\n"
        "                 for part in mnist_losses.get_grid())\n"
    )
    process = start(
        "grid", f"--config={config}", f"--data_dir={real_data}", f"--workdir={tmp_path}"
    )
    _, error = process.communicate(timeout=900)
    assert process.returncode == 0, error
    results = folder.Folder(tmp_path).results()
    assert len(results) == len(METRIC) + 1
    for result in results:
        accuracy = result["scores"][0]
        assert (accuracy["protocol"], accuracy["metric"]) == ("thesis", "accuracy")
        expected = {"mvae": 0.96}.get(result["config"]["system"], 0.95)
        # one seed, and rounding that differs between processors: half a point of room
        assert accuracy["value"] >= expected - 0.005, result["config"]["loss.name"]


@pytest.mark.data
def test_a_table_of_the_thesis_comes_back_by_one_command(real_data, tmp_path):
    def read(file):
        with file.open() as lines:
            rows = list(csv.DictReader(lines))
        # ids are hashes of all fields that there are, so that later versions have others
        left_out = ("point", "value")
        return {
            tuple(v for c, v in r.items() if c not in left_out): float(r["value"]) for r in rows
        }

    process = start(
        "grid", "--config=configs/table_6_1.py", "--config.quick=True",
        f"--data_dir={real_data}", f"--workdir={tmp_path}",
    )  # fmt: skip
    _, error = process.communicate(timeout=1200)
    assert process.returncode == 0, error
    kept = read(ROOT / "experiments" / "results" / "table_6_1" / "quick.csv")
    again = read(tmp_path / "results.csv")
    assert kept.keys() == again.keys()
    # where these numbers were made they come back to the last bit; other processors round otherwise
    apart = [abs(again[key] - kept[key]) for key in kept]
    assert max(apart) < 0.05
    assert sum(apart) / len(apart) < 0.01


def test_a_grid_that_is_killed_again_and_again_ends_as_one_that_is_not(tmp_path):
    config = tmp_path / "killed_grid.py"
    config.write_text(
        "from configs import digits\n"
        "def get_config():\n"
        "    config = digits.get_config()\n"
        "    config.train.epochs = 15\n"
        "    config.model.hidden = (64,)\n"
        "    return config\n"
        "def get_grid():\n"
        "    return ({'system': ('dml', 'dml_ae'), 'seed': tuple(range(6))},)\n"
    )

    def run(workdir):
        return start("grid", f"--config={config}", f"--workdir={workdir}")

    whole = run(tmp_path / "whole")
    _, error = whole.communicate(timeout=300)
    assert whole.returncode == 0, error
    moments = random.Random(0)
    finished = {}
    for _ in range(10):
        process = run(tmp_path / "killed")
        time.sleep(moments.uniform(3, 12))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for file in (tmp_path / "killed").glob("points/*/result.json"):
            stamp = file.stat().st_mtime_ns
            assert finished.setdefault(file, stamp) == stamp, "a finished point was trained again"
    last = run(tmp_path / "killed")
    _, error = last.communicate(timeout=300)
    assert last.returncode == 0, error
    tables = [
        sorted((tmp_path / name / "results.csv").read_text().splitlines())
        for name in ("whole", "killed")
    ]
    assert tables[0] == tables[1]
