"""`import jaxdml`, and `jaxdml COMMAND`, where nothing of the repository is around."""

import importlib
import subprocess
import sys

import pytest

import jaxdml
from jaxdml import commands
from jaxdml.commands import cli
from jaxdml.configs import common, fields
from jaxdml.settings.fields import flatten


def python(*arguments, path):
    done = subprocess.run(
        [sys.executable, *arguments], cwd=path, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_what_is_public_is_there_and_loads_nothing_heavy(tmp_path):
    script = (
        "import sys, jaxdml\n"
        "assert 'jax' not in sys.modules\n"
        "assert set(jaxdml.__all__) == set(dir(jaxdml))\n"
        "for name in jaxdml.ROOMS: getattr(jaxdml, name)\n"
        "heavy = {'sklearn', 'pooch', 'tensorflow_datasets', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "for name in jaxdml.__all__: getattr(jaxdml, name)\n"
    )
    code, out, err = python("-c", script, path=tmp_path)
    assert code == 0, err
    assert out.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = jaxdml.nothing


def test_each_command_is_told_in_its_own_words(tmp_path):
    code, out, _ = python("-m", "jaxdml", path=tmp_path)
    assert code == 0
    for name, what in commands.COMMANDS.items():
        module = importlib.import_module(f"jaxdml.commands.{name}")
        assert module.__doc__.startswith(what)
        assert callable(module.run)
        assert f"{name} " in out


def test_a_command_that_there_is_not_is_one_sentence(tmp_path):
    code, out, err = python("-m", "jaxdml", "grd", path=tmp_path)
    assert (code, out) == (2, "")
    assert err.splitlines() == ["error: there is no command grd: did you mean grid?"]
    assert python("-m", "jaxdml", "--version", path=tmp_path)[1].strip() == jaxdml.__version__


def test_help_has_every_field_with_its_default_and_what_is_required(tmp_path):
    code, out, _ = python("-m", "jaxdml", "grid", "--help", path=tmp_path)
    assert code == 0
    assert "Required: --config, --workdir." in out
    assert "--[no]dry_run" in out
    lines = out.splitlines()
    for path, default in flatten(common.get_config().to_dict()).items():
        line = f"  --config.{path}" + ("" if default is None else f"={default}")
        assert lines.count(line) == 1, line
    assert "      the largest norm of the gradient; none set: any" in lines
    assert fields.described() in out


def test_a_configuration_of_the_package_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert {"few", "digits_grid", "images"} <= cli.PACKAGED
    assert cli._path_of_config("few:full") == f"{cli.CONFIGS / 'few.py'}:full"
    assert cli._path_of_config("mine.py") == "mine.py"
    (tmp_path / "few").touch()
    assert cli._path_of_config("few") == "few"  # a file of that name counts


def test_a_package_runs_in_any_folder(tmp_path):
    fast = ("--config.train.epochs=1", "--config.model.hidden=(8,)")
    options = ("--config=digits", f"--workdir={tmp_path / 'run'}")
    code, out, err = python("-m", "jaxdml", "train", *options, *fast, path=tmp_path)
    assert code == 0, err
    assert "| dml_ae" in out
