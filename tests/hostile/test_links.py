"""Nothing in a run folder leads out of it, and nothing is written over what lies elsewhere."""

import json
import shutil

import pytest

from jaxdml.options import ConfigError
from jaxdml.runs.execution import finished as finished_points
from jaxdml.runs.storage import folder, within

LINKS = [
    "config.json", "plan.json", "results.csv", "baselines.json", "report", "checkpoints", "points",
    "points/ID", "points/ID/result.json", "points/ID/embeddings.npz", "report/tables",
    "report/report.html", "tensorboard",
]  # fmt: skip


def run_folder_in(path):
    point = path / "run" / "points" / "ID"
    point.mkdir(parents=True)
    (path / "run" / "plan.json").write_text(json.dumps({"points": {"ID": {}}}), "utf-8")
    for name in ("checkpoints", "report/tables"):
        (path / "run" / name).mkdir(parents=True)
    return path / "run"


@pytest.mark.parametrize("name", LINKS)
def test_a_link_out_of_a_run_folder_is_refused(tmp_path, name):
    run_folder = run_folder_in(tmp_path)
    within.check(run_folder)
    link = run_folder / name
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=f"{link} is a link that leads out of the run folder"):
        within.check(run_folder)


def test_links_in_a_circle_and_links_that_stay_inside_are_left_alone(tmp_path):
    run_folder = run_folder_in(tmp_path)
    (run_folder / "a").symlink_to("b")
    (run_folder / "b").symlink_to("a")
    (run_folder / "latest").symlink_to("points/ID")
    linked = tmp_path / "linked"
    linked.symlink_to(run_folder)
    within.check(run_folder)
    within.check(linked)


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/../../../x", "", "a\0b"])
def test_a_name_in_a_file_that_is_a_path_out_of_the_folder_is_refused(tmp_path, name):
    run_folder = run_folder_in(tmp_path)
    (run_folder / "plan.json").write_text(json.dumps({"points": {name: {}}}), "utf-8")
    with pytest.raises(ConfigError, match="leads out of"):
        within.check(run_folder)
    stored = folder.Folder(run_folder)
    with pytest.raises(ConfigError, match="leads out of"):
        finished_points.stored_point(stored, {"point": name, "config": {"system": "ae"}})
    result = {"point": "ID", "checkpoint": {"path": name, "row": 0, "rows": 1}}
    with pytest.raises(ConfigError, match="leads out of"):
        finished_points.stored_network(stored, result, lambda *_: None, {})


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate"],
        pytest.param(["report"], marks=pytest.mark.slow),
        pytest.param(["train", "--config=digits"], marks=pytest.mark.slow),
    ],
)
def test_a_command_writes_nothing_where_a_link_leads(tmp_path, command, words):
    run_folder = run_folder_in(tmp_path)
    (run_folder / "report" / "tables").rmdir()
    (run_folder / "report").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (run_folder / "report").symlink_to(tmp_path / "elsewhere")
    done = command(*words, f"--workdir={run_folder}")
    assert done.returncode == 2
    assert "is a link that leads out of the run folder" in " ".join(done.stderr.split())
    assert not any((tmp_path / "elsewhere").iterdir())


@pytest.mark.slow
def test_a_picture_of_data_replaces_a_link_and_not_what_it_leads_to(tmp_path, command):
    (tmp_path / "kept").write_text("kept", "utf-8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "digits.png").symlink_to(tmp_path / "kept")
    done = command("data", "digits", f"--output={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "kept").read_text("utf-8") == "kept"
    assert not (tmp_path / "out" / "digits.png").is_symlink()
