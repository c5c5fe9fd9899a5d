import contextlib
import functools
import json
import re
import shutil
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from configs import bench_grid
from jaxdml.options import ConfigError
from jaxdml.runs.execution import cluster, estimate, execute, sizing
from jaxdml.runs.execution.chunk_trainer import Chunk, ChunkTrainer, Size
from jaxdml.runs.planning import grid, loading
from jaxdml.runs.planning import plan as planning
from jaxdml.runs.storage import folder
from jaxdml.settings.fields import flatten
from jaxdml.settings.resolve import resolve
from jaxdml.train import population
from jaxdml.train import programs as compiled

COLLECTIVES = re.compile(r"all-reduce|all-gather|collective-permute|all-to-all|reduce-scatter")
BASE = {
    "system": "dml_ae",
    "data": {"name": "tests.third_party.blobs:make", "labelled_count": 9},
    "model": {"hidden": (16,), "latent_dim": 2},
    "train": {"epochs": 2, "batch_size": 8},
}


def cohort(count=6, **options):
    over = ({"seed": tuple(range(count))},)
    points = grid.expand(flatten(BASE) | options, over)
    load = loading.loader(Path())
    [members] = planning.plan(points, load).cohorts
    return members, ChunkTrainer(folder.Folder(Path("nowhere")), load)


def placed(members, trainer, layout, share, feed="auto"):
    setup = trainer.setup(members)
    images = functools.partial(population.place_images, setup.dataset)
    return sizing.place_cohort(setup, members.points, layout, images, share, feed)


@pytest.mark.slow
def test_the_benchmarks_grid_lies_on_four_devices_that_exchange_nothing():
    base = flatten(bench_grid.get_config().to_dict())
    base |= {"data.name": "digits", "model.hidden": (8,)}
    points = grid.expand(base, bench_grid.get_grid())
    load = loading.loader(Path())
    plan = planning.plan(points, load)
    assert [len(members.points) for members in plan.cohorts] == [20, 20]
    trainer = ChunkTrainer(folder.Folder(Path("nowhere")), load)
    for members in plan.cohorts:
        size = trainer.size(members)
        assert (size.devices, size.width, size.rounds) == (4, 1, 8)
        layout = population.layout(size.width, size.rounds)
        _, programs, images = placed(members, trainer, layout, 0.75)
        point_batch = sizing.full_chunk(trainer.setup(members), members.points, layout)
        states = programs.init(point_batch, images)
        [pattern] = trainer.setup(members).patterns()
        program = programs.epoch(*pattern)
        text = program.lower(states, point_batch, images, np.int32(1)).compile().as_text()
        assert not COLLECTIVES.search(text)
        states, _ = program(states, point_batch, images, np.int32(1))
        leaf = jax.tree.leaves(states.params)[0]
        assert {len(s.data) for s in leaf.addressable_shards} == {8}
        assert len({s.device for s in leaf.addressable_shards}) == 4
        assert program._cache_size() == 1


