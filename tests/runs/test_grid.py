from pathlib import Path

import numpy as np
import pytest

from jaxdml.options import ConfigError
from jaxdml.runs.planning import description, grid, loading, plan
from jaxdml.runs.planning.points import point as point_of

load = loading.loader(Path())


def test_a_grid_is_a_union_of_products_and_a_tuple_of_paths_moves_together():
    points = grid.expand(
        {"model": {"latent_dim": 2}},
        (
            {"system": ("dml",), "data.labelled_percent": (1.0, 10.0)},
            {
                "system": ("dml_ae",),
                "routine.alpha": (0.25, 0.5),
                ("seed", "data.labels_seed"): ((0, 0), (1, 7)),
            },
        ),
    )
    values = [
        (
            p.setting["system"],
            p.setting["data.labelled_percent"],
            p.setting.get("routine.alpha"),
            p.setting["seed"],
            p.setting["data.labels_seed"],
        )
        for p in points
    ]
    assert values == [
        ("dml", 1.0, None, 0, 0),
        ("dml", 10.0, None, 0, 0),
        ("dml_ae", None, 0.25, 0, 0),
        ("dml_ae", None, 0.25, 1, 7),
        ("dml_ae", None, 0.5, 0, 0),
        ("dml_ae", None, 0.5, 1, 7),
    ]
    assert all(p.setting["model.latent_dim"] == 2 for p in points)


def test_points_that_train_the_same_are_one():
    points = grid.expand({}, ({"system": ("ae",), "loss.margin": (0.1, 0.2)},) * 2)
    assert len(points) == 1


def test_the_identity_follows_from_what_is_trained_and_from_nothing_else():
    def identity(**options):
        return point_of({"system": "dml_ae"} | options).id

    assert identity() == identity(**{"loss.margin": 0.2, "routine.alpha": 0.5})
    assert identity() == identity(**{"train.width": 8, "eval.protocols": ("thesis",)})
    assert identity(**{"routine.first": "unsupervised"}) == identity()  # not an option of joint
    assert identity(**{"data.labelled_percent": 10}) == identity(**{"data.labelled_percent": 10.0})
    different = {
        identity(),
        identity(seed=1),
        identity(**{"loss.margin": 0.3}),
        identity(**{"data.labels_seed": 1}),
    }
    assert len(different) == 4


@pytest.mark.parametrize(
    ("over", "message"),
    [
        (({"loss.margn": (1,)},), "there is no field loss.margn; there is loss.margin$"),
        (({"eval.split": ("test",)},), "eval.split is the same for a whole run"),
        (({"seed": 3},), "the values of 'seed' in a grid must be a tuple, but are 3"),
        (({("seed", "data.labels_seed"): (1, 2)},), "must have 2 entries, not 1"),
        (({}), "a grid must be a tuple of mappings"),
        (None, "a grid must be a tuple of mappings, like"),
        (("seed",), "a grid must be a tuple of mappings, but one is 'seed'"),
        (({"system": (["dml"],)},), "system must be one of"),
        (
            ({"system": ("mvae",), "loss.on": ("median",)},),
            "loss.on must be one of sample, mean, but",
        ),
        (({"loss.name": (":make",)},), "loss.name must be a dotted path"),
        (({"loss.name": ("json:dumps",)},), "json:dumps cannot make a part of loss"),
        (({7: (1,)},), "a key of a grid must be a config path"),
        (
            ({"system": ("vea",)},),
            "one of ae, dml, dml_ae, dml_prior, few, few_vectors, mvae, vae, or a dotted path",
        ),
    ],
)
def test_a_malformed_grid_is_explained(over, message):
    with pytest.raises(ConfigError, match=message):
        grid.expand({"system": "dml"}, over)


def test_points_that_differ_in_numbers_labels_and_seeds_share_a_cohort():
    points = grid.expand(
        {"system": "dml_ae"},
        (
            {
                "seed": (0, 1),
                "routine.alpha": (0.1, 0.9),
                "train.learning_rate": (1e-3, 1e-4),
                "loss.margin": (0.1, 1.0),
                "data.labelled_count": (10, 100),
                "data.labels_seed": (0, 1),
            },
        ),
    )
    planned = plan.plan(points, load)
    assert len(planned.cohorts) == 1
    assert len(planned.cohorts[0].points) == 64
    assert {len(rows) for rows in planned.labelled.values()} == {10, 100}


def test_what_shapes_the_program_makes_another_cohort():
    over = {"system": ("dml", "dml_ae"), "model.latent_dim": (2, 3), "seed": (0, 1)}
    planned = plan.plan(grid.expand({}, (over,)), load)
    assert [len(c.points) for c in planned.cohorts] == [2, 2, 2, 2]
    assert "4 cohorts, 8 points, 4 programs to compile" in description.describe(planned)


def test_the_number_of_labels_shapes_the_program_only_where_an_epoch_is_a_pass_over_them():
    over = ({"data.labelled_count": (10, 100)},)
    base = {"system": "dml", "routine.labelled_steps": "pass"}
    passes = plan.plan(grid.expand(base, over), load)
    assert [c.static.labelled_count for c in passes.cohorts] == [10, 100]
    match = plan.plan(grid.expand({"system": "dml"}, over), load)
    assert [c.static.labelled_count for c in match.cohorts] == [None]


def test_labels_that_cannot_cover_the_classes_are_pointed_out():
    points = grid.expand({"system": "dml", "data.labelled_count": 6}, ({},))
    [note] = plan.plan(points, load).notes
    assert "digits: 6 labelled images leave" in note
    assert "of 10 classes without a label" in note


def test_every_point_has_the_same_labels_as_any_other_with_its_seed():
    points = grid.expand(
        {"data.labelled_percent": 10.0}, ({"system": ("ae", "dml"), "seed": (0, 1)},)
    )
    rows = list(plan.plan(points, load).labelled.values())
    assert all(np.array_equal(rows[0], other) for other in rows)
