"""What is kept of a run says the same as the run itself."""

import csv
import json
import shutil

import pytest

from jaxdml.options import ConfigError
from jaxdml.report import write
from jaxdml.runs.execution import execute, rescoring
from jaxdml.runs.planning import loading
from jaxdml.runs.storage import archive, files, folder, opening
from jaxdml.settings.fields import COMMON, Field
from tests.runs.small import BASE

GRID = (
    {"system": ("mvae",), "train.learning_rate": (1e-3, 1e30), "data.labelled_count": (9, 12)},
    {"system": ("dml",), "loss.name": ("supcon", "triplet"), "data.labelled_percent": (20.0,)},
    # no value in the place of the base's
    {"system": ("dml",), "data.stratified": (True,), "optimizer.warmup_steps": (None,)},
)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive")
    base = BASE | {"data.labelled_count": None, "optimizer.warmup_steps": 3.0}
    return execute.run(base, GRID, path / "one", path)


def reported(run_folder):
    return write.report([run_folder], run_folder.report, loading.loader(run_folder.path))


@pytest.fixture(scope="module")
def kept(run_folder):
    into = run_folder.path.parent / "kept" / "one"
    archive.keep(run_folder, into)
    return opening.existing(into)


def test_every_result_comes_back_with_its_whole_configuration(run_folder, kept):
    before, after = run_folder.results(), kept.results()
    assert [r["status"] for r in before].count("diverged") == 2
    assert kept.plan()["classes"] == run_folder.plan()["classes"]
    same = ("point", "status", "reason", "note", "scores")
    for old, new in zip(before, after, strict=True):
        assert {name: old[name] for name in same} == {name: new[name] for name in same}
        for path, value in old["config"].items():
            assert new["config"][path] == value
        for row, kept_row in zip(
            run_folder.history(old["point"]), kept.history(old["point"]), strict=True
        ):
            assert row["phase"] == kept_row["phase"]
            assert row["loss"] == kept_row["loss"] == "" or (
                float(kept_row["loss"]) == pytest.approx(float(row["loss"]), rel=1e-4)
            )


@pytest.mark.slow
def test_the_report_is_the_same_but_for_what_embeddings_are_needed_for(run_folder, kept):
    whole, small = reported(run_folder), reported(kept)
    assert small.table == whole.table
    assert {path.stem for path in small.pictures} == {"labels", "curves"} & {
        path.stem for path in whole.pictures
    }
    assert small.notes == (f"no images and embeddings: {kept.path} keeps scores and losses only",)
    for name in ("scores", "all_scores"):
        files = [p.report / "tables" / f"{name}.csv" for p in (run_folder, kept)]
        assert files[0].read_text() == files[1].read_text()


def test_an_identity_that_reads_as_a_number_is_kept_as_it_is(run_folder, tmp_path):
    old, new = run_folder.results()[-1]["point"], "04547e486987"
    other = folder.Folder(tmp_path / "other")
    shutil.copytree(run_folder.path, other.path)
    other.point(old).rename(other.point(new))
    for file in (other.path / "plan.json", other.point(new) / "result.json"):
        text = json.dumps(files.read_json(file))
        files.write_json(file, json.loads(text.replace(old, new)))
    kept = archive.keep(other, tmp_path / "kept")
    assert new in {row["point"] for row in files.read_csv(kept.path / "history.csv")}


def test_a_folder_of_them_is_reported_one_by_one(kept):
    assert [archived.path for archived in opening.inside(kept.path.parent)] == [kept.path]
    assert [archived.path for archived in opening.inside(kept.path)] == [kept.path]
    with pytest.raises(ConfigError, match="holds no finished points"):
        opening.inside(kept.path.parent.parent / "nothing")


def test_each_point_keeps_the_configuration_that_was_trained(kept, tmp_path, monkeypatch):
    before = opening.existing(kept.path).results()
    monkeypatch.setitem(COMMON, "train.batch_size", Field(7))
    assert opening.existing(kept.path).results() == before
    run_folder = tmp_path / "other"
    shutil.copytree(kept.path, run_folder)
    points = files.read_json(run_folder / archive.POINTS)
    lost = min(points["points"])
    del points["points"][lost]
    files.write_json(run_folder / archive.POINTS, points)
    with pytest.raises(ConfigError, match=f"points.json lacks the point {lost} of results.csv"):
        opening.existing(run_folder).results()


def test_a_damaged_archive_is_one_sentence(kept, tmp_path):
    run_folder = tmp_path / "other"
    shutil.copytree(kept.path, run_folder)
    (run_folder / "notes.csv").unlink()
    with pytest.raises(ConfigError, match=r"notes.csv cannot be read"):
        opening.existing(run_folder).results()


def test_what_it_cannot_do_is_one_sentence(kept):
    with pytest.raises(ConfigError, match="keeps scores and losses only"):
        rescoring.rescore(kept.path, kept.path)
    with (kept.path / "results.csv").open() as file:
        assert list(csv.DictReader(file))


def test_an_archive_that_is_kept_again_is_the_same(kept, tmp_path):
    again = archive.keep(kept, tmp_path / "again")
    for file in ("config.json", "classes.json", "results.csv", "history.csv", "notes.csv"):
        assert (again.path / file).read_bytes() == (kept.path / file).read_bytes()


@pytest.mark.slow
def test_a_grid_over_terms_and_sources_comes_back(tmp_path):
    over = (
        {"terms": (("metric",), ("metric", "proxies=metric")), "proxies.margin": (0.1, 0.2)},
        {"loss.sources": (("true", "teacher"),), "pseudo.threshold": (0.5,)},
    )
    base = BASE | {"system": "dml", "train.epochs": 1, "proxies.name": "cosface"}
    run_folder = execute.run(base | {"eval.baselines": ()}, over, tmp_path / "run", tmp_path)
    assert [result["status"] for result in run_folder.results()] == ["ok"] * 4
    archive.keep(run_folder, tmp_path / "kept")
    kept = opening.existing(tmp_path / "kept").results()
    for old, new in zip(run_folder.results(), kept, strict=True):
        assert {path: new["config"][path] for path in old["config"]} == old["config"]
    assert (
        len(execute.run(base | {"eval.baselines": ()}, over, run_folder.path, tmp_path).results())
        == 4
    )