def test_points_are_dealt_out_evenly_and_come_back_in_their_order():
    layout = population.layout(2, 3)
    assert layout.chunk == 24
    places = layout.places(9)
    assert len(set(places)) == 9
    assert np.bincount(places // 6, minlength=4).tolist() == [3, 2, 2, 2]
    point_batch = population.stack(
        list(range(9)),
        [{"a": float(i)} for i in range(9)],
        [np.arange(1)] * 9,
        np.arange(1),
        2,
        layout,
    )
    assert np.asarray(point_batch.there).sum() == 9
    back = population.unstack(point_batch.points, 9, layout)
    np.testing.assert_array_equal(back.seed, np.arange(9))
    np.testing.assert_array_equal(back.numbers["a"], np.arange(9.0))


@pytest.mark.slow
def test_more_points_need_more_memory():
    members, trainer = cohort(16)
    setup = trainer.setup(members)

    def needed(width, rounds):
        layout = population.layout(width, rounds)
        programs = compiled.programs(setup.assemble, setup.sizes, layout)
        point_batch = sizing.full_chunk(setup, members.points, layout)
        images = population.described(setup.dataset, layout)
        return compiled.compile_all(programs, setup.patterns(), point_batch, images, layout)

    assert needed(4, 3) > needed(1, 3) > 3 * setup.dataset.train.x.nbytes


@pytest.mark.parametrize(
    ("allowed", "width", "rounds"),
    [(1200, 4, 3), (1199, 4, 2), (799, 4, 1), (399, 2, 1), (100, 1, 1)],
)
def test_what_does_not_fit_goes_in_fewer_rounds_then_in_narrower_groups(
    monkeypatch, allowed, width, rounds
):
    members, trainer = cohort()

    def needed(programs, patterns, point_batch, images, layout):
        return 100 * layout.width * layout.rounds

    monkeypatch.setattr(compiled, "compile_all", needed)
    monkeypatch.setattr(population, "memory", lambda layout: 2 * allowed)
    layout = placed(members, trainer, population.layout(4, 3), 0.5, "device").layout
    assert (layout.width, layout.rounds) == (width, rounds)


@pytest.mark.parametrize(
    ("allowed", "images", "feed", "expected"),
    [
        (2200, 1000, "auto", (4, 3, False)),
        (1400, 1000, "auto", (4, 1, False)),  # further rounds cost nothing
        (1399, 1000, "auto", (4, 3, True)),
        (1399, 1000, "device", (2, 1, False)),
        (2200, 1000, "host", (4, 3, True)),
        (399, 1000, "auto", (2, 1, True)),
        (399, 50, "auto", (2, 1, False)),  # a round is too much without the images, too
        (140, 50, "auto", (1, 1, True)),
    ],
)
def test_images_that_do_not_fit_beside_a_round_are_fed_before_it_is_made_narrower(
    monkeypatch, allowed, images, feed, expected
):
    members, trainer = cohort()

    def needed(programs, patterns, point_batch, described, layout):
        return 100 * layout.width * layout.rounds + images * (not layout.fed)

    monkeypatch.setattr(compiled, "compile_all", needed)
    monkeypatch.setattr(population, "memory", lambda layout: 2 * allowed)
    monkeypatch.setattr(sizing, "size", lambda setup: images)
    layout = placed(members, trainer, population.layout(4, 3), 0.5, feed).layout
    assert (layout.width, layout.rounds, layout.fed) == expected


def test_a_grid_that_does_not_fit_at_once_follows_in_chunks(tmp_path, monkeypatch):
    needed = compiled.compile_all
    sizes = []

    def spy(programs, patterns, point_batch, images, layout):
        sizes.append((layout.width, layout.rounds))
        each = needed(programs, patterns, point_batch, images, layout)
        return each * layout.width * layout.rounds

    over = ({"system": ("ae",), "seed": tuple(range(20))},)
    whole = execute.run(BASE, over, tmp_path / "whole", tmp_path)
    monkeypatch.setattr(compiled, "compile_all", spy)
    monkeypatch.setattr(population, "memory", lambda layout: 2**20)
    run_folder = execute.run(
        flatten(BASE) | {"train.width": 2, "train.memory_share": 1.0},
        over, tmp_path / "parts", tmp_path,
    )  # fmt: skip
    assert sizes[0] == (2, 4)
    assert sizes[-1] < (2, 4)
    assert len(run_folder.results()) == 20
    assert len(list(run_folder.checkpoints.iterdir())) > 1
    for a, b in zip(whole.results(), run_folder.results(), strict=True):
        assert a["point"] == b["point"]
        assert a["scores"][0]["value"] == pytest.approx(b["scores"][0]["value"], abs=0.1)


def test_a_point_that_does_not_fit_is_refused(monkeypatch):
    members, trainer = cohort()
    monkeypatch.setattr(population, "memory", lambda layout: 2**13)
    for feed, message in (
        (
            "auto",
            r"\d+ MiB on a device, with batches fed from the host, but train.memory_share=0.5",
        ),
        ("device", r"\d+ MiB on a device, 1 MiB of it training images, but .*: set train.feed to"),
    ):
        with pytest.raises(ConfigError, match=f"a single point needs {message}"):
            placed(members, trainer, population.layout(1), 0.5, feed)


@pytest.mark.parametrize(
    ("epochs", "points", "rounds"),
    [(2, 400, 32), (2, 80, 16), (2, 5, 1), (500, 400, 8), (10_000, 400, 1)],
)
def test_many_short_trainings_travel_together_and_long_ones_alone(epochs, points, rounds):
    members, trainer = cohort(1, **{"train.epochs": epochs})  # of four steps each
    assert sizing.rounds(trainer.setup(members), points, width=2, devices=4) == rounds


def test_a_trial_says_how_long_and_how_much_and_is_made_once(monkeypatch):
    members, trainer = cohort()
    trial = trainer.trial(members, 2)
    assert trial.width == 2
    assert 0 < trial.seconds < 60
    assert 0 < trial.compiling < 60
    assert 2**10 < trial.memory < 2**30
    monkeypatch.setattr(sizing, "trial", None)
    assert trainer.trial(members, 2) is trial


@pytest.mark.slow
def test_the_width_that_trials_chose_is_kept(tmp_path, monkeypatch):
    base = flatten(BASE) | {"train.width": "auto"}
    over = ({"system": ("dml",), "seed": tuple(range(9))},)
    tried = []

    def trial(setup, points, images, layout, limit):
        tried.append(layout.width)
        return sizing.Trial(layout.width, {1: 3.0, 3: 1.0}[layout.width], 0.0, 0)

    monkeypatch.setattr(sizing, "trial", trial)
    execute.run(base, ({"system": ("dml",), "seed": tuple(range(8, 9))},), tmp_path / "1", tmp_path)
    assert tried == []  # a single point has nothing to be wide about
    run_folder = execute.run(base, over, tmp_path / "run", tmp_path)
    assert tried == [1, 3]
    plan = json.loads((run_folder.path / "plan.json").read_text())
    assert plan["cohorts"][0]["size"] == {
        "width": 3, "rounds": 1, "devices": 4, "tried": 3, "fed": False,
    }  # fmt: skip
    assert (plan["width"], plan["devices"]) == (3, 4)
    more = ({"system": ("dml",), "seed": tuple(range(10))},)
    run_folder = execute.run(base, more, tmp_path / "run", tmp_path)
    assert tried == [1, 3]
    assert len(run_folder.results()) == 10


def test_a_width_that_no_trial_chose_is_not_kept(monkeypatch):
    members, trainer = cohort(16)
    monkeypatch.setattr(
        sizing,
        "trial",
        lambda setup, points, images, layout, limit: sizing.Trial(
            layout.width, 1 / layout.width, 0, 0
        ),
    )
    auto, trainer = cohort(16, **{"train.width": "auto"})
    assert trainer.width(members) == Size(1, 1, 4)
    assert trainer.width(auto, before=trainer.width(members)) == Size(4, 1, 4, tried=4)
    few, _ = cohort(8, **{"train.width": "auto"})
    before = trainer.width(few)
    assert before == Size(2, 1, 4, tried=2)
    assert trainer.width(auto, before).width == 4  # it could only be 2
    assert trainer.width(few, Size(4, 1, 4, tried=4)).width == 2
    assert trainer.width(auto, Size(1, 1, 4, tried=2)).width == 1  # 2 was no faster


def test_on_accelerators_many_points_go_at_once_without_trials(monkeypatch):
    members, trainer = cohort(300)
    assert trainer.width(members) == Size(1, 1, 4)
    monkeypatch.setattr(population, "accelerated", lambda: True)
    monkeypatch.setattr(sizing, "trial", None)
    assert trainer.width(members) == Size(38, 1, 4)  # twice, for 75 points a device
    narrow, _ = cohort(300, **{"train.width": 3})
    assert trainer.width(narrow) == Size(3, 1, 4)


@pytest.mark.slow
def test_a_group_that_was_begun_in_a_wider_round_goes_on(tmp_path, monkeypatch):
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("points",))
    monkeypatch.setattr(
        population, "layout", lambda width, rounds=1: population.Layout(mesh, width, rounds)
    )
    over = ({"seed": tuple(range(6))},)
    run_folder = execute.run(flatten(BASE) | {"train.width": 6}, over, tmp_path, tmp_path)
    before = [result["point"] for result in run_folder.results()]
    for point in before:
        shutil.rmtree(tmp_path / "points" / point)
    members, _ = cohort()

    def needed(programs, patterns, point_batch, images, layout):
        return 1000 * layout.rounds

    monkeypatch.setattr(compiled, "compile_all", needed)
    monkeypatch.setattr(population, "memory", lambda layout: 1500)
    chunk = Chunk(members, Size(2, 1, 1))  # three rounds of it do not fit
    cluster.carry_out((str(tmp_path), str(tmp_path), None), chunk, frozenset())
    assert [result["point"] for result in run_folder.results()] == before


