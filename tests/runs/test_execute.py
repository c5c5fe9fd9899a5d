"""What a grid trains, and how a run that was cut off goes on."""

import json
import shutil

import jax
import numpy as np
import pytest

from jaxdml.runs.execution import checkpoints, chunk_trainer, cluster, execute, sizing, training
from jaxdml.runs.execution.chunk_trainer import Chunk, Size
from jaxdml.runs.planning import grid, loading
from jaxdml.runs.planning import plan as planning
from jaxdml.runs.storage import files, folder
from jaxdml.settings.fields import flatten
from jaxdml.train import population
from tests.runs.grid_run import (
    BASE,
    GRID,
    Killed,
    epochs_trained,
    histories,
    reported,
    rows,
    run_and_die_after,
)
from tests.third_party import shelf


def test_a_run_leaves_the_files_that_others_rely_on(finished):
    names = {p.name for p in finished.path.iterdir()} - {".lock"}
    whole = {"config.json", "plan.json", "results.csv", "per_class.csv"}
    assert names == {*whole, "points", "checkpoints"}
    for point in finished.results():
        names = {p.name for p in finished.point(point["point"]).iterdir()}
        assert names == {"result.json", "history.csv", "embeddings.npz"}
        assert point["steps"] in ({"supervised": 12}, {"joint": 12})
        history = files.read_csv(finished.point(point["point"]) / "history.csv")
        assert [row["epoch"] for row in history] == ["1", "2", "3"]
    plan = json.loads((finished.path / "plan.json").read_text())
    assert plan["width"] == 1
    assert [len(c["points"]) for c in plan["cohorts"]] == [2, 2]


def test_results_are_tidy(finished):
    table = rows(finished)
    assert list(table[0]) == [
        "point", "status", "system", "seed", "data.labels_seed",
        "protocol", "classifier", "embedding", "metric", "value",
    ]  # fmt: skip
    metrics = ("accuracy", "balanced_accuracy", "ami")
    assert len(table) == 4 * 2 * 3
    assert {(r["protocol"], r["metric"]) for r in table} == {
        (protocol, metric) for protocol in ("thesis", "labelled") for metric in metrics
    }
    by_class = files.read_csv(finished.path / "per_class.csv")
    assert list(by_class[0]) == [
        "point", "status", "system", "seed", "data.labels_seed",
        "protocol", "classifier", "embedding", "class", "recall",
    ]  # fmt: skip
    balanced = {(r["point"], r["protocol"]): float(r["value"])
                for r in table if r["metric"] == "balanced_accuracy"}  # fmt: skip
    for key, value in balanced.items():
        recalls = [float(r["recall"]) for r in by_class if (r["point"], r["protocol"]) == key]
        assert value == pytest.approx(np.mean(recalls))
    assert all(0 <= float(r["value"]) <= 1 for r in table if r["metric"] == "accuracy")


def test_the_same_call_trains_nothing_and_a_larger_grid_only_what_is_new(finished, monkeypatch):
    before = (finished.path / "results.csv").read_bytes()
    trained = []
    original = training.train

    def spy(setup, placed, chunk, *arguments):
        trained.extend(point.setting["seed"] for point in chunk)
        return original(setup, placed, chunk, *arguments)

    monkeypatch.setattr(training, "train", spy)
    execute.run(BASE, GRID, finished.path, finished.path)
    assert trained == []
    assert (finished.path / "results.csv").read_bytes() == before
    larger = ({"system": ("dml",), ("seed", "data.labels_seed"): ((0, 0), (1, 1), (2, 2))},)
    execute.run(BASE, larger, finished.path, finished.path)
    assert trained == [2]
    assert len(finished.results()) == 5
    shutil.rmtree(finished.point(finished.results()[-1]["point"]))  # as it was for other tests
    (finished.path / "results.csv").write_bytes(before)


