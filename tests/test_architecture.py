"""Who may import whom: the architecture, read from the imports themselves."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(ROOT.glob("jaxdml/**/*.py"))

# room → the rooms of jaxdml that it may import (itself is always allowed)
ROOMS = {
    "types": set(),
    "options": set(),
    "values": {"options"},
    "keys": set(),
    "arguments": set(),
    "masks": {"types", "arguments"},
    "distances": {"types", "arguments"},
    "distributions": {"types", "arguments"},
    "losses": {"types", "options", "arguments", "masks", "distances", "distributions"},
    "priors": {"types", "options", "distributions"},
    "augment": {"types", "options", "arguments"},
    "objectives": {
        "types",
        "options",
        "keys",
        "arguments",
        "masks",
        "distances",
        "losses",
        "priors",
        "graph",
    },
    "graph": {"options", "arguments"},
    "models": {"types", "options", "values"},
    "routines": {"types", "options"},
    "data": {"types", "options", "values"},
    "train": {"types", "options", "keys"},
    "evaluate": {"types", "options", "arguments", "graph"},
    "report.tables": set(),
    "report.figures": {"report.tables"},
    "report.page": {"report.tables"},
    "report": {
        "types",
        "options",
        "augment",
        "settings.fields",
        "settings.setting",
        "settings.base",
        "evaluate",
        "report.tables",
        "report.figures",
        "report.page",
        "runs",
        "runs.storage",
        "runs.planning",
        "runs.scoring",
        "runs.execution",
    },
    "export": {"options", "runs.storage"},
    "export.run": {
        "options",
        "settings.setting",
        "evaluate",
        "export",
        "report",
        "report.tables",
        "runs",
        "runs.storage",
        "runs.planning",
    },
    "settings": set(),
    "settings.systems": {"options"},
    "settings.layers": {"types", "options", "distances"},
    "settings.parts": {
        "types",
        "options",
        "values",
        "settings.systems",
        "settings.layers",
        "models",
        "objectives",
        "routines",
        "train",
    },
    "settings.assembly": {
        "types",
        "options",
        "settings.parts",
        "settings.layers",
        "objectives",
        "augment",
        "train",
    },
    "settings.fields": {"options", "values", "evaluate"},
    "settings.cross_checks": {"options", "values", "evaluate", "settings.fields"},
    "settings.setting": {
        "types",
        "options",
        "augment",
        "train",
        "settings.fields",
        "settings.cross_checks",
        "settings.parts",
        "settings.assembly",
    },
    "settings.resolve": {
        "options",
        "values",
        "objectives",
        "settings.layers",
        "data",
        "settings.fields",
        "settings.cross_checks",
        "settings.systems",
        "settings.parts",
        "settings.assembly",
        "settings.setting",
    },
    "settings.base": {
        "options",
        "settings.fields",
        "settings.systems",
        "settings.parts",
        "settings.setting",
        "settings.resolve",
    },
    "configs": {"settings.systems"},
    "commands": {
        "types",
        "options",
        "values",
        "augment",
        "settings.fields",
        "settings.resolve",
        "configs",
        "data",
        "evaluate",
        "report",
        "report.tables",
        "report.figures",
        "export",
        "export.run",
        "estimator",
        "labelling",
        "runs",
        "runs.storage",
        "runs.planning",
        "runs.execution",
    },
    "__main__": {"commands"},
    "runs": set(),  # what all of its rooms use
    "runs.storage": {
        "options",
        "data",
        "settings.fields",
        "settings.parts",
        "settings.resolve",
        "report.tables",
    },
    "runs.planning": {
        "types",
        "options",
        "settings.fields",
        "settings.assembly",
        "settings.parts",
        "settings.setting",
        "settings.resolve",
        "data",
        "train",
        "evaluate",
        "report.tables",
    },
    "runs.scoring": {
        "types",
        "options",
        "settings.fields",
        "settings.setting",
        "data",
        "train",
        "evaluate",
        "runs",
        "runs.storage",
        "runs.planning",
    },
    "runs.execution": {
        "types",
        "options",
        "settings.fields",
        "settings.setting",
        "settings.resolve",
        "settings.base",
        "data",
        "train",
        "report.tables",
        "runs",
        "runs.storage",
        "runs.planning",
        "runs.scoring",
    },
    "estimator": {
        "types",
        "options",
        "configs",
        "data",
        "report",
        "settings.fields",
        "settings.systems",
        "settings.resolve",
        "settings.setting",
        "train",
        "evaluate",
        "runs.planning",
        "runs.execution",
        "runs.storage",
    },
    "estimator.study": {
        "options",
        "data",
        "labelling",
        "report",
        "settings.fields",
        "runs.planning",
        "runs.execution",
        "runs.storage",
    },
    "labelling": {
        "types",
        "options",
        "data",
        "evaluate",
        "estimator",
        "report.tables",
        "runs.planning",
        "runs.storage",
    },
    "__init__": set(),
}
# third party → the only places that may import it
ONLY_IN = {
    "flax": {"jaxdml/models"},
    "sklearn": {
        "jaxdml/evaluate",
        "jaxdml/data/sets/digits.py",
        "jaxdml/estimator",
        "jaxdml/labelling/suggestion.py",
    },
    "optax": {"jaxdml/train"},
    "pynndescent": {"jaxdml/graph/approximate.py"},
    "scipy": {
        "jaxdml/priors/sphere.py",
        "jaxdml/evaluate",
        "jaxdml/graph",
        "jaxdml/report/tables/statistics.py",
        "jaxdml/estimator/inputs.py",
        "jaxdml/labelling",
    },
    "threadpoolctl": {"jaxdml/evaluate", "jaxdml/graph"},
    "tensorflow_datasets": {"jaxdml/data/sets/tfds.py"},
    "importlib_resources": {"jaxdml/data/sets/tfds.py"},
    "array_record": {"jaxdml/data/sets/tfds.py"},
    "pooch": {"jaxdml/data/download.py"},
    "orbax": {"jaxdml/train/checkpoint.py"},
    "matplotlib": {"jaxdml/report"},
    "plotly": {"jaxdml/report/page.py"},
    "rich": {"jaxdml/runs/progress.py"},
    "tensorboardX": {"jaxdml/export/tensorboard.py"},
    "wandb": {"jaxdml/export/wandb.py"},
    "PIL": {"jaxdml/export/projector.py", "jaxdml/data/decoding.py"},
    "pyarrow": {"jaxdml/export/embedding_files.py", "jaxdml/data/sets/table.py"},
    "loky": {"jaxdml/runs/scoring/scorer.py"},
    "dask": {"jaxdml/runs/execution/cluster.py"},
    "distributed": {"jaxdml/runs/execution/cluster.py"},
    "absl": {"jaxdml/commands"},
    "ml_collections": {"jaxdml/commands/cli", "jaxdml/configs"},
}


def imports(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def room(module: str) -> str:
    """The longest name in `ROOMS` that the module's begins with."""
    parts = module.removeprefix("jaxdml.").split(".")
    names = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((name for name in names if name in ROOMS), names[-1])


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_imports_only_the_rooms_below_it(path):
    this_room = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
    other_rooms = {room(m) for m in imports(path) if m.startswith("jaxdml.")} - {this_room}
    assert other_rooms <= ROOMS[this_room], (
        f"{path.name} may not import {other_rooms - ROOMS[this_room]}"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_third_party_is_known_in_its_place_only(path):
    name = str(path.relative_to(ROOT))
    for package in {m.split(".")[0] for m in imports(path)} & set(ONLY_IN):
        assert any(name.startswith(prefix) for prefix in ONLY_IN[package]), package


def test_no_room_is_below_itself():
    below = dict(ROOMS)
    while free := [name for name, rooms in below.items() if not rooms & below.keys()]:
        for name in free:
            del below[name]
    assert not below


def test_every_room_has_its_rule():
    assert {room(".".join(p.relative_to(ROOT).with_suffix("").parts)) for p in FILES} == set(ROOMS)


def test_devices_are_named_in_two_files_only():
    for path in FILES:
        text = path.read_text()
        if path.name not in {"population.py", "checkpoint.py"}:
            assert "devices()" not in text, path
            assert "sharding" not in text, path


def test_files_are_short_rooms_small_and_functions_narrow():
    long = {str(p.relative_to(ROOT)) for p in FILES if p.read_text().count("\n") > 350}
    assert not long
    rooms = Counter(path.parent for path in FILES if path.name != "__init__.py")
    assert not {str(room): count for room, count in rooms.items() if count > 10}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                # options, as a configuration has them, are keywords with a default: not counted
                optional = sum(default is not None for default in node.args.kw_defaults)
                named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                count = (
                    len([argument for argument in named if argument.arg not in ("self", "cls")])
                    - optional
                )
                assert count <= 8, f"{path}: {node.name} has {count} parameters"
