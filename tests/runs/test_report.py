"""A run folder becomes a report."""

import base64
import csv
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from jaxdml.options import ConfigError
from jaxdml.report import write
from jaxdml.report.tables.table import ImageTable, Table
from jaxdml.runs.execution import execute
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import files, folder, image_tables
from tests.runs.small import BASE

SEEDS = {"seed": (0, 1)}
FIGURES = {"latent", "curves", "data", "reconstructions", "samples", "pseudo_inputs", "neighbours",
           "reliability"}  # fmt: skip
SUSPECT = "a suspect <script>"


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """Two systems, one of which diverges at one of its learning rates."""
    path = tmp_path_factory.mktemp("report")
    grid = (
        {"system": ("mvae",), "train.learning_rate": (1e-3, 1e30), **SEEDS},
        {"system": ("dml",), **SEEDS},
    )
    run = execute.run(BASE, grid, path / "one", path)
    suspects = Table("Suspects", ["file"], [[SUSPECT]], 1)
    (run.path / write.COMMAND).write_text("2026-11-28 jaxdml grid --config=digits\n")
    image_tables.write(
        run, run.results()[-1]["point"], "suspects", ImageTable(suspects, np.zeros((1, 4, 4, 1)))
    )
    return run


def calibrate(result):
    """As a command would find it of the points of one system."""
    bins = {"before": np.ones((3, 1)), "after": np.ones((3, 1))}
    return bins if result["config"]["system"] == "dml" else None


@pytest.fixture(scope="module")
def written(run_folder):
    load = loading.loader(run_folder.path)
    return write.report([run_folder], run_folder.report, load, calibrate=calibrate)


class Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.words = []

    def handle_data(self, data):
        self.words.append(data)


def text(path):
    parser = Text()
    parser.feed(path.read_text())
    return " ".join(" ".join(parser.words).split())


def test_every_figure_that_there_is_something_for_is_drawn(run_folder, written):
    assert {path.stem for path in written.pictures} == FIGURES  # one number of labels is no curve
    assert {path.suffix for path in written.pictures} == {".png", ".svg"}
    assert written.notes == ()
    markdown = written.text.read_text()
    assert set(re.findall(r"!\[.*?\]\((\w+)\.png\)", markdown)) == FIGURES


def test_the_page_shows_what_predict_has_left_and_images_without_a_label(run_folder, written):
    assert SUSPECT in text(written.page)
    assert f"{run_folder.results()[-1]['point']}</h3>" in written.page.read_text()
    [data] = re.findall(r'id="data">(.*?)</script>', written.page.read_text(), re.DOTALL)
    count = len(loading.loader(run_folder.path)(run_folder.results()[0]["config"]).train.y)
    for scatter in json.loads(data)["scatters"]:
        assert scatter["unlabelled"] == str(count - BASE["data.labelled_count"])
        labels = np.frombuffer(base64.b64decode(scatter["labels"]["base64"]), "<i2")
        assert (labels == -1).sum() == count - BASE["data.labelled_count"]


def test_points_that_do_not_count_are_named_and_in_no_mean(run_folder, written):
    lost = [r for r in run_folder.results() if r["status"] == "diverged"]
    assert len(lost) == 2
    for report_text in (written.text.read_text(), text(written.page)):
        for result in lost:
            assert result["point"] in report_text
            assert result["reason"] in report_text
    with (run_folder.report / "tables" / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["n"] for row in rows] == ["2", "0 of 2", "2", "2", "2"]  # two of them baselines
    values = [s["value"] for r in run_folder.results() if r["config"]["system"] == "dml"
              for s in r["scores"][:1]]  # fmt: skip
    assert rows[2]["thesis kNN accuracy"].startswith(f"{np.mean(values):.3f} ± ")
    assert rows[1]["thesis kNN accuracy"] == "–"


def test_the_page_holds_the_configuration_and_the_tables(run_folder, written):
    page_text = text(written.page)
    for row in files.read_json(run_folder.path / "config.json"):
        assert row.rpartition(".")[2] in page_text
    for word in ("Differences in thesis kNN accuracy", "mvae", "All scores", "Pseudo-inputs"):
        assert word in page_text
    assert "one: mvae, dml on " in page_text
    for report_text in (page_text, written.text.read_text()):
        assert "Trained on 2026-11-28 by" in report_text
        assert "jaxdml grid --config=digits" in report_text


