"""What a run refuses, and that nothing is lost by it."""

import dataclasses
import shutil

import numpy as np
import pytest

from jaxdml.options import ConfigError
from jaxdml.runs.execution import execute, rescoring
from jaxdml.runs.storage import files
from jaxdml.settings.fields import flatten
from jaxdml.types import Split
from tests.runs.grid_run import BASE, GRID, run_and_die_after, trainer
from tests.third_party import blobs


def test_a_first_attempt_that_fails_does_not_claim_the_folder(tmp_path):
    wrong = BASE | {"data": {"name": "digits", "labelled_count": 10_000}}
    with pytest.raises(ConfigError, match="10000 labelled images are asked for"):
        execute.run(wrong, ({},), tmp_path / "run", tmp_path)
    execute.run(BASE, ({},), tmp_path / "run", tmp_path)


def test_another_base_configuration_is_refused_and_nothing_is_lost(finished):
    before = (finished.path / "results.csv").read_bytes()
    other = BASE | {"train": {"epochs": 4, "batch_size": 8}}
    with pytest.raises(ConfigError, match=r"another base configuration \(train.epochs 3 → 4\)"):
        execute.run(other, GRID, finished.path, finished.path)
    assert (finished.path / "results.csv").read_bytes() == before


def test_a_second_process_is_refused_while_the_first_lives(finished):
    with (
        finished.locked(),
        pytest.raises(ConfigError, match="another process works in"),
    ):
        execute.run(BASE, GRID, finished.path, finished.path)


def test_a_split_without_images_is_refused_before_anything_is_trained(tmp_path, monkeypatch):
    without = dataclasses.replace(
        blobs.make(tmp_path), validation=Split(np.zeros((0, 4, 5, 3)), [])
    )
    monkeypatch.setattr(blobs, "make", lambda data_dir: without)
    with pytest.raises(ConfigError, match=r"eval\.split is validation, but blobs has no"):
        execute.run(BASE | {"eval": {"split": "validation"}}, ({},), tmp_path / "b", tmp_path)
    assert not (tmp_path / "b" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vector", r"loss\.name: a loss must return one number, but returns \(8,\)"),
        ("nothing", r"loss\.name: a loss must return one number, but returns nothing"),
        ("branching", r"broken:branching branches on a number of loss, which is traced"),
    ],
)
def test_a_loss_that_cannot_be_trained_is_explained(tmp_path, name, message):
    base = BASE | {"system": "dml", "loss": {"name": f"tests.third_party.broken:{name}"}}
    with pytest.raises(ConfigError, match=message):
        execute.run(base, ({},), tmp_path / "run", tmp_path)


def test_a_damaged_checkpoint_is_named(finished):
    result = finished.results()[0] | {"checkpoint": {"path": "none/final", "row": 0, "rows": 1}}
    with pytest.raises(ConfigError, match="none/final is missing or damaged"):
        rescoring.trained_point(finished, result, trainer(finished))


def test_a_run_of_another_version_is_refused_in_one_sentence(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "old")
    old = next((tmp_path / "old" / "points").glob("*/result.json"))
    result = files.read_json(old)
    result["config"]["loss.shine"] = 0.123
    files.write_json(old, result)
    with pytest.raises(ConfigError, match="is of another version of jaxdml"):
        rescoring.rescore(tmp_path / "old", tmp_path, (), ())


def test_a_run_that_was_refused_before_it_began_leaves_its_folder_free(tmp_path):
    base = flatten(BASE) | {"train.epochs": 1}
    balanced = {"train.sampler": "balanced", "train.batch_size": 4}
    with pytest.raises(ConfigError, match=r"need train.batch_size to be at least 6"):
        execute.run(base | balanced, ({},), tmp_path, tmp_path)
    run_folder = execute.run(base | balanced | {"train.batch_size": 6}, ({},), tmp_path, tmp_path)
    assert [result["status"] for result in run_folder.results()] == ["ok"]
    with pytest.raises(ConfigError, match="holds a run of another base configuration"):
        execute.run(base, ({},), tmp_path, tmp_path)


def test_a_lost_checkpoint_is_named_and_its_points_are_trained_again(tmp_path, monkeypatch):
    run_and_die_after(1, tmp_path / "run", monkeypatch)
    [lost] = (tmp_path / "run").glob("checkpoints/*/epoch_1")
    shutil.rmtree(lost)
    with pytest.warns(UserWarning, match=rf"{lost} is missing: .*, from the first epoch"):
        run_folder = execute.run(BASE, GRID, tmp_path / "run", tmp_path)
    assert len(run_folder.results()) == 4
