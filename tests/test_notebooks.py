"""Each notebook runs from top to bottom, and shows what it says."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "examples").glob("*.ipynb"))


@pytest.mark.default_variants("own_loss")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib").use("agg")
    monkeypatch.chdir(tmp_path)
    names = {}
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), path.name, "exec"), names)
    if path.stem == "own_loss":
        assert names["values"].shape == (20, 5)
        assert names["values"].mean() > 0.3
    if path.stem == "ten_labels":
        x, kind, test = names["x"], names["kind"], names["test"]
        right = names["embedder"].score(names["images"][test], kind[test])
        assert right > names["pixels"].score(x[test], kind[test]) + 0.02
    if path.stem == "vectors":
        scores = names["scores"]
        assert scores["jaxdml"] > scores["nearest neighbour"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_run_and_begins_with_what_it_is(path):
    cells = json.loads(path.read_text())["cells"]
    assert cells[0]["source"][0].startswith("# ")
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")
    assert path.stat().st_size < 100_000
