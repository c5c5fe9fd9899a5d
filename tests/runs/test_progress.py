import time

import pytest

from jaxdml.runs import progress
from jaxdml.runs.execution import execute
from tests.runs.grid_run import BASE, GRID


def test_where_nothing_is_trained_progress_counts_points(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with progress.Reporter(3, 0, 0) as shown:
        for _ in range(3):
            shown.finished()
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines == ["1/3 points", "2/3 points · 0 s left", "3/3 points · 0 s left"]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(1.0, []), (6.0, ["2/3 rows · 6 s left", "3/3 rows · 0 s left"])]
)
def test_brief_work_is_not_spoken_of(capsys, monkeypatch, seconds, expected):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with progress.Reporter(3, 0, 0, "rows", brief=True) as shown:
        for _ in range(3):
            clock[0] += seconds
            shown.finished()
    assert capsys.readouterr().err.splitlines() == expected


def test_without_a_terminal_there_are_whole_lines_at_intervals(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 10.0)
    with progress.Reporter(2, 0, 40) as shown:
        shown.note("runs[/photos] and [bold] are names, " + 30 * "and long ones, ")
        for cohort in (1, 2):
            shown.begins(cohort, 2)
            for _ in range(20):
                clock[0] += 1.0
                shown.epoch(1, 0.5)
            shown.finished()
    text = capsys.readouterr().err
    assert "\r" not in text
    assert "\x1b" not in text
    note, *lines = text.splitlines()
    assert note.startswith("note: runs[/photos] and [bold] are names, ")
    assert lines == [
        "0/2 points · cohort 1/2 · epoch 10/40 · loss 0.5 · 30 s left",
        "0/2 points · cohort 1/2 · epoch 20/40 · loss 0.5 · 20 s left",
        "1/2 points · cohort 2/2 · epoch 30/40 · loss 0.5 · 10 s left",
        "1/2 points · cohort 2/2 · epoch 40/40 · loss 0.5 · 0 s left",
        "2/2 points · cohort 2/2 · epoch 40/40 · loss 0.5 · 0 s left",
    ]


def test_a_terminal_that_cannot_move_its_cursor_gets_lines_too(capsys, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with progress.Reporter(1, 0, 0) as shown:
        shown.finished()
    assert capsys.readouterr().err.splitlines() == ["1/1 points"]


@pytest.mark.slow
def test_a_grid_says_which_cohort_it_trains(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    execute.run(BASE, GRID, tmp_path / "run", tmp_path)
    lines = [line for line in capfd.readouterr().err.splitlines() if "epoch" in line]
    assert [line.split(" · ")[1] for line in lines[:3]] == ["cohort 1/2"] * 3
    assert lines[-1].split(" · ")[1] == "cohort 2/2"