def test_the_setting_with_the_highest_mean_is_shown_first(run_folder, written):
    accuracy = {}
    for result in run_folder.results():
        if result["status"] == "ok":
            accuracy.setdefault(result["config"]["system"], []).append(result["scores"][0]["value"])
    best = max(accuracy, key=lambda system: np.mean(accuracy[system]))
    [data] = re.findall(r'id="data">(.*?)</script>', written.page.read_text(), re.DOTALL)
    data = json.loads(data)
    assert data["scatters"][data["opened"]]["title"].startswith(best)


@pytest.mark.slow
def test_several_runs_are_compared_by_their_name(run_folder, tmp_path):
    other = execute.run(
        BASE | {"train.epochs": 3}, ({"system": ("dml",), **SEEDS},), tmp_path / "two", tmp_path
    )
    report = write.report([run_folder, other], tmp_path / "both", loading.loader(tmp_path))
    assert report.notes == ()
    lines = report.table.splitlines()
    assert [cell.strip() for cell in lines[0].split("|")[1:4]] == ["run", "epochs", "system"]
    assert sum(line.startswith("| one") for line in lines) == 3 + 2  # with two baselines
    assert sum(line.startswith("| two") for line in lines) == 1 + 2
    assert "two" in (tmp_path / "both" / "tables" / "all_scores.csv").read_text()


def test_without_the_data_what_needs_no_image_is_drawn(run_folder, tmp_path, monkeypatch):
    plan = run_folder.plan() | {"damaged": {"photos": ["a.png: cut off"]}}
    monkeypatch.setattr(type(run_folder), "plan", lambda _: plan)

    def load(resolved):
        raise ConfigError("there is no such file")

    report = write.report([run_folder], tmp_path, load)
    assert {path.stem for path in report.pictures} == {"latent", "curves"}
    assert SUSPECT in text(report.page)
    assert any("there is no such file" in note for note in report.notes)
    assert "stand in `plan.json`, under `damaged`." in report.text.read_text()


def test_the_reports_of_a_run_are_the_same_files(run_folder, written, tmp_path):
    load = loading.loader(run_folder.path)
    again = write.report([run_folder], tmp_path, load, calibrate=calibrate)
    assert again.page.read_bytes() == written.page.read_bytes()
    for picture, other in zip(written.pictures, again.pictures, strict=True):
        assert picture.read_bytes() == other.read_bytes(), picture.name


def test_what_an_earlier_report_said_besides_is_gone_and_what_is_not_its_own_is_left(
    run_folder, tmp_path
):
    (tmp_path / "tables").mkdir()
    old = [tmp_path / "tables" / "scores_full.csv", tmp_path / "labels.png"]
    user_files = [tmp_path / "tables" / "mine.csv", tmp_path / "mine.png"]
    for path in old + user_files:
        path.touch()
    write.report([run_folder], tmp_path, loading.loader(run_folder.path))
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in user_files)


@pytest.mark.slow
def test_of_different_parts_no_image_is_shown_and_no_difference_is_drawn(tmp_path):
    grid = ({"system": ("dml",), **SEEDS},)
    base = BASE | {"data.name": "digits", "data.validation": 40, "eval.protocols": ("cluster",)}
    run_folders = [
        execute.run(base | {"eval.split": split}, grid, tmp_path / split, tmp_path)
        for split in ("test", "validation")
    ]
    report = write.report(run_folders, tmp_path / "both", loading.loader(tmp_path))
    assert any("scored on different parts" in note for note in report.notes)
    assert {path.stem for path in report.pictures} == {"latent", "curves"}
    assert "Differences" not in report.text.read_text()
    assert "| split " in report.table


def test_a_name_may_hold_what_others_read_as_a_formula(run_folder, tmp_path):
    shutil.copytree(run_folder.path, tmp_path / "x$_^$<b>")
    renamed = folder.Folder(tmp_path / "x$_^$<b>")
    report = write.report([run_folder, renamed], tmp_path / "both", loading.loader(run_folder.path))
    assert r"x$_^$\<b>" in report.table
    assert "<b>" not in report.page.read_text().partition("<main")[2].partition("<script")[0]
