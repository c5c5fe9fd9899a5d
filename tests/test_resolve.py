"""Resolved configurations: identities that last, sections that collide, and what is refused."""

import sys
import types

import pytest

from jaxdml.losses import METRIC
from jaxdml.options import ConfigError
from jaxdml.runs.planning import grid
from jaxdml.runs.planning.points import point as point_of
from jaxdml.settings import parts
from jaxdml.settings.resolve import resolve
from jaxdml.settings.systems import SYSTEMS, System

NEW = [
    {},
    {"loss.sources": ("true", "teacher"), "train.average": 0.99, "augment.strong": "strong",
     "loss.name": "center", "loss.term_weight": 2},
    {"train.steps": 450, "optimizer.name": "sgd", "optimizer.clip": 1, "optimizer.warmup_steps": 5,
     "optimizer.schedule": "cosine", "optimizer.weight_decay": 0.1},
    {"model.unit_length": True, "loss.view": "weak", "eval.parameters": "average",
     "train.average": 0.9, "train.unlabelled_batch_size": 64},
    {"kl.schedule": "cyclical", "train.sampler": "balanced", "routine.name": "alternate"},
    {"terms": ("metric", "second=metric", "kl", "divergence=kl"), "second.name": "center",
     "second.sources": ("true", "sure=teacher"), "sure.threshold": 0.5, "divergence.beta": 0.1},
]  # fmt: skip
TWO = {"system": "dml", "terms": ("metric", "proxies=metric")}


def resolved(**options):
    return resolve({path.replace("__", "."): value for path, value in options.items()})


@pytest.mark.parametrize(
    "options", NEW[::4], ids=lambda options: next(iter(options), "nothing new")
)
@pytest.mark.parametrize("system", SYSTEMS)
def test_what_each_field_would_be_by_itself_is_known(system, options):
    """Each alone: a field set to what it would be unset is no change."""
    setting = resolve({"system": system} | options)
    kept = {path: value for path, value in options.items() if path in setting}
    for path in setting:
        if path != "system" and path not in options:
            explicit = {path: setting.unset[path]} if setting.unset[path] is not None else {}
            assert resolve({"system": system} | options | explicit) == setting, path
    assert kept == {} or setting != resolve({"system": system})


def test_a_new_field_with_another_value_is_another_point():
    plain = point_of({"system": "dml_ae"}).id
    changes = [
        {"optimizer.name": "sgd"}, {"optimizer.clip": 1.0}, {"train.average": 0.9},
        {"model.unit_length": True}, {"loss.weight": 1.0}, {"reconstruction.view": "weak"},
        {"loss.sources": ("true", "teacher"), "loss.name": "supcon"}, {"train.steps": 10},
        {"train.unlabelled_batch_size": 64}, {"augment.weak": "weak"},
        {"train.precision": "bfloat16"},
    ]  # fmt: skip
    ids = {point_of({"system": "dml_ae"} | change).id for change in changes}
    assert len(ids | {plain}) == len(changes) + 1
    assert point_of({"system": "dml_ae", "eval.parameters": "last"}).id == plain


@pytest.mark.parametrize("options", NEW, ids=lambda options: next(iter(options), "nothing new"))
@pytest.mark.parametrize("system", SYSTEMS)
def test_to_resolve_twice_is_to_resolve_once(system, options):
    once = resolve({"system": system} | options)
    assert resolve(once) == once
    listed = {p: list(v) if isinstance(v, tuple) else v for p, v in once.items()}  # as JSON has it
    assert resolve(listed) == once
    assert point_of(once).id == point_of({"system": system} | options).id


# ---------------------------------------------------------------- sections that two layers share


def test_an_option_that_a_loss_and_its_term_have_is_the_loss_s():
    center = resolved(system="dml", loss__name="center", loss__weight=0.5, loss__term_weight=2)
    assert (center["loss.weight"], center["loss.term_weight"]) == (0.5, 2.0)
    assert "loss.term_weight" not in resolved(system="dml", loss__name="supcon")
    assert resolved(system="dml", loss__name="supcon", loss__weight=2)["loss.weight"] == 2.0
    assert resolved(system="dml", loss__name="center")["loss.term_weight"] is None
    onward = resolved(system="dml_prior", loss__name="tests.third_party.onward:make")
    assert (onward["loss.on"], onward["loss.term_on"]) == (1.0, "sample")
    assert onward.numbers["loss.on"] == 1.0
    with pytest.raises(ConfigError, match="must be one of sample, mean"):
        resolved(
            system="dml_prior", loss__name="tests.third_party.onward:make", loss__term_on="all"
        )


@pytest.mark.parametrize("name", METRIC)
def test_every_loss_shares_its_section_with_its_term(name):
    setting = resolved(system="dml_prior", loss__name=name)
    term = {"sources", "view", "weight", "on"}
    assert all({f"loss.{o}", f"loss.term_{o}"} & setting.keys() for o in term)


