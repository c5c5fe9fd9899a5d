"""Planning a large grid: what points share is worked out once, and each point is still checked."""

from pathlib import Path

import pytest

from jaxdml.options import ConfigError
from jaxdml.runs.planning import grid, loading, plan
from jaxdml.settings import assembly, parts
from jaxdml.settings.resolve import Resolver, resolve

MIXED = (
    {
        "system": ("dml", "dml_ae", "few"),
        "data.labelled_count": (20, 60),
        ("seed", "data.labels_seed"): tuple((seed, seed) for seed in range(3)),
    },
    {"system": ("dml_ae",), "routine.alpha": (0, 0.0, 1, 0.5), "data.labels_per_class": (None, 2)},
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


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": -1}, "seed must lie between"),
        ({"seed": "one"}, "seed must be a whole number"),
        ({"data.labels_seed": 0.5}, "data.labels_seed must be a whole number"),
        ({"data.labelled_count": 60, "data.labels_per_class": 2}, "contradict each other"),
        ({"data.labelled": 60}, "there is no field data.labelled"),
        ({"loss.margin": -1}, "loss.margin must be at least 0"),
    ],
)
def test_a_later_point_is_checked_as_the_first_one(wrong, message):
    resolver = Resolver()
    resolver.resolve({"system": "dml"})
    with pytest.raises(ConfigError, match=message):
        resolver.resolve({"system": "dml", **wrong})


def test_the_work_for_a_grid_does_not_grow_with_its_seeds(monkeypatch):
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
    for seeds in (2, 100):
        calls.clear()
        over = {"system": ("dml", "dml_ae"), "seed": tuple(range(seeds))}
        points = grid.expand({}, (over,))
        assert len(points) == 2 * seeds
        assert len(plan.plan(points, loading.loader(Path())).cohorts) == 2
        counts.append({name: calls.count(name) for name in calls})
    assert counts[0] == counts[1]
