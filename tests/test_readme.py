"""The README is true: its code runs, its commands exist, its files are there."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from jaxdml.configs import few
from jaxdml.runs.planning import grid, loading, plan

QUICKLY = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


COMMANDS = [
    line
    for block in blocks("sh")
    for line in block.splitlines()
    if line.startswith("python -m experiments")
]


@pytest.mark.parametrize("block", blocks("python"), ids=lambda b: b.splitlines()[0])
def test_a_python_block_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(few.STEPS, "fast", 40)  # how good the embedder is, a slow test shows
    names = {}
    exec(compile(block, "README.md", "exec"), names)
    if "get_grid" in names:
        assert len(grid.expand({}, names["get_grid"]())) == 16
    if "embedder" in names:
        assert names["embedder"].transform(names["images"]).shape == (1797, 64)
    if "spring" in names:
        assert names["make"](stiffness=2.0) is not None
    if "slope" in names:
        assert names["slope"].shape == (128, 10)
        assert not names["slope"][~names["labelled"]].any()


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


@pytest.mark.parametrize("command", [c for c in COMMANDS if "experiments.grid" in c])
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
        # of those that train on MNIST; what they name is planned or resolved by other tests
        pytest.param(line, marks=[pytest.mark.slow] if "mnist" in line else [])
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


PAGES = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/results/*/README.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(((?!http)[^)]+)\)", page.read_text()):
        file, _, anchor = link.partition("#")
        target = (page.parent / file) if file else page
        assert target.exists(), link
        headings = re.findall(r"^#+ (.*)", target.read_text(), re.MULTILINE) if anchor else []
        anchors = {re.sub(r"[^\w-]", "", h.lower().replace(" ", "-")) for h in headings}
        assert not anchor or anchor in anchors, link


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+) ", TEXT))))
def test_a_target_of_make_exists(target):
    if target in ("bench", "demo", "test"):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text()
