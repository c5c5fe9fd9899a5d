"""Commands, flags and fields: each is on a page, and what pages name is there."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest
from absl import flags

import jaxdml
from jaxdml import commands
from jaxdml.commands import cli
from jaxdml.configs import common
from jaxdml.settings.fields import flatten

ROOT = Path(__file__).parent.parent
PAGES = {p.name: p.read_text() for p in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
del PAGES["bad_inputs.md"]  # which names what there is none of
MODULES = {name: importlib.import_module(f"jaxdml.commands.{name}") for name in commands.COMMANDS}
SHARED = {"config", *(flag.name for flag in flags.FLAGS.get_flags_for_module(cli.__name__))}
OWN = {name: set(module.OWN) for name, module in MODULES.items()}
FIELDS = flatten(common.get_config().to_dict())
SECTIONS = {path.partition(".")[0] for path in FIELDS if "." in path}
SOURCE = "".join(
    file.read_text()
    for room in ("losses", "priors", "objectives", "models", "routines")
    for file in (ROOT / "jaxdml" / room).rglob("*.py")
)
OF_EXPERIMENTS = {
    name
    for file in (ROOT / "experiments").glob("*.py")
    for name in re.findall(r'DEFINE_\w+\(\s*"(\w+)"', file.read_text())
}


def flags_in(text):
    return set(re.findall(r"(?<![\w-])--([a-z]\w*(?:\.\w+)*)", text))


def test_a_command_and_each_of_its_flags_is_on_a_page_or_in_its_module():
    on_pages = "\n".join(PAGES.values())
    missing = []
    for name, module in MODULES.items():
        text = f"{on_pages}\n{module.__doc__}"
        missing += [] if re.search(rf"(experiments\.|jaxdml ){name}\b", text) else [name]
        missing += [f"{name} --{flag}" for flag in OWN[name] - flags_in(text)]
    missing += [f"--{flag}" for flag in SHARED - flags_in(on_pages)]
    assert not missing


@pytest.mark.parametrize("name", MODULES)
def test_a_flag_is_in_the_help_of_its_command(name):
    said = MODULES[name].OWN.module_help(MODULES[name].__name__)
    assert OWN[name] <= set(re.findall(r"--(?:\[no\])?(\w+)", said))


@pytest.mark.parametrize("page", PAGES)
def test_a_flag_that_a_page_names_exists(page):
    known = SHARED.union(*OWN.values(), OF_EXPERIMENTS, {"help", "epochs"})  # an error's example
    known |= {f"no{flag}" for flag in known}
    named = {flag for flag in flags_in(PAGES[page]) if not flag.startswith("config.")}
    assert not named - known


@pytest.mark.parametrize("page", PAGES)
def test_a_field_that_a_page_names_exists(page):
    """In the configuration; or it is an option of a part, of the library or of the page's code."""
    text = PAGES[page]
    code = "".join(re.findall(r"```python\n.*?```", text, re.DOTALL))
    named = {f.removeprefix("config.") for f in flags_in(text) if f.startswith("config.")}
    named |= {
        field
        for field in re.findall(r"`(\w+\.\w+)(?:=[^`]*)?`", text)
        if field.partition(".")[0] in SECTIONS
    }
    options = set(re.findall(r"(?m)\b(\w+): [\w\[\]|., ]+ = ", code + SOURCE))
    others = {f: f.rpartition(".")[2].removeprefix("term_") for f in named - set(FIELDS)}
    assert not {field for field, option in others.items() if option not in options | {"quick"}}


def test_the_metadata_says_what_the_readme_and_the_tests_say():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    readme = PAGES["README.md"]
    title = project["description"].partition(":")[0]
    assert f"**{title}.**" in readme
    oldest = project["requires-python"].removeprefix(">=")
    assert f"Python {oldest} or newer" in readme
    tested = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    [versions] = re.findall(r"python: \[(.*)\]", tested)
    named = [c.rpartition(" ")[2] for c in project["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert named == re.findall(r"[\d.]+", versions)
    assert named[0] == oldest
    citation = (ROOT / "CITATION.cff").read_text()
    assert project["version"] == jaxdml.__version__
    assert f"version: {jaxdml.__version__}\n" in citation
    assert "urls" not in project  # no host is invented
