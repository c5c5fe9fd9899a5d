"""A training with all that it may have, killed within a refresh, goes on to the same bytes."""

import shutil
import signal

import jax
import pytest

from jaxdml.runs.execution import checkpoints, rescoring
from jaxdml.runs.execution.chunk_trainer import ChunkTrainer
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import opening

CONFIG = """
from configs import common
from tests.train.everything import ANCHORS, {setting}

def get_config():
    config = common.get_config()
    settings = {setting} | {changes!r}
    settings["terms"] = [
        "anchors=tests.third_party.halting:make" if term == ANCHORS else term
        for term in settings["terms"]
    ]
    for path, value in settings.items():
        section, _, name = path.rpartition(".")
        config.update({{section: {{name: value}}}} if section else {{name: value}})
    return config

def get_grid():
    return ({{"seed": (0, 1), "train.average": {averages}}},)
"""

PROPAGATED = {
    "loss.sources": ("true", "propagated"), "propagated.every": 2, "propagated.neighbours": 5,
}  # fmt: skip


def written(workdir):
    """All bytes that a run ends with, but for times: scores, losses by epoch, and arrays."""
    content_by_name = {
        "results": b"\n".join(sorted((workdir / "results.csv").read_bytes().splitlines()))
    }
    run_folder = opening.existing(workdir)
    trainer = ChunkTrainer(run_folder, loading.loader(workdir))
    for result in run_folder.results():
        point, kept = result["point"], result["checkpoint"]
        content_by_name[f"{point} history"] = (run_folder.point(point) / "history.csv").read_bytes()
        setup = rescoring.trained_point(run_folder, result, trainer)[0]
        for average in (False, True):
            final = run_folder.checkpoints / kept["path"]
            network = checkpoints.networks(setup.template(kept["rows"]), final, average)
            for path, leaf in jax.tree_util.tree_leaves_with_path(network):
                content_by_name[f"{point} {average} {jax.tree_util.keystr(path)}"] = leaf.tobytes()
    return content_by_name


@pytest.mark.parametrize(
    ("setting", "epochs", "checkpoint_every", "refresh_every", "kills", "more"),
    [
        pytest.param("WEIGHTS", 3, 1, 1, (2,), {}, marks=pytest.mark.slow),
        pytest.param("WEIGHTS", 5, 2, 1, (0, 1, 3, 4), {}, marks=pytest.mark.slow),
        pytest.param("MEANS", 5, 2, 2, (0, 2, 4), {}, marks=pytest.mark.slow),
        pytest.param("MEANS", 5, 2, 1, (1, 3), PROPAGATED, marks=pytest.mark.slow),
    ],
)
def test_killed_within_a_refresh_it_ends_with_the_same_bytes(
    tmp_path, command, setting, epochs, checkpoint_every, refresh_every, kills, more
):
    marks = tmp_path / "marks"
    changes = {
        "data.name": "tests.third_party.blobs:make",
        "anchors.marks": str(marks),
        "anchors.every": refresh_every,
        "train.steps": None,
        "train.epochs": epochs,
        "train.width": 2,
        "train.checkpoint_every": checkpoint_every,
        "eval.protocols": ("labelled",),
        "eval.baselines": (),
    } | more
    file = tmp_path / "grid_file.py"
    averages = (0.9, 0.99)[: 1 if epochs == 3 else 2]  # two points are cheaper than four
    file.write_text(CONFIG.format(setting=setting, changes=changes, averages=averages))

    def run(name, **how):
        return command("grid", f"--config={file}", f"--workdir={tmp_path / name}", **how)

    whole = run("whole")
    assert whole.returncode == 0, whole.stderr
    shutil.rmtree(marks)
    for epoch in kills:
        ended = run("killed", until=marks / f"epoch_{epoch}_of_1", signal=int(signal.SIGKILL))
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert not list((tmp_path / "killed").glob("points/*/result.json"))
    done = run("killed")
    assert done.returncode == 0, done.stderr
    expected, resumed = written(tmp_path / "whole"), written(tmp_path / "killed")
    assert len(expected) > 2 * 20
    assert [name for name in expected if resumed[name] != expected[name]] == []
    assert resumed.keys() == expected.keys()
