"""Code from outside of the library is imported where the user names it, and for no file's sake."""

import json
import shutil
import sys

import numpy as np
import pytest

import jaxdml
from jaxdml import options
from jaxdml.estimator import files
from jaxdml.runs.execution import execute
from jaxdml.runs.storage.files import read_json, write_json
from tests.hostile.small import CONFIG, arrays

EVIL = "from pathlib import Path\nPath(__file__).with_name('imported').touch()\n"
OWN = "from jaxdml.losses import METRIC\nmake = METRIC['supcon']\n"
NAMED = "names it: if you trust it, allow it by --trust, or in Python by trust=True"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A finished run, in which nothing is named from outside."""
    path = tmp_path_factory.mktemp("plain")
    np.savez(path / "own.npz", **arrays())
    config = CONFIG | {"data.path": "own.npz"}
    return execute.run(config, ({},), path / "run", path).path


@pytest.fixture
def nobody(monkeypatch):
    """The user has allowed nothing yet."""
    monkeypatch.setattr(options, "_allowed", set())


def renamed(plain, path, **names):
    """The same run beside a module `evil`, with other names in its files."""
    run_folder = path / "run"
    shutil.copytree(plain, run_folder)
    shutil.copy(plain.parent / "own.npz", path)
    [result_file] = run_folder.glob("points/*/result.json")
    for file in (result_file, run_folder / "config.json"):
        stored = read_json(file)
        stored.get("config", stored).update(names)
        write_json(file, stored)
    (path / "evil.py").write_text(EVIL + OWN, "utf-8")
    return run_folder


@pytest.fixture
def searched(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("evil", None)


FIELDS = [
    {"loss.name": "evil:make"},
    {"system": "evil:make"},
    {"model.encoder": "evil:make"},
    {"optimizer.name": "evil:make"},
    {"eval.protocols": ["evil:make"]},
    {"eval.classifiers": ["evil:make"]},
    {"terms": ["metric=evil:make"]},
    {"loss.sources": ["true", "evil:make"]},
    {"data.name": "evil:make"},
]


@pytest.mark.usefixtures("nobody", "searched")
@pytest.mark.parametrize("names", FIELDS, ids=lambda names: next(iter(names)))
def test_to_load_a_run_imports_nothing_that_its_files_name(plain, tmp_path, names):
    run_folder = renamed(plain, tmp_path, **names)
    with pytest.raises(options.ConfigError, match=NAMED):
        jaxdml.load(run_folder)
    assert not (tmp_path / "imported").exists()


@pytest.mark.usefixtures("nobody", "searched")
def test_to_load_a_run_that_is_trusted_imports_what_it_names(plain, tmp_path):
    run_folder = renamed(plain, tmp_path, **{"loss.name": "evil:make"})
    assert len(jaxdml.load(run_folder, trust=True).transform(arrays()["x"]))
    assert (tmp_path / "imported").exists()


@pytest.mark.usefixtures("nobody", "searched")
@pytest.mark.parametrize("of", [pytest.param("setting", marks=pytest.mark.slow), "parameters"])
def test_the_file_of_an_embedder_imports_nothing(tmp_path, of):
    x = arrays()
    one = jaxdml.SemiSupervisedEmbedder("dml", steps=1, options={"loss.name": "supcon"})
    one.fit(x["x"], x["y"] % 2).save(tmp_path / "one.npz")
    with np.load(tmp_path / "one.npz") as held:
        kept = dict(held)
    about = json.loads(str(kept["about"]))
    (about["setting"] if of == "setting" else about["parameters"]["options"]).update(
        {"loss.name": "evil:make"}
    )
    np.savez(tmp_path / "two.npz", **kept | {"about": np.array(json.dumps(about))})
    (tmp_path / "evil.py").write_text(EVIL, "utf-8")
    with pytest.raises(ValueError, match=NAMED):
        files.load(jaxdml.SemiSupervisedEmbedder, tmp_path / "two.npz")
    assert not (tmp_path / "imported").exists()
    assert len(files.load(jaxdml.SemiSupervisedEmbedder, tmp_path / "one.npz").transform(x["x"]))


@pytest.mark.usefixtures("nobody", "searched")
def test_what_an_own_call_names_is_imported(tmp_path):
    (tmp_path / "evil.py").write_text(EVIL, "utf-8")
    with pytest.raises(options.ConfigError, match="has no function 'make'"):
        jaxdml.data.load("evil:make", tmp_path)
    assert (tmp_path / "imported").exists()


COMMANDS = {
    "evaluate": ["evaluate"],
    "report": ["report"],
    "embed": ["embed", "--input={path}/own.npz", "--output={path}/z.npz"],
    "predict": ["predict", "--input={path}/own.npz", "--output={path}/names.csv"],
    "suggest": ["predict", "--suggest=2", "--output={path}/next.csv"],
    "export": ["export", "--to=tensorboard"],
    "extend": ["train", "--extend=1"],
}


@pytest.mark.parametrize(
    "name", [n if n == "evaluate" else pytest.param(n, marks=pytest.mark.slow) for n in COMMANDS]
)
def test_no_command_imports_what_a_run_folder_names(plain, tmp_path, command, name):
    run_folder = renamed(plain, tmp_path, **{"loss.name": "evil:make"})
    words = [word.format(path=tmp_path) for word in COMMANDS[name]]
    done = command(*words, f"--workdir={run_folder}", f"--data_dir={tmp_path}", path=tmp_path)
    assert not (tmp_path / "imported").exists()
    said = " ".join((done.stdout + done.stderr).split())
    assert "loss.name=evil:make is code from outside of jaxdml" in said
    assert "--trust" in said
    assert "Traceback" not in said
    assert done.returncode == (0 if name in ("report", "export") else 2)
    command(*words, f"--workdir={run_folder}", f"--data_dir={tmp_path}", "--trust", path=tmp_path)
    assert (tmp_path / "imported").exists()


@pytest.mark.slow
def test_a_loss_of_ones_own_is_trained_named_again_and_trusted_later(tmp_path, command):
    np.savez(tmp_path / "own.npz", **arrays())
    (tmp_path / "mine.py").write_text(OWN, "utf-8")
    changes = CONFIG | {"data.path": "own.npz", "loss.name": "mine:make"}
    words = [f"--config.{path}={value}" for path, value in changes.items()]
    folders = [f"--workdir={tmp_path / 'run'}", f"--data_dir={tmp_path}"]
    for _ in range(2):  # trained, and what is there is reported
        done = command("train", "--config=digits", *words, *folders, path=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "outside of jaxdml" not in done.stdout + done.stderr
    assert command("evaluate", *folders, path=tmp_path).returncode == 2
    assert command("evaluate", "--trust", *folders, path=tmp_path).returncode == 0
