"""The README and the pages are true: their code runs, commands exist, files are there."""

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxdml import data
from jaxdml.augment import INVARIANCES
from jaxdml.configs import few
from jaxdml.runs.planning import grid, loading, plan

QUICKLY = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
ROOT = Path(__file__).parent.parent
PAGES = {p.stem: p for p in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
TEXTS = {name: page.read_text() for name, page in PAGES.items()}
OFTEN = ("README",)  # pages whose commands are run by default


def blocks(language, *names):
    return [
        block
        for name in names or TEXTS
        for block in re.findall(rf"```{language}\n(.*?)```", TEXTS[name], re.DOTALL)
    ]


def commands(language, *names):
    lines = "".join(blocks(language, *names)).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("python -m experiments")]


COMMANDS = commands("sh")
PYTHON = [name for name in TEXTS if name != "from_python"]


@pytest.mark.parametrize("block", blocks("python", *PYTHON), ids=lambda b: b.splitlines()[0])
def test_a_python_block_runs(block, tmp_path, monkeypatch):
    write_photos(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(few.STEPS, "fast", 40)  # how good the embedder is, a slow test shows
    names = {}
    exec(compile(block, "README.md", "exec"), names)
    if "get_grid" in names:
        assert len(grid.expand({}, names["get_grid"]())) in (16, 20)
    if "embedder" in names:
        assert len(names["embedder"].predict(names["new"])) == 6
    if "spring" in names:
        assert names["make"](stiffness=2.0) is not None
    if "slope" in names:
        assert names["slope"].shape == (128, 10)
        assert not names["slope"][~names["labelled"]].any()


def write_photos(folder):
    """Photos of three digits, as pages name them; labels of twelve; and a table."""
    digits = data.load("digits", folder).train
    rows = [row for kind in range(3) for row in np.flatnonzero(digits.y == kind)[:22]]
    labels = ["file,label"]
    for place in ("photos", "new_photos"):
        (folder / place).mkdir()
    for number, row in enumerate(rows):
        place = "new_photos" if number % 11 == 0 else "photos"
        Image.fromarray(digits.x[row][..., 0]).save(folder / place / f"{number}.png")
        if place == "photos" and number % 22 in range(1, 11):
            labels.append(f"{number}.png,{('zero', 'one', 'two')[digits.y[row]]}")
    (folder / "photos" / "labels.csv").write_text("\n".join(labels) + "\n")
    for name in ("cells", "new_cells"):
        lines = [",".join(map(str, digits.x[row].ravel())) for row in rows]
        heading = ",".join(["kind", *(f"c{i}" for i in range(64))])
        body = [f"{digits.y[row]},{line}" for row, line in zip(rows, lines, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join([heading, *body]) + "\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["start", "labels", "own_data"])
def test_commands_of_a_page_on_photos_run_one_after_the_other(name, tmp_path):
    write_photos(tmp_path)
    for line in commands("", name):
        words = shlex.split(line.replace("data.validation=50", "data.validation=6"))[2:]
        if words[0] == "experiments.train":
            words = [word for word in words if "train.steps" not in word]
            words += [] if "--extend" in line else ["--config.train.steps=20"]
        words[0] = words[0].removeprefix("experiments.")
        done = subprocess.run(
            [sys.executable, "-m", "jaxdml", *words], cwd=tmp_path, capture_output=True, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stderr)


@pytest.mark.slow
def test_the_page_on_python_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(few.STEPS, "fast", 40)
    text, names = (ROOT / "docs" / "from_python.md").read_text(), {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        if "export.deserialize" in block:
            names["embedder"].export("encoder")
        exec(compile(block, "from_python.md", "exec"), names)
    assert set(names["found"].options) == {"loss.name", "train.learning_rate"}
    assert {row["system"] for row in names["study"].rows} == {"dml", "ae"}
    assert names["one"].transform(names["images"]).shape[0] == 1797


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if "--config=configs/" in c and ".grid" in c]
)
def test_a_grid_can_be_planned(command, request):
    words = dict(word.removeprefix("--").split("=", 1) for word in shlex.split(command)[3:])
    name = words["config"].removesuffix(".py").replace("/", ".")
    module = importlib.import_module(name)
    base = module.get_config().to_dict()
    data = words.get("data_dir") and request.getfixturevalue("real_data")
    points = grid.expand(base, module.get_grid())
    planned = plan.plan(points, loading.loader(data))
    trained = sum(len(cohort.points) for cohort in planned.cohorts)
    assert trained + len(planned.alike) == len(points)


@pytest.mark.parametrize(
    "line",
    [
        # what slow ones name is planned or resolved by other tests
        pytest.param(line, marks=[] if line in commands("sh", *OFTEN) else [pytest.mark.slow])
        for line in COMMANDS
        if "experiments.grid" not in line
    ],
)
def test_a_command_works_on_two_epochs(line, tmp_path, request, command):
    words = shlex.split(line)
    if "DATA" in line:
        data = request.getfixturevalue("real_data")
        words = [word.replace("=DATA", f"={data}") for word in words]
    for block in blocks("python"):
        if file := re.match(r"# (my_\w+\.py)\n", block):
            (tmp_path / file[1]).write_text(block)
    words = [re.sub("--workdir=.*", f"--workdir={tmp_path / 'run'}", word) for word in words]
    words += ["--config.train.epochs=2", "--config.model.hidden=(8,)"]
    name = words[2].removeprefix("experiments.")
    if "DATA" in line and name == "train":
        words.append("--config.data.validation=55000")  # of 60,000
    if name == "data":
        words.append(f"--output={tmp_path}")
    done = command(name, *words[3:], path=tmp_path)
    assert done.returncode == 0, done.stderr
    if name == "data":
        assert {f"{word}.png" for word in words[3:5]} <= {p.name for p in tmp_path.iterdir()}
        return
    [result] = (tmp_path / "run" / "points").glob("*/result.json")
    assert '"status": "ok"' in result.read_text()


def test_there_are_commands_to_check():
    assert len(COMMANDS) >= 3


PLACES = (".", ".github/**", "docs/**", "examples", "experiments/**", "jaxdml/**", "configs")
ALL_PAGES = sorted({page for place in PLACES for page in ROOT.glob(f"{place}/*.md")})


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(((?!https?:|mailto:)[^)]+)\)", page.read_text()):
        file, _, anchor = link.partition("#")
        target = (page.parent / file) if file else page
        assert target.exists(), link
        headings = re.findall(r"^#+ (.*)", target.read_text(), re.MULTILINE) if anchor else []
        anchors = {re.sub(r"[^\w-]", "", h.lower().replace(" ", "-")) for h in headings}
        assert not anchor or anchor in anchors, link


@pytest.mark.parametrize("target", ["bench", "demo", "docs", "test"])
def test_a_target_of_make_that_pages_name_exists(target):
    assert f"make {target}" in "".join(TEXTS.values())
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()


def test_the_readme_is_short():
    assert TEXTS["README"].count("\n") <= 150


def sentences(text):
    """Of prose: without code, tables, pictures and headings."""
    text = re.sub(r"```.*?```|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    lines = [line for line in text.splitlines() if not re.match(r"\s*\||#|\s*!\[", line)]
    whole = re.sub(r"\n(\s*([-*]|\d+\.) )", r"\n\n\1", "\n".join(lines))
    for paragraph in re.split(r"\n\s*\n", whole):
        for sentence in re.split(r"(?<=[.!?:])\s+", " ".join(paragraph.split())):
            if words := [word for word in sentence.split() if re.search(r"\w", word)]:
                yield words


@pytest.mark.parametrize("name", TEXTS)
def test_sentences_are_short(name):
    lengths = sorted((len(words), " ".join(words)) for words in sentences(TEXTS[name]))
    assert lengths[-1][0] <= 40, lengths[-1][1]
    assert lengths[len(lengths) // 2][0] <= 18


def test_each_common_error_is_one_that_the_library_has():
    said = [constants(node) for path in ROOT.glob("jaxdml/**/*.py") for node in strings(path)]
    quoted = re.findall(r"^\| `(.*?)` \|", TEXTS["errors"], re.MULTILINE)
    assert len(quoted) >= 25
    for sentence in quoted:
        parts = [part.strip() for part in sentence.split("…") if part.strip()]
        assert any(in_order(parts, text) for text in said), sentence


def test_the_table_of_invariances_is_that_of_the_library():
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", TEXTS["own_data"], re.MULTILINE)
    said = {name: text.replace("`", "") for name, text in rows}
    assert {name: said.get(name) for name in INVARIANCES} == INVARIANCES


def strings(path):
    nodes = ast.walk(ast.parse(path.read_text()))
    return [node for node in nodes if isinstance(node, ast.JoinedStr | ast.Constant)]


def constants(node):
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "…".join(str(part.value) for part in parts if isinstance(part, ast.Constant))


def in_order(parts, text):
    position = 0
    for part in parts:
        position = text.find(part, position) + 1
        if not position:
            return False
    return True
