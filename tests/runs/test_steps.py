"""A training of so many steps: its epochs, its phases, and what the user is told of it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.runs.execution import execute, sizing
from jaxdml.runs.planning import cohort_setup, description, loading, splits
from jaxdml.runs.planning import plan as planning
from jaxdml.runs.planning.points import Cohort
from jaxdml.runs.planning.points import point as point_of
from jaxdml.runs.storage import files
from jaxdml.settings.fields import assign
from jaxdml.settings.resolve import resolve
from jaxdml.train import epoch, population, step, streams
from jaxdml.types import Point
from tests.points import any_point

BASE = {
    "system": "dml_ae",
    "data.name": "tests.third_party.blobs:make",
    "data.labelled_count": 9,
    "model.hidden": (4,),
    "model.latent_dim": 2,
    "train.batch_size": 4,
    "eval.protocols": ("labelled",),
    "eval.baselines": (),
}
BY_BATCH = {
    "routine.name": "alternate",
    "routine.supervised": "metric_only",
    "routine.every": "batch",
    "routine.turns": (1, 6),
}
load = loading.loader(None)


def setup_of(**options):
    """The setup_of of one point, and the point."""
    point = point_of(BASE | {path.replace("__", "."): v for path, v in options.items()})
    [members] = planning.plan([point], load).cohorts
    return cohort_setup.setup_of(members, load(point.setting)), point


def drawn_from(point, dataset):
    """A point with its labelled images, as programs take it."""
    rows = jnp.asarray(splits.select(point.setting, dataset), jnp.int32)
    labels = jnp.asarray(dataset.train.y, jnp.int32)[rows]
    return Point(jnp.int32(0), {}, rows, labels, jnp.int32(len(rows)))


def lengths(**options):
    return setup_of(**options)[0].lengths


@pytest.fixture(scope="module")
def by_batch(tmp_path_factory):
    """450 steps, of which each seventh is supervised."""
    path = tmp_path_factory.mktemp("steps")
    run_folder = execute.run(BASE | BY_BATCH | {"train.steps": 450}, ({},), path, path)
    [result] = run_folder.results()
    assert result["status"] == "ok", result["reason"]
    return result, files.read_csv(run_folder.point(result["point"]) / "history.csv")


def test_steps_are_epochs_of_200_and_what_is_left():
    assert lengths(train__steps=450) == [200, 200, 50]
    assert lengths(train__steps=400) == [200, 200]
    assert lengths(train__steps=401) == [200, 200, 1]
    assert lengths(train__steps=7) == [7]
    assert lengths(train__epochs=3) == [8, 8, 8]


def test_a_history_has_a_row_for_each_epoch(by_batch):
    assert [row["epoch"] for row in by_batch[1]] == ["1", "2", "3"]


def test_a_result_counts_the_steps_of_each_phase(by_batch):
    supervised = sum(step % 7 == 0 for step in range(450))
    assert by_batch[0]["steps"] == {"supervised": supervised, "unsupervised": 450 - supervised}


@pytest.mark.parametrize("steps", [3, 7, 199, 200, 201, 450])
@pytest.mark.parametrize("turns", [(1, 1), (1, 6), (3, 2)])
def test_counts_are_those_of_a_plain_loop(steps, turns):
    setup, _ = setup_of(
        **BY_BATCH | {"routine.turns": turns, "train.steps": max(steps, sum(turns))}
    )
    steps = max(steps, sum(turns))
    cycle = ["supervised"] * turns[0] + ["unsupervised"] * turns[1]
    plain = [cycle[step % len(cycle)] for step in range(steps)]
    counts = epoch.count_steps(setup.routine, setup.sizes, setup.epochs)
    assert counts == {name: plain.count(name) for name in ("supervised", "unsupervised")}


@pytest.mark.slow
def test_turns_of_batches_go_on_through_the_short_last_epoch():
    """Epochs of five steps stand for those of 200: 12 steps, of which each seventh has labels."""
    setup, point = setup_of(**BY_BATCH | {"train.steps": 12})
    sizes = setup.sizes._replace(epoch=5)
    epoch_lengths = epoch.lengths(setup.routine, sizes, 3)
    assert epoch_lengths == [5, 5, 2]
    method, dataset = setup.method, setup.dataset
    device_point, images = drawn_from(point, dataset), jnp.asarray(dataset.train.x)
    state = jax.jit(lambda images: step.init(method, any_point(), images))(images)
    all_steps, start = [], 0
    for number, length in enumerate(epoch_lengths, 1):
        before = state
        kind = epoch.Kind(setup.routine.pattern(number), length, sizes)
        program = jax.jit(functools.partial(epoch.epoch, method, kind))
        state, means = program(state, device_point, images, jnp.int32(number))
        steps = range(start, start + length)
        start += length
        assert np.isfinite(means["metric"]) == any(s % 7 == 0 for s in steps)
        assert int(state.step - before.step) == length
        all_steps += steps
    assert all_steps == list(range(12))
    decoder = state.opt["model/decoder/Dense_0/kernel"][0].count
    assert int(decoder) == sum(s % 7 != 0 for s in range(12))


@pytest.mark.parametrize(
    ("options", "steps"), [({"train.epochs": 3}, 24), ({"train.steps": 450}, 450)]
)
def test_a_schedule_ends_with_the_training_however_it_is_counted(options, steps):
    setup, _ = setup_of(**options, **{"optimizer.schedule": "cosine"})
    assert setup.sizes.training == steps == sum(setup.lengths)
    rate = setup.method.optimizer.rate
    assert float(rate(jnp.int32(0), steps)) == pytest.approx(1e-3)
    assert float(rate(jnp.int32(steps), setup.sizes.training)) == pytest.approx(0, abs=1e-9)


def test_a_schedule_spans_epochs_of_different_length():
    options = {"routine.name": "alternate", "routine.labelled_steps": "pass", "train.epochs": 4}
    setup, _ = setup_of(**options, **{"optimizer.schedule": "cosine"})
    assert setup.lengths == [3, 8, 3, 8]
    assert setup.sizes.training == 22


def test_the_batch_of_unlabelled_images_has_a_size_of_its_own():
    drawn = {}
    for size in (None, 10):
        setup, point = setup_of(**{"train.steps": 20, "train.unlabelled_batch_size": size})
        device_point = drawn_from(point, setup.dataset)
        [length] = setup.lengths
        kind = epoch.Kind((0,), length, setup.sizes)
        drawn[size] = epoch.draw(setup.routine, kind, device_point, jnp.int32(1))
        assert length == 20
    jax.tree.map(np.testing.assert_array_equal, drawn[None]["labelled"], drawn[10]["labelled"])
    assert drawn[None]["all"].rows.shape == (20, 4)
    assert drawn[10]["all"].rows.shape == (20, 10)
    assert sorted(np.asarray(drawn[10]["all"].rows[:3]).ravel().tolist()) == list(range(30))
    assert lengths(**{"train.epochs": 1, "train.unlabelled_batch_size": 10}) == [3]


def test_of_epochs_and_steps_the_later_one_wins():
    file = {"train.epochs": 10, "train.steps": 8000}
    assert length_of(file) == {"train.steps": 8000}
    assert length_of(assign(file, {"train.epochs": 3})) == {"train.epochs": 3}
    assert length_of(assign({"train.epochs": 10}, {"train.steps": 9})) == {"train.steps": 9}
    changes = {"train.steps": 9, "train.epochs": 3}
    assert length_of(assign(file, changes)) == {"train.epochs": 3}
    changes = {"train.epochs": 3, "train.steps": 9}
    assert length_of(assign(file, changes)) == {"train.steps": 9}
    unset = assign(file, {"train.steps": None})
    assert length_of(unset) == {"train.epochs": 10}
    again = assign(assign(file, {"train.epochs": 3}), {"train.steps": 5})
    assert length_of(again) == {"train.steps": 5}


def length_of(options):
    """Which of the two a resolved configuration has."""
    resolved = resolve(BASE | options)
    by_path = {path: resolved.get(path) for path in ("train.epochs", "train.steps")}
    return {path: value for path, value in by_path.items() if value is not None}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"train.epochs": 3}, "3 epochs of batches of 4, 1 program\n"),
        ({"train.steps": 150}, "150 steps of batches of 4, 1 program\n"),
        ({"train.steps": 450}, "450 steps of batches of 4, 2 programs\n"),
        ({"train.steps": 450, "routine.name": "alternate"}, "450 steps of batches of 4, 3 prog"),
    ],
)
def test_a_plan_tells_its_length_and_as_many_programs_as_are_compiled(options, words):
    point = point_of(BASE | options)
    plan = planning.plan([point], load)
    assert words in description.describe(plan)
    setup = cohort_setup.setup_of(plan.cohorts[0], load(point.setting))
    assert f", {len(setup.patterns())} program" in description.describe(plan).splitlines()[0]


def test_a_trial_of_a_training_of_steps_takes_a_few_of_them():
    point = point_of(BASE | {"train.steps": 450})
    [members] = planning.plan([point], load).cohorts
    assert isinstance(members, Cohort)
    setup = cohort_setup.setup_of(members, load(point.setting))
    layout = population.layout(1)
    trial = sizing.trial(
        setup, [point], lambda layout: population.place_images(setup.dataset, layout), layout, 2**40
    )
    assert 0 < trial.seconds < np.inf
    assert sum(setup.lengths) == 450  # the cohort's own sizes stay
    assert isinstance(setup.sizes, streams.Sizes)
    assert point.setting.on(setup.dataset).sizes() == setup.sizes
