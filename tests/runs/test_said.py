"""What is shared, left out or cannot be scored is counted, in the terminal and in the report."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from jaxdml.evaluate import protocols, score
from jaxdml.options import ConfigError
from jaxdml.report import write
from jaxdml.report.tables.sharing import shared_labels
from jaxdml.runs.execution import execute
from jaxdml.runs.planning import description, grid, loading, plan
from jaxdml.runs.storage import archive, files, folder
from jaxdml.settings.resolve import resolve
from tests.runs.small import BASE
from tests.third_party import blobs

SEEDS = {"system": ("dml",), "seed": (0, 1, 2)}
APART = {"system": ("dml",), ("seed", "data.labels_seed"): ((0, 0), (1, 1), (2, 2))}
SHARED = "in 1 of 1 settings all seeds share their labelled images"


def words(path):
    return " ".join(path.read_text().split())


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """Three seeds with the same three labelled images, which are of two of three classes."""
    path = tmp_path_factory.mktemp("said")
    base = BASE | {"data.labelled_count": 3, "data.labels_seed": 1, "system": "dml"}
    return execute.run(base, (SEEDS,), path / "run", path)


def test_that_seeds_share_their_labelled_images_is_said(run_folder, capsys):
    points = grid.expand(BASE, (SEEDS,))
    assert f"note: {SHARED}" in description.describe(plan.plan(points, loading.loader(Path())))
    written = write.report([run_folder], run_folder.report, loading.loader(run_folder.path))
    for text in (written.table, words(written.text), words(written.page)):
        assert SHARED in text
    several = [point.setting for point in grid.expand(BASE, (APART,))]
    assert shared_labels(several) is None
    assert shared_labels([point.setting for point in points[:1]]) is None
    whole = BASE | {"data.labelled_count": None}
    assert shared_labels([point.setting for point in grid.expand(whole, (SEEDS,))]) is None


def test_what_no_classifier_could_learn_is_said_of_the_points_and_of_the_data(run_folder):
    results = run_folder.results()
    for result in results:
        assert "labelled: " in result["note"]
        assert " class that no classifier could learn: they are wrong" in result["note"]
    kept = archive.keep(run_folder, run_folder.path.parent / "kept")
    for reported_folder in (run_folder, kept):
        written = write.report(
            [reported_folder], reported_folder.path / "report", loading.loader(run_folder.path)
        )
        assert "and 2 more: labelled: " in written.table  # once for all three
        assert "3 labelled images leave 1 of 3 classes without a label" in words(written.text)
        assert "3 labelled images leave 1 of 3 classes without a label" in words(written.page)


def test_the_recall_of_each_class_is_in_the_report(run_folder):
    written = write.report([run_folder], run_folder.report, loading.loader(run_folder.path))
    assert "## Recall of each class, thesis kNN accuracy" in written.text.read_text()
    table = files.read_csv(
        run_folder.report / "tables" / "recall_of_each_class_thesis_knn_accuracy.csv"
    )
    recalls = files.read_csv(run_folder.path / "per_class.csv")
    first = [float(r["recall"]) for r in recalls if (r["protocol"], r["class"]) == ("thesis", "0")]
    assert list(table[0].values())[1].startswith(f"{np.mean(first):.3f} ± ")


EMBEDDED = protocols.Embedded(
    np.arange(24.0).reshape(12, 2), np.repeat(np.arange(6), 2),
    np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 1]),
)  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "changes", "remark"),
    [
        ("labelled", {"test_labels": np.repeat(np.arange(6, 12), 2)},
         "labelled is not scored: no test image is of a class that a classifier could learn"),
        ("retrieval", {"test_labels": np.arange(12)},
         "retrieval is not scored: no two test images are of one class"),
        ("retrieval", {"test_labels": np.zeros(12, int)},
         "retrieval is not scored: all test images are of one class"),
        ("cluster", {"test_labels": np.arange(12)},
         "cluster is not scored: no two test images are of one class"),
        ("cluster", {"test_labels": np.zeros(12, int)},
         "cluster is not scored: all test images are of one class"),
        ("cluster", {"test_labels": np.array([0, 0, 0, 0, 0, *range(1, 8)])},
         "cluster is not scored: 12 test images are of 8 classes, so that most clusters would be "
         "single images"),
    ],
)  # fmt: skip
def test_what_would_only_look_like_a_score_is_none_and_is_said(protocol, changes, remark):
    e = EMBEDDED._replace(**changes)
    assert protocols.remarks([protocol], e) == [remark]
    assert score.evaluate({"mean": e}, [protocol], ["knn"]) == []


def test_images_that_cannot_be_right_or_are_not_asked_for_are_counted():
    assert protocols.remarks(["labelled"], EMBEDDED) == [
        "labelled: 8 of 12 test images are of 4 classes that no classifier could learn: they are "
        "wrong"
    ]
    alone = EMBEDDED._replace(test_labels=np.array([*[0] * 5, *[1] * 5, 2, 3]))
    assert protocols.remarks(["retrieval"], alone) == [
        "retrieval: 2 of 12 test images are alone in their class, and are not asked for"
    ]
    assert protocols.remarks(["cluster", "retrieval", "thesis"], EMBEDDED)[:1] != [""]


def noted(data_dir):
    return dataclasses.replace(blobs.make(data_dir), notes=("blobs: 3 images are left out",))


def test_the_notes_of_a_data_set_are_in_its_report_without_the_data(tmp_path):
    base = BASE | {"data.name": f"{__name__}:noted", "system": "dml"}
    run_folder = execute.run(base, ({},), tmp_path / "run", tmp_path)
    kept = archive.keep(run_folder, tmp_path / "kept")
    for reported_folder in (run_folder, kept):
        written = write.report([reported_folder], reported_folder.path / "report", nothing)
        assert "blobs: 3 images are left out" in words(written.text)


def nothing(resolved):
    raise ConfigError("the data are gone")


def test_a_poorer_report_does_not_replace_a_better_one(run_folder, tmp_path):
    into = tmp_path / "report"
    full = write.report([run_folder], into, loading.loader(run_folder.path))
    before = {path: path.read_bytes() for path in into.rglob("*") if path.is_file()}
    poorer = write.report([run_folder], into, nothing)
    assert {path: path.read_bytes() for path in before} == before
    assert poorer.page.parent == tmp_path / "report_without_images"
    assert poorer.page.is_file()
    assert any(note.startswith(f"{into} is left as it was: ") for note in poorer.notes)
    again = write.report([run_folder], into, loading.loader(run_folder.path))
    assert again.page == full.page
    assert not any("left as it was" in note for note in again.notes)


@pytest.mark.slow
def test_a_run_knows_where_its_data_lay(tmp_path, command):
    """Trained in one folder; reported, scored again and embedded from another, without a path."""
    random = np.random.default_rng(0)
    data_dir, other_dir = tmp_path / "here", tmp_path / "there"
    other_dir.mkdir()
    data_dir.mkdir()
    y = np.arange(40) % 2
    x = (120 * y[:, None, None] + random.integers(0, 60, (40, 4, 4))).astype(np.uint8)
    np.savez(data_dir / "own.npz", x=x, y=y, x_test=x[:12], y_test=y[:12])
    small = ["--config.train.steps=2", "--config.model.hidden=(4,)", "--config.model.latent_dim=2"]
    done = command(
        "train", "--config=configs/images.py", "--config.data.name=arrays",
        "--config.data.path=own.npz", f"--data_dir={data_dir}", f"--workdir={tmp_path / 'run'}",
        *small,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = {path.name for path in (tmp_path / "run" / "report").glob("*.png")}
    assert "neighbours.png" in figures
    shutil.rmtree(tmp_path / "run" / "report")
    stored_plan = folder.Folder(tmp_path / "run").plan()
    assert stored_plan["data_dir"] == str(data_dir)
    assert list(stored_plan["places"].values()) == [str(data_dir / "own.npz")]
    for name, *arguments in (
        ("report",),
        ("evaluate", "--protocols=thesis"),
        ("embed", "--point=", f"--input={data_dir / 'own.npz'}", f"--output={tmp_path / 'z.npz'}"),
    ):
        if arguments and arguments[0] == "--point=":
            [point] = folder.Folder(tmp_path / "run").results()
            arguments[0] += point["point"]
        done = command(name, f"--workdir={tmp_path / 'run'}", *arguments)
        assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "run" / "report").glob("*.png")} == figures


def test_data_that_moved_are_found_where_they_are_named(tmp_path):
    data_options = {"data.name": "arrays", "data.path": "own.npz"}
    x = np.zeros((8, 2, 2), np.uint8)
    x[:, 0] = np.arange(8)[:, None]
    for name, value in (("a", 0), ("b", 1)):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "own.npz", x=x + value, y=np.arange(8) % 2, x_test=x + value,
                 y_test=np.arange(8) % 2)  # fmt: skip
    resolved = resolve(BASE | data_options | {"data.labelled_count": None, "system": "ae"})
    before = {"places": {loading.described(resolved): str(tmp_path / "a" / "own.npz")}}
    named = loading.loader(tmp_path / "b", before)(resolved)
    assert named.train.x.min() == 1  # what is named counts
    assert loading.loader(tmp_path / "c", before)(resolved).train.x.min() == 0