@pytest.mark.parametrize(("workers", "sizes"), [(1, [16]), (2, [8, 8]), (3, [8, 8])])
def test_each_worker_of_a_cluster_gets_something(tmp_path, monkeypatch, workers, sizes):
    trained = []

    class Tasks:
        def __init__(self, *_):
            self.workers = workers

        def submit(self, then, about, function, *arguments):
            if function is cluster.size:
                then(Size(4, 1, 4), about)  # all of them at once
            else:
                trained.append(len(arguments[0].members.points))

        def finish(self):
            pass

    monkeypatch.setattr(cluster, "connected", contextlib.nullcontext)
    monkeypatch.setattr(cluster, "Tasks", Tasks)
    over = ({"seed": tuple(range(16))},)
    execute.run(BASE, over, tmp_path, tmp_path, scheduler="tcp://somewhere")
    assert trained == sizes


def test_a_trial_that_does_not_fit_is_not_run(monkeypatch):
    members, trainer = cohort()
    monkeypatch.setattr(population, "memory", lambda layout: 1000)
    trial = trainer.trial(members, 1)
    assert trial.seconds == float("inf")
    assert trial.memory > 1000
    plan = planning.plan(members.points, trainer.load)
    lines = list(estimate.lines(plan, trainer))
    assert re.search(
        r"2-D: a point needs \d+ MiB, \d+ MiB of it images that the host feeds, of 1 MiB in all: "
        "which is too much$",
        lines[0],
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"train.width": "wide"}, "train.width must be a whole number"),
        ({"train.width": 0}, "train.width must be at least 1"),
        ({"train.memory_share": 1.5}, r"train.memory_share must lie between 0.01 and 1"),
        ({"eval.classifiers": ("knn", "knn")}, "eval.classifiers names something twice: knn, knn"),
        ({"train.checkpoint_every": 0}, "train.checkpoint_every must be at least 1"),
        ({"train.feed": "disk"}, "train.feed must be one of auto, device, host, but is 'disk'"),
    ],
)
def test_a_wrong_way_to_execute_is_refused(option, message):
    with pytest.raises(ConfigError, match=message):
        resolve({"system": "ae"} | option)


def test_a_thousand_points_are_planned_in_two_seconds():
    base = {"system": "dml_ae", "data": {"labelled_percent": 10.0}}
    over = (
        {
            "routine.alpha": tuple(i / 20 for i in range(1, 11)),
            ("seed", "data.labels_seed"): tuple((i, i) for i in range(100)),
        },
    )
    load = loading.loader(Path())
    load(resolve({"system": "ae"}))
    began = time.process_time()
    plan = planning.plan(grid.expand(base, over), load)
    assert time.process_time() - began < 2
    assert [len(members.points) for members in plan.cohorts] == [1000]