def test_two_metric_terms_have_sections_of_their_own():
    setting = resolve(TWO | {"loss.margin": 0.3, "proxies.name": "cosface", "proxies.margin": 0.1})
    assert (setting["loss.name"], setting["loss.margin"]) == ("triplet", 0.3)
    assert (setting["proxies.name"], setting["proxies.margin"]) == ("cosface", 0.1)
    numbers = setting.numbers
    assert {"loss.margin", "proxies.margin", "proxies.scale"} <= numbers.keys()


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (("metric", "loss=kl"), "loss is a section of its own: give the term another name"),
        (("metric", "prior=metric", "kl"), "prior is a section of its own"),
        (("metric=kl",), "metric is a section of its own"),
        (("metric", "data=kl"), "data is a section of its own"),
        (("metric", "two words=kl"), "'two words=kl' must be a term, or a name for it"),
    ],
)
def test_terms_that_collide_are_refused(terms, message):
    with pytest.raises(ConfigError, match=message):
        resolve({"system": "dml_prior", "terms": terms})


def test_a_source_may_not_have_the_section_of_a_term():
    sources = {"loss.name": "supcon", "loss.sources": ("true", "proxies=teacher")}
    with pytest.raises(ConfigError, match="two parts have the section proxies: rename a term"):
        resolve(TWO | sources)


def test_no_terms_are_those_of_the_system():
    assert resolved(system="dml", terms=())["loss.name"] == "triplet"


# ---------------------------------------------------------------- grids over terms


def test_a_grid_may_hold_points_with_and_without_a_term():
    over = {
        "terms": (("metric",), ("metric", "proxies=metric")),
        "proxies.name": ("cosface", "triplet"),
    }
    points = grid.expand({"system": "dml", "proxies.margin": 0.3}, (over,))
    assert [point.setting.get("proxies.name") for point in points] == [None, "cosface", "triplet"]


def test_a_grid_over_the_loss_of_a_named_term_may_hold_options_of_each():
    over = {"proxies.name": ("cosface", "triplet"), "proxies.mining": ("hard", "all")}
    points = grid.expand(TWO, (over,))
    assert [point.setting.get("proxies.mining") for point in points] == [None, "hard", "all"]


def test_an_unknown_field_of_a_named_term_is_refused_with_the_near_name():
    for path, near in (("proxies.magrin", "margin"), ("proxies.temprature", "temperature")):
        with pytest.raises(ConfigError, match=f"no field {path}; there is proxies.{near}"):
            resolve(TWO | {path: 1.0})
        with pytest.raises(ConfigError, match=f"no field {path}; there is proxies.{near}"):
            grid.expand(TWO, ({path: (1.0, 2.0)},))
    with pytest.raises(ConfigError, match=r"there is no field proxies.name"):
        resolve({"system": "dml", "proxies.name": "cosface"})


# ---------------------------------------------------------------- a system's own defaults


@pytest.fixture
def own_system(monkeypatch):
    """A module with a user's system, whose defaults a test chooses."""

    def add_system(**defaults):
        module = types.ModuleType("own_system")
        named = {path.replace("__", "."): value for path, value in defaults.items()}
        module.make = lambda: System(("metric", "reconstruction"), named)
        monkeypatch.setitem(sys.modules, "own_system", module)
        return "own_system:make"

    return add_system


def test_a_system_s_defaults_hold_for_every_field_and_a_configuration_changes_them(own_system):
    defaults = {
        "loss__name": "supcon", "loss__sources": ("true", "teacher"), "pseudo__threshold": 0.5,
        "train__average": 0.99, "train__epochs": 3, "model__encoder": "conv_small",
        "optimizer__name": "sgd", "routine__name": "alternate", "augment__strong": "weak",
    }  # fmt: skip
    system = own_system(**defaults)
    setting = resolved(system=system)
    assert {path.replace(".", "__"): setting[path.replace("__", ".")] for path in defaults}.keys()
    assert {path: setting[path.replace("__", ".")] for path in defaults} == defaults
    assert resolve(setting) == setting
    changed = resolved(system=system, loss__sources=("true",), train__epochs=5)
    assert (changed["loss.sources"], changed["train.epochs"]) == (("true",), 5)
    assert "pseudo.threshold" not in changed


def test_a_mistake_in_a_system_s_defaults_is_named(own_system):
    with pytest.raises(ConfigError, match=r"no field loss.marginn; there is loss.margin"):
        resolved(system=own_system(loss__marginn=0.3))


# ---------------------------------------------------------------- what is cached


def test_what_is_remembered_of_parts_cannot_be_changed_from_outside():
    part = parts.parts(resolved(system="dml"))["loss"]
    with pytest.raises(TypeError, match="does not support item assignment"):
        part.options()["new"] = (0, "new")
    default_by_path = part.defaults()
    default_by_path["loss.margin"] = 7.0
    assert part.defaults()["loss.margin"] != 7.0


def test_a_loss_that_is_added_to_the_table_is_known_at_once(monkeypatch):
    def make(*, brightness: float = 0.5):
        return METRIC["supcon"]()

    with pytest.raises(ConfigError, match=r"no field loss.brightness"):
        resolved(system="dml", loss__brightness=0.1)
    monkeypatch.setitem(METRIC, "bright", make)
    assert resolved(system="dml", loss__name="bright")["loss.brightness"] == 0.5
    assert "loss.brightness" not in resolved(system="dml", loss__brightness=0.1)
