"""Planning a large grid: what points share is worked out once, and each point is still checked."""

from pathlib import Path

import pytest

from jaxdml.options import ConfigError
from jaxdml.priors import unit
from jaxdml.runs.planning import grid, loading, plan
from jaxdml.settings import assembly, parts
from jaxdml.settings.resolve import Resolver, resolve


def make_prior(latent_dim, classes, *, softness: float = 1.0):
    """A user's prior, which refuses a number where there are several classes."""
    if isinstance(softness, float) and softness > 1 and classes > 1:
        raise ValueError(f"softness must be at most 1, but is {softness}")
    return unit.make(latent_dim, classes)


MIXED = (
    {
        "system": ("dml", "dml_ae", "few"),
        "data.labelled_count": (20, 60),
        ("seed", "data.labels_seed"): tuple((seed, seed) for seed in range(3)),
    },
    {"system": ("dml_ae",), "routine.alpha": (0, 0.0, 1, 0.5), "data.labels_per_class": (None, 2)},
    {
        "system": ("few",),
        "train.learning_rate": (1e-3, 2e-3),
        "pseudo.threshold": (0.8, 0.9),
    },
    {"system": ("ae",), "train.batch_size": (64, 128), "seed": (0, 1), "data.stratified": (True,)},
)


def configurations():
    resolver = Resolver()
    for entry in MIXED:
        for point in grid.expand({}, (entry,)):
            yield resolver, dict(point.setting)


def test_a_setting_of_a_grid_is_that_of_its_configuration_alone():
    for resolver, config in configurations():
        of_grid, alone = resolver.resolve(config), resolve(config)
        assert list(of_grid.items()) == list(alone.items())
        assert repr(list(of_grid.items())) == repr(list(alone.items()))  # 1 is not 1.0 here
        for name in ("unset", "numbers", "static", "reads_labels", "training", "training_fields"):
            assert getattr(of_grid, name) == getattr(alone, name)


def test_a_word_and_the_sign_of_zero_are_no_number_of_before():
    resolver = Resolver()
    of_images = {"system": "ae", "data.name": "images", "data.path": "photos"}
    for value in (0.0, -0.0, 1.0, "a float", (1.0, 2.0)):
        config = {**of_images, "data.range": value}
        assert repr(resolver.resolve(config).source) == repr(resolve(config).source)
    resolver.resolve({"system": "dml", "loss.margin": 0.2})
    with pytest.raises(ConfigError, match=r"loss.margin must be a number, but is 'a float'"):
        resolver.resolve({"system": "dml", "loss.margin": "a float"})


@pytest.mark.parametrize("values", [(0.5, 2.0), (2.0, 0.5)])
def test_a_number_that_a_part_refuses_on_the_data_is_refused_in_any_order(values):
    over = {
        "system": ("dml_prior",),
        "prior.name": (f"{__name__}:make_prior",),
        "prior.softness": values,
    }
    points = grid.expand({}, (over,))
    with pytest.raises(ConfigError, match="softness must be at most 1"):
        plan.plan(points, loading.loader(Path()))


def test_a_float_that_no_program_traces_is_read_anew():
    resolver = Resolver()
    shares = (0.5, 0.75, 0.5)
    settings = [resolver.resolve({"system": "ae", "train.memory_share": s}) for s in shares]
    assert tuple(setting["train.memory_share"] for setting in settings) == shares


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": -1}, "seed must lie between"),
        ({"seed": "one"}, "seed must be a whole number"),
        ({"data.labels_seed": 0.5}, "data.labels_seed must be a whole number"),
        ({"data.labelled_count": 60, "data.labels_per_class": 2}, "contradict each other"),
        ({"data.labelled": 60}, "there is no field data.labelled"),
        ({"loss.margin": -1}, "loss.margin must be at least 0"),
        ({"loss.margin": -0.5}, "loss.margin must be at least 0"),
        ({"loss.margin": float("inf")}, "loss.margin must be finite"),
        ({"train.learning_rate": -0.5}, "train.learning_rate must be at least"),
        ({"train.memory_share": 1.5}, "train.memory_share must lie between"),
    ],
)
def test_a_later_point_is_checked_as_the_first_one(wrong, message):
    resolver = Resolver()
    resolver.resolve({"system": "dml"})
    floats = [path for path in wrong if isinstance(wrong[path], float) and "seed" not in path]
    resolver.resolve({"system": "dml", **dict.fromkeys(floats, 0.2)})  # differs in numbers alone
    with pytest.raises(ConfigError, match=message):
        resolver.resolve({"system": "dml", **wrong})


@pytest.mark.parametrize(
    ("over", "grows"),
    [
        ({"system": ("dml", "dml_ae")}, []),
        # each value of α is checked by the part that has it
        ({"system": ("dml_ae",), "routine.alpha": (0.2, 0.4, 0.6, 0.8)}, ["instances", "assemble"]),
    ],
    ids=["seeds", "numbers"],
)
def test_the_work_for_a_grid_does_not_grow_with_seeds_and_numbers(over, grows, monkeypatch):
    calls = []

    def counted(module, name):
        function = getattr(module, name)

        def counting(*arguments, **options):
            calls.append(name)
            return function(*arguments, **options)

        monkeypatch.setattr(module, name, counting)

    counted(assembly, "assemble")
    counted(parts, "instances")
    counted(parts, "options")
    counted(plan, "check_scoring")
    counts = []
    first = {path: values[:2] for path, values in over.items()}
    for grid_of_it, seeds in ((first, 2), (over, 100)):
        calls.clear()
        points = grid.expand({}, ({**grid_of_it, "seed": tuple(range(seeds))},))
        cohorts = plan.plan(points, loading.loader(Path())).cohorts
        assert len(cohorts) == len(over["system"])
        counts.append({name: calls.count(name) for name in calls})
    assert [name for name in counts[0] if counts[0][name] != counts[1][name]] == grows
