"""A run is watched while another process trains it: what is said, and that nothing is disturbed."""

import json
import shutil
import time

import pytest

from jaxdml.commands import report
from jaxdml.options import ConfigError
from jaxdml.runs.storage import archive, folder, watching


def underway(path, epoch, points, loss, validation=None):
    """A chunk at a checkpoint, as the run leaves it, with a line that is not whole yet."""
    path.mkdir(parents=True, exist_ok=True)
    records = [
        {"epoch": number, "phase": "joint", "loss": loss if number == epoch else [9.0, 9.0]}
        for number in range(1, epoch + 1)
    ]
    if validation:
        records[-2]["validation"] = validation
    lines = [json.dumps(record) for record in [*records, {"epoch": epoch + 1, "loss": [7.0, 7.0]}]]
    (path / "history.jsonl").write_text("\n".join(lines) + '\n{"epoch": ')
    progress = {"epoch": epoch, "epochs": 40, "points": points, "diverged": []}
    (path / "progress.json").write_text(json.dumps(progress))


def test_a_chunk_is_where_its_last_checkpoint_is(tmp_path):
    run_folder = folder.Folder(tmp_path)
    run_folder.write_plan({"points": {name: {} for name in "abc"}})
    underway(run_folder.checkpoints / "one", 12, ["a", "b"], [0.25, None], [0.5, 0.75])
    underway(run_folder.checkpoints / "two", 3, ["c"], [None])
    (run_folder.checkpoints / "cleaned").mkdir()
    assert watching.progress(run_folder).line() == (
        "0/3 points · epoch 12/40 of 2 points · loss 0.25 · validation 0.625"
        " · epoch 3/40 of 1 point"
    )


def test_what_vanishes_between_two_looks_is_left_out(tmp_path, monkeypatch):
    run_folder = folder.Folder(tmp_path)
    run_folder.write_plan({"points": {"a": {}}})
    underway(run_folder.checkpoints / "one", 12, ["a"], [0.25])
    (run_folder.checkpoints / "one" / "history.jsonl").unlink()
    assert watching.progress(run_folder).chunks == ()


class Watched:
    """A run that goes on whenever the watch sleeps, and what the watch does meanwhile."""

    def __init__(self, finished, path, monkeypatch):
        self.finished, self.path = finished, path
        self.ids = [result["point"] for result in finished.results()]
        self.steps = [self.plan, self.epochs, lambda: self.result(1), lambda: None]
        self.steps += [lambda: self.result(3), lambda: self.result(4)]
        self.reports = []
        monkeypatch.setattr(time, "sleep", lambda seconds: self.steps.pop(0)())
        monkeypatch.setattr(report.os, "nice", lambda by: None)
        monkeypatch.setattr(report.cli, "loader", lambda run_folder: "load")
        monkeypatch.setattr(report.reporting, "write_quietly", self.report)
        monkeypatch.setattr(report.reporting, "write_and_print", lambda one: self.report([one], ""))

    def report(self, run_folders, load):
        self.reports.append((len(run_folders[0].results()), load))
        return self

    page = "page.html"

    def plan(self):
        self.path.mkdir()
        for name in ("plan.json", "config.json"):
            shutil.copy(self.finished.path / name, self.path / name)

    def epochs(self):
        underway(self.path / "checkpoints" / "one", 12, self.ids[:2], [0.25, 0.35])

    def result(self, count):
        for identity in self.ids[:count]:
            source, target = (f.point(identity) for f in (self.finished, folder.Folder(self.path)))
            shutil.copytree(source, target, dirs_exist_ok=True)


def test_a_watch_says_what_has_changed_and_ends_with_the_run(
    finished, tmp_path, monkeypatch, capsys
):
    watched = Watched(finished, tmp_path / "run", monkeypatch)
    report._watch(tmp_path / "run", 10.0)
    epochs = "epoch 12/40 of 2 points · loss 0.3"
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'run'} holds no run yet: waiting",
        "0/4 points",
        "the report begins with the first finished point: waiting",
        f"0/4 points · {epochs}",
        f"1/4 points · {epochs}",
        "report   page.html",
        f"3/4 points · {epochs}",
        "report   page.html",
        f"4/4 points · {epochs}",
    ]
    assert watched.reports == [(1, "load"), (3, "load"), (4, "")]
    assert not watched.steps
    assert not (tmp_path / "run" / ".lock").exists()


def test_what_is_kept_of_a_run_is_not_watched(finished, tmp_path):
    kept = archive.keep(finished, tmp_path / "kept").path
    with pytest.raises(ConfigError, match="nothing trains there: omit --watch"):
        report._watch(kept, 10.0)


@pytest.mark.slow
def test_a_run_is_watched_to_its_end_and_left_as_it_was(finished, tmp_path, command):
    path = tmp_path / "run"
    # a test before this one may have scored what a report stands beside the points
    shutil.copytree(finished.path, path, ignore=shutil.ignore_patterns("baselines.json"))
    names = {p.name for p in path.iterdir()}
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    done = command("report", f"--workdir={path}", "--watch", "--trust")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4/4 points\n")
    assert (path / "report" / "report.html").exists()
    assert {p: p.read_bytes() for p in before} == before
    assert {p.name for p in path.iterdir()} - names == {"report", "baselines.json"}
    bad = command("report", f"--workdir={path}", "--watch", "--every=0")
    assert bad.returncode == 2
