"""Every configuration file is complete and valid, and its grid can be planned."""

import importlib
from pathlib import Path

import pytest

from jaxdml import config
from jaxdml.data import DATASETS
from jaxdml.options import coerce, defaults
from jaxdml.report import published
from jaxdml.runs import grid
from jaxdml.systems import PARTS
from jaxdml.terms import TERMS

FILES = sorted((Path(__file__).parent.parent / "configs").glob("[a-z]*.py"))
NAMES = [path.stem for path in FILES if "def get_config" in path.read_text()]


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_resolves_and_says_how_to_run_it(name):
    module = importlib.import_module(f"configs.{name}")
    config.resolve(module.get_config().to_dict())
    if name != "common":
        assert f"--config=configs/{name}.py" in module.__doc__
    if hasattr(module, "get_grid"):
        assert len(grid.expand(module.get_config().to_dict(), module.get_grid())) > 1


@pytest.mark.parametrize("name", published.NAMES)
def test_a_table_of_the_thesis_has_a_point_for_every_cell(name):
    module = importlib.import_module(f"configs.table_{name.replace('.', '_')}")
    base = config.flatten(module.get_config().to_dict())
    for over, changes in ((module.get_grid(), {}), (grid.thinned(module.get_grid()), module.QUICK)):
        points = grid.expand(config.assign(base, changes), over)
        results = [{"status": "ok", "config": point.config} for point in points]
        assert all(published.like(cell, results) for cell in published.cells(name))
        assert published.touched(results)[0] <= name


def test_the_common_configuration_says_what_the_library_does_by_default():
    given = config.flatten(importlib.import_module("configs.common").get_config().to_dict())
    assert set(config.COMMON | config.NAMES) <= set(given)
    library = config.COMMON | config.NAMES | config.SAMPLER
    tables = {section: table for section, (_, table) in PARTS.items()} | {"data": DATASETS}
    for section, table in tables.items():
        for make in (*table.values(), *([TERMS[section]] if section in TERMS else [])):
            library |= {f"{section}.{o}": default for o, default in defaults(make).items()}
    for path, value in given.items():
        assert path == "system" or path in library
        if path != "system" and value is not None:  # none set: the library's default
            assert value == library[path], path
            assert coerce(path, value, library[path]) == library[path]


def test_the_fields_that_every_config_has():
    given = config.flatten(importlib.import_module("configs.common").get_config().to_dict())
    contract = """system seed data.name data.labelled_percent data.labelled_count
    data.labels_per_class data.labels_seed data.validation model.encoder model.hidden
    model.latent_dim loss.name loss.on loss.margin loss.temperature reconstruction.name
    reconstruction.reduction prior.name kl.name kl.beta kl.samples
    routine.name routine.alpha routine.gamma routine.first routine.supervised
    routine.supervised_data routine.labelled_steps train.epochs train.batch_size
    train.learning_rate train.width eval.protocols eval.classifiers"""
    assert set(contract.split()) <= set(given)


def test_nested_and_flat_configurations_are_the_same():
    nested = {"system": "dml", "loss": {"margin": 1.0}, "data": {"labelled_count": 5}}
    assert config.resolve(nested) == config.resolve(config.flatten(nested))
