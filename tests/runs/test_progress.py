from jaxdml.runs import progress


def test_where_nothing_is_trained_progress_counts_points(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with progress.Reporter(3, 0, 0) as shown:
        for _ in range(3):
            shown.finished()
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines == ["1/3 points", "2/3 points · 0 s left", "3/3 points · 0 s left"]
