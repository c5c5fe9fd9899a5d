"""The committed results: complete, of today's configurations, and what their pages say."""

import functools
import importlib
import re
from pathlib import Path

import pytest

from jaxdml.options import ConfigError
from jaxdml.report import write
from jaxdml.report.tables import comparison, published, table
from jaxdml.runs.planning import grid
from jaxdml.runs.planning.points import with_stored_ids
from jaxdml.runs.scoring import baselines
from jaxdml.runs.storage import archive
from jaxdml.settings.resolve import resolve
from jaxdml.settings.setting import as_text

ROOT = Path(__file__).parent.parent
archived = functools.cache(lambda run_folder: archive.Archive(run_folder).results())
RUN_FOLDERS = sorted(file.parent for file in ROOT.glob("experiments/results/*/results.csv"))


@pytest.mark.parametrize("run_folder", RUN_FOLDERS, ids=lambda run_folder: run_folder.name)
def test_the_points_are_those_of_the_configuration(run_folder):
    module = importlib.import_module(f"configs.{run_folder.name}")
    kept, results = archive.Archive(run_folder), archived(run_folder)
    points = grid.expand(module.get_config().to_dict(), module.get_grid())
    points = with_stored_ids(points, kept.configurations())
    assert {result["point"] for result in results} == {point.id for point in points}
    for result in results:
        assert result["status"] == "ok" or result["reason"]
        assert kept.history(result["point"])


def only_what_is_slow(note):
    assert "this baseline is not scored so" in note


def gone(resolved):
    raise ConfigError("what is needed is kept")


@pytest.mark.parametrize("run_folder", RUN_FOLDERS, ids=lambda run_folder: run_folder.name)
def test_the_page_shows_them(run_folder):
    kept = archive.Archive(run_folder)
    results, paths = archived(run_folder), kept.plan()["grid_paths"]
    report = (run_folder / "report.md").read_text()
    baseline_rows = baselines.results(
        [kept], [r | {"folder": kept} for r in results], gone, only_what_is_slow
    )
    assert {row["point"] for row in baseline_rows} == {"pixels", "pca"}
    paths = paths if "system" in paths else ["system", *paths]
    for score_table in comparison.score_tables([*results, *baseline_rows], paths):
        assert len(score_table.body) > write.LONG or table.markdown(score_table) in report
    assert (run_folder / "README.md").exists()


@pytest.mark.parametrize("run_folder", RUN_FOLDERS, ids=lambda run_folder: run_folder.name)
def test_no_cell_of_the_thesis_is_missing(run_folder):
    name = run_folder.name.removeprefix("table_").replace("_", ".")
    if name in published.NAMES:
        results = archived(run_folder)
        thesis_table = published.table(name, results)
        assert all(published.like(cell, results) for cell in published.cells(name))
        assert published.touched(results)[0] == name
        assert table.markdown(thesis_table) in (run_folder / "report.md").read_text()


def test_what_was_trained_is_a_whole_setting_still():
    for run_folder in RUN_FOLDERS:
        for result in archived(run_folder)[:20]:
            setting, kept = resolve(result["config"]), result["config"]
            assert as_text({path: setting[path] for path in kept}) == as_text(kept)


PAGES = sorted(ROOT.glob("experiments/results/*/README.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_a_page_begins_with_what_was_asked_and_what_came_out(page):
    title, first, *_ = page.read_text().split("\n\n")
    sentences = re.split(r"(?<=[.?!])\s+(?=[A-Z`])", first)
    assert title.startswith("# ")
    assert not re.match(r"[`|!<-]|python -m", first), "code, a table or a picture"
    assert "python -m" not in first
    assert 2 <= len(sentences) <= 5
    assert max(len(sentence.split()) for sentence in sentences) <= 30
