"""Every configuration file is complete and valid, and its grid can be planned."""

import importlib
from pathlib import Path

import pytest

from jaxdml.report.tables import published
from jaxdml.routines import ROUTINES
from jaxdml.runs.planning import grid
from jaxdml.settings import parts
from jaxdml.settings.fields import COMMON, SAMPLER, assign, flatten
from jaxdml.settings.resolve import resolve
from jaxdml.settings.systems import SYSTEMS

FILES = sorted((Path(__file__).parent.parent / "configs").glob("[a-z]*.py"))
NAMES = [path.stem for path in FILES if "def get_config" in path.read_text()]


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_resolves_and_says_how_to_run_it(name):
    module = importlib.import_module(f"configs.{name}")
    resolve(module.get_config().to_dict())
    if name != "common":
        assert f"--config=configs/{name}.py" in module.__doc__
    if hasattr(module, "get_grid"):
        assert len(grid.expand(module.get_config().to_dict(), module.get_grid())) > 1


@pytest.mark.parametrize("name", published.NAMES)
def test_a_table_of_the_thesis_has_a_point_for_every_cell(name):
    module = importlib.import_module(f"configs.table_{name.replace('.', '_')}")
    base = flatten(module.get_config().to_dict())
    for over, changes in ((module.get_grid(), {}), (grid.thinned(module.get_grid()), module.QUICK)):
        points = grid.expand(assign(base, changes), over)
        results = [{"status": "ok", "config": point.setting} for point in points]
        assert all(published.like(cell, results) for cell in published.cells(name))
        assert published.touched(results)[0] <= name


# With these, every field of the common configuration that has a value is read.
VARIANTS = (
    {},
    *({"routine.name": name} for name in ROUTINES),
    {"kl.schedule": "warmup"},
    {"data.name": "images"},
)


def test_the_common_configuration_says_what_the_library_does_by_default():
    common = flatten(importlib.import_module("configs.common").get_config().to_dict())
    assert {*COMMON, *SAMPLER, *parts.NAMES} <= set(common)
    read = set()
    for system in SYSTEMS:
        for variant in VARIANTS:
            changes = {"system": system} | variant
            resolved = resolve(common | changes)
            assert resolved == resolve(changes)
            read |= set(resolved)
    assert {path for path, value in common.items() if value is not None} <= read


def test_the_fields_that_every_config_has():
    common = flatten(importlib.import_module("configs.common").get_config().to_dict())
    contract = """system seed data.name data.labelled_percent data.labelled_count
    data.labels_per_class data.labels_seed data.validation model.encoder model.hidden
    model.latent_dim loss.name loss.on loss.margin loss.temperature reconstruction.name
    reconstruction.reduction prior.name kl.name kl.beta kl.samples
    routine.name routine.alpha routine.gamma routine.first routine.supervised
    routine.supervised_data routine.labelled_steps train.epochs train.batch_size
    train.learning_rate train.width eval.protocols eval.classifiers
    terms data.invariances augment.weak augment.strong model.unit_length loss.sources
    train.steps train.unlabelled_batch_size train.average eval.parameters
    optimizer.name optimizer.schedule optimizer.warmup_steps optimizer.clip
    optimizer.weight_decay"""
    assert set(contract.split()) <= set(common)


def test_nested_and_flat_configurations_are_the_same():
    nested = {"system": "dml", "loss": {"margin": 1.0}, "data": {"labelled_count": 5}}
    assert resolve(nested) == resolve(flatten(nested))
