import csv
import json
import shutil

import numpy as np
import pytest

from jaxdml.options import ConfigError
from jaxdml.runs import cohort, execute, folder, grid, report

BASE = {
    "system": "dml_ae",
    "data": {"name": "tests.third_party.blobs:make", "labelled_count": 9},
    "model": {"hidden": (16,), "latent_dim": 2},
    "train": {"epochs": 3, "batch_size": 8},
}
GRID = ({"system": ("dml", "dml_ae"), ("seed", "data.labels_seed"): ((0, 0), (1, 1))},)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "grid"
    return execute.run(BASE, GRID, path, path)


def rows(place):
    with (place.path / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_the_files_that_others_rely_on(finished):
    names = {p.name for p in finished.path.iterdir()} - {".lock"}
    assert names == {"config.json", "plan.json", "points", "checkpoints", "results.csv"}
    for point in finished.results():
        files = {p.name for p in finished.point(point["point"]).iterdir()}
        assert files == {"result.json", "history.csv", "embeddings.npz"}
        assert point["steps"] in ({"supervised": 12}, {"joint": 12})
        history = folder.read_csv(finished.point(point["point"]) / "history.csv")
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
    assert len(table) == 4 * 2 * 2
    assert {(r["protocol"], r["metric"]) for r in table} == {
        ("thesis", "accuracy"), ("thesis", "ami"), ("labelled", "accuracy"), ("labelled", "ami"),
    }  # fmt: skip
    assert all(0 <= float(r["value"]) <= 1 for r in table if r["metric"] == "accuracy")


def test_the_same_call_trains_nothing_and_a_larger_grid_only_what_is_new(finished, monkeypatch):
    before = (finished.path / "results.csv").read_bytes()
    trained = []
    original = cohort.train

    def spy(shop, chunk, *arguments):
        trained.extend(point.config["seed"] for point in chunk)
        return original(shop, chunk, *arguments)

    monkeypatch.setattr(cohort, "train", spy)
    execute.run(BASE, GRID, finished.path, finished.path)
    assert trained == []
    assert (finished.path / "results.csv").read_bytes() == before
    larger = ({"system": ("dml",), ("seed", "data.labels_seed"): ((0, 0), (1, 1), (2, 2))},)
    execute.run(BASE, larger, finished.path, finished.path)
    assert trained == [2]
    assert len(finished.results()) == 5
    shutil.rmtree(finished.point(finished.results()[-1]["point"]))  # as it was for other tests
    (finished.path / "results.csv").write_bytes(before)


def test_a_run_that_is_cut_off_goes_on_and_ends_alike(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(cohort, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    epochs = 0

    class Killed(BaseException):
        pass

    def die(save):
        def save_and_die(*arguments):
            nonlocal epochs
            save(*arguments)
            epochs += 1
            if epochs in (1, 4):
                raise Killed

        return save_and_die

    monkeypatch.setattr(cohort, "_save", die(cohort._save))
    kills = 0
    while True:
        try:
            place = execute.run(BASE, GRID, tmp_path / "run", tmp_path)
            break
        except Killed:
            kills += 1
    assert kills == 2
    strip = [{k: v for k, v in row.items() if k != "point"} for row in rows(place)]
    assert strip == [{k: v for k, v in row.items() if k != "point"} for row in rows(finished)]
    for old, new in zip(finished.results()[:4], place.results(), strict=True):
        histories = [
            folder.read_csv(p.point(r["point"]) / "history.csv")
            for p, r in ((finished, old), (place, new))
        ]
        assert histories[0] == histories[1]
    assert not list(place.path.glob("checkpoints/*/epoch_*"))


def test_another_base_configuration_is_refused_and_nothing_is_lost(finished):
    before = (finished.path / "results.csv").read_bytes()
    other = BASE | {"train": {"epochs": 4, "batch_size": 8}}
    with pytest.raises(ConfigError, match=r"another base configuration \(train.epochs 3 → 4\)"):
        execute.run(other, GRID, finished.path, finished.path)
    assert (finished.path / "results.csv").read_bytes() == before


def test_a_second_process_is_refused_while_the_first_lives(finished):
    with (
        finished.locked(),
        pytest.raises(ConfigError, match="another process works in"),
    ):
        execute.run(BASE, GRID, finished.path, finished.path)


def test_scoring_again_from_checkpoints_gives_the_same_results(finished):
    before = (finished.path / "results.csv").read_bytes()
    execute.rescore(finished.path, finished.path, [], [])
    assert (finished.path / "results.csv").read_bytes() == before
    execute.rescore(finished.path, finished.path, ["thesis"], ["knn"])
    assert {r["protocol"] for r in rows(finished)} == {"thesis"}
    execute.rescore(finished.path, finished.path, ["thesis", "labelled"], [])
    assert (finished.path / "results.csv").read_bytes() == before


def test_embeddings_belong_to_the_images_and_labels_beside_them(finished):
    result = finished.results()[0]
    load = execute.planning.loader(finished.path)
    shop, _, labelled, params = execute.trained_point(finished, result, load)
    with np.load(finished.point(result["point"]) / "embeddings.npz") as arrays:
        test = shop.dataset.test
        np.testing.assert_allclose(arrays["test"], shop.embed(params, test.x), rtol=1e-5)
        np.testing.assert_array_equal(arrays["test_labels"], test.y)
        np.testing.assert_array_equal(arrays["labelled_index"], labelled)
        np.testing.assert_array_equal(arrays["labelled_labels"], shop.dataset.train.y[labelled])


def test_points_that_diverge_or_collapse_are_named_and_have_no_scores(tmp_path):
    over = (
        {"system": ("dml",), "loss.broken": (0.0, 1.0)},
        # eight layers of one ReLU each: dead, so that every image is embedded at one place
        {"system": ("ae",), "train.learning_rate": (0.0,), "model.hidden": ((1,) * 8,)},
    )
    base = BASE | {"loss": {"name": "tests.third_party.broken:make"}}
    place = execute.run(base, over, tmp_path / "run", tmp_path)
    good, diverged, constant = place.results()
    assert len(json.loads((place.path / "plan.json").read_text())["cohorts"]) == 2
    assert good["status"] == "ok"
    assert diverged["status"] == "diverged"
    assert diverged["reason"] == "metric was not finite in epoch 1, step 0"
    assert (constant["status"], constant["reason"]) == ("failed", "constant embeddings")
    written = report.report(place, tmp_path)
    for result in (diverged, constant):
        assert result["scores"] == []
        assert f"- {result['point']}: {result['status']}, {result['reason']}" in written.table
    assert [r["status"] for r in rows(place)] == [*["ok"] * 4, "diverged", "failed"]
    alone = execute.run(base, ({"system": ("dml",)},), tmp_path / "alone", tmp_path).results()
    assert alone[0]["scores"] == good["scores"]  # a diverged companion does not disturb


def test_scoring_on_validation_images_needs_some(tmp_path):
    base = BASE | {"eval": {"split": "validation"}, "system": "ae"}
    place = execute.run(base, ({},), tmp_path / "run", tmp_path)
    result = place.results()[0]
    load = execute.planning.loader(tmp_path)
    shop, _, _, params = execute.trained_point(place, result, load)
    with np.load(place.point(result["point"]) / "embeddings.npz") as arrays:
        expected = shop.embed(params, shop.dataset.validation.x)
        np.testing.assert_allclose(arrays["test"], expected, rtol=1e-5)
    digits = base | {"data": {"name": "digits"}}
    with pytest.raises(ConfigError, match="mnist: there is no train-images"):
        execute.run(digits | {"data": {"name": "mnist"}}, ({},), tmp_path / "b", tmp_path)


def test_the_report_shows_the_table_and_the_picture(finished):
    written = report.report(finished, finished.path)
    text = written.text.read_text()
    assert written.table in text
    assert [p.suffix for p in written.pictures] == [".png", ".svg"]
    assert all(p.stat().st_size > 10_000 for p in written.pictures)
    assert grid.paths(GRID) == ["system", "seed", "data.labels_seed"]