@pytest.mark.parametrize(
    ("saves", "left"),
    [
        pytest.param(1, [2, 3, 1, 2, 3], marks=pytest.mark.slow),
        (3, [1, 2, 3]),
        pytest.param(5, [3], marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_cut_off_goes_on_and_ends_alike(finished, tmp_path, monkeypatch, saves, left):
    path = tmp_path / "run"
    run_and_die_after(saves, path, monkeypatch)
    run_folder, trained = epochs_trained(path, monkeypatch)
    assert trained == left  # two chunks of three epochs: no epoch is trained twice
    assert (path / "results.csv").read_bytes() == (finished.path / "results.csv").read_bytes()
    assert histories(run_folder) == histories(finished)
    assert not list(path.glob("checkpoints/*/epoch_*"))
    assert not list(path.glob("checkpoints/*/progress.json"))


@pytest.mark.slow
def test_a_run_goes_on_with_other_devices_and_with_more_points(finished, tmp_path, monkeypatch):
    path = tmp_path / "run"
    two = population.Layout(jax.sharding.Mesh(np.array(jax.devices()[:2]), ("points",)), 1)
    run_and_die_after(2, path, monkeypatch, two)
    run_folder, trained = epochs_trained(path, monkeypatch)  # on four devices
    assert trained == [3, 1, 2, 3]
    for old, new in zip(rows(finished), rows(run_folder), strict=True):
        assert {**old, "value": 0} == {**new, "value": 0}
        assert float(old["value"]) == pytest.approx(float(new["value"]), abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"),
    [("device", "host"), pytest.param("host", "device", marks=pytest.mark.slow)],
)
def test_a_run_goes_on_with_its_images_elsewhere_and_ends_alike(
    finished, tmp_path, monkeypatch, capfd, before, after
):
    path = tmp_path / "run"
    ways = {feed: flatten(BASE) | {"train.feed": feed} for feed in (before, after)}
    run_and_die_after(4, path, monkeypatch, base=ways[before])
    run_folder, trained = epochs_trained(path, monkeypatch, ways[after])
    assert trained == [2, 3]  # of the second cohort
    notes = capfd.readouterr().err
    assert notes.count("which feeds the batches") == 1  # of the one that was fed, once for a set
    for old, new in zip(rows(finished), rows(run_folder), strict=True):
        assert {**old, "value": 0} == {**new, "value": 0}
        assert float(old["value"]) == pytest.approx(float(new["value"]), abs=1e-6)
    for point, history in histories(finished).items():
        for old, new in zip(history, histories(run_folder)[point], strict=True):
            assert old["phase"] == new["phase"]
            assert float(old["loss"]) == pytest.approx(float(new["loss"]), rel=1e-4)


@pytest.mark.slow
def test_images_that_cannot_be_copied_train_and_are_scored(finished, tmp_path, monkeypatch):
    dataset = shelf.make(tmp_path)
    monkeypatch.setattr(shelf, "make", lambda data_dir: dataset)
    monkeypatch.setattr(population, "memory", lambda layout: 2**30)
    monkeypatch.setattr(sizing, "size", lambda setup: 2**30)  # too many for the device
    base = flatten(BASE) | {"data.name": "tests.third_party.shelf:make"}
    run_folder = execute.run(base | {"eval.protocols": ("full",)}, GRID, tmp_path / "run", tmp_path)
    plan = json.loads((run_folder.path / "plan.json").read_text())
    assert [entry["size"]["fed"] for entry in plan["cohorts"]] == [True, True]
    assert [result["status"] for result in run_folder.results()] == ["ok"] * 4
    last = [
        sorted(float(history[-1]["loss"]) for history in histories(run).values())
        for run in (run_folder, finished)
    ]
    np.testing.assert_allclose(*last, rtol=1e-4)


def test_a_run_that_dies_while_it_scores_does_not_train_again(finished, tmp_path, monkeypatch):
    path = tmp_path / "run"

    def die(*arguments):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(chunk_trainer, "embed_point", die)
        with pytest.raises(Killed):
            execute.run(BASE, GRID, path, path)
    _, trained = epochs_trained(path, monkeypatch)
    assert trained == [1, 2, 3]  # those of the second cohort
    assert (path / "results.csv").read_bytes() == (finished.path / "results.csv").read_bytes()


def test_points_that_diverge_or_collapse_are_named_and_have_no_scores(tmp_path):
    over = (
        {"system": ("dml",), "loss.broken": (0.0, 1.0)},
        # four layers of one ReLU each: dead, so that every image is embedded at one place
        {"system": ("ae",), "train.learning_rate": (0.0,), "model.hidden": ((1,) * 4,)},
    )
    base = BASE | {"loss": {"name": "tests.third_party.broken:make"}}
    run_folder = execute.run(base, over, tmp_path / "run", tmp_path)
    good, diverged, constant = run_folder.results()
    assert len(json.loads((run_folder.path / "plan.json").read_text())["cohorts"]) == 2
    assert good["status"] == "ok"
    assert diverged["status"] == "diverged"
    assert diverged["reason"] == "metric was not finite in epoch 1, step 0"
    assert (constant["status"], constant["reason"]) == ("failed", "constant embeddings")
    written = reported(run_folder)
    for result in (diverged, constant):
        assert result["scores"] == []
        assert f"- {result['point']} (system {result['config']['system']}" in written.table
        assert f"seed 0): {result['status']}, {result['reason']}" in written.table
    assert [r["status"] for r in rows(run_folder)] == [*["ok"] * 6, "diverged", "failed"]
    alone = execute.run(base, ({"system": ("dml",)},), tmp_path / "alone", tmp_path).results()
    assert alone[0]["scores"] == good["scores"]  # a diverged companion does not disturb


def test_an_own_loss_and_a_system_without_one_go_together_in_a_grid(tmp_path):
    base = BASE | {"loss": {"name": "tests.third_party.spring:make", "stiffness": 0.5}}
    points = grid.expand(base, ({"system": ("dml", "ae")},))
    assert ["loss.stiffness" in p.setting for p in points] == [True, False]


def test_a_metric_loss_of_a_single_point_is_pointed_out(finished, tmp_path):
    collapsed = {"loss.mining": "hard", "train.learning_rate": 0.0, "model.latent_dim": 1}
    over = ({"system": ("dml",)},)
    base = flatten(BASE) | collapsed
    # embeddings that differ by rounding only, as a collapse leaves them: an input scaled to nothing
    [result] = execute.run(
        base | {"model.encoder": "tests.third_party.faint:make"}, over, tmp_path, tmp_path
    ).results()
    assert result["status"] == "ok"
    assert "its metric loss on labelled images, 0.2, is what it would be" in result["note"]
    assert result["note"] in reported(folder.Folder(tmp_path)).table
    assert not any(point["note"] for point in finished.results())


def test_a_task_that_a_cluster_repeats_does_nothing_again(finished, monkeypatch):
    points = [p for p in grid.expand(BASE, GRID) if p.setting["system"] == "dml"]
    [members] = planning.plan(points, loading.loader(finished.path)).cohorts
    chunk = Chunk(members, Size(1, 1, 4))
    monkeypatch.setattr(training, "train", None)
    paths = str(finished.path), str(finished.path), None
    assert np.isnan(cluster.carry_out(paths, chunk, frozenset()))


def test_a_worker_with_fewer_devices_than_was_thought_trains_the_same(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    points = [p for p in grid.expand(BASE, GRID) if p.setting["system"] == "dml"]
    for point in points:
        shutil.rmtree(tmp_path / "run" / "points" / point.id)
    [members] = planning.plan(points, loading.loader(tmp_path)).cohorts
    chunk = Chunk(members, Size(1, 1, 16))
    cluster.carry_out((str(tmp_path / "run"), str(tmp_path), None), chunk, frozenset())
    copy = folder.Folder(tmp_path / "run")
    for point in points:
        assert copy.result(point.id)["scores"] == finished.result(point.id)["scores"]


def test_a_plan_without_sizes_is_still_read(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "old")
    plan = files.read_json(tmp_path / "old" / "plan.json")
    for entry in plan["cohorts"]:
        del entry["size"]
    files.write_json(tmp_path / "old" / "plan.json", plan)
    more = ({"system": ("dml",), ("seed", "data.labels_seed"): ((5, 5),)},)
    assert len(execute.run(BASE, more, tmp_path / "old", tmp_path).results()) == 5


def test_groups_that_share_a_point_are_trained_once(tmp_path):
    points = grid.expand(BASE, ({"seed": tuple(range(4))},))
    ids = [point.id for point in points]
    run_folder = folder.Folder(tmp_path)
    for name, group in (("a", ids[:2]), ("b", ids)):
        files.write_json(
            run_folder.checkpoints / name / "progress.json",
            {"points": group, "epoch": 1, "diverged": []},
        )
    groups = list(checkpoints.chunks(points, frozenset(), 8, run_folder.checkpoints))
    assert [[p.id for p in group] for group in groups] == [ids[:2], ids[2:]]
    groups = list(checkpoints.chunks(points, frozenset(ids[:2]), 8, run_folder.checkpoints))
    assert [[p.id for p in group] for group in groups] == [ids]  # the rest is in its checkpoint
