"""Runs on data of a user's own: images without a label, files that move, files that change."""

import shutil

import numpy as np
import pytest

from jaxdml.options import ConfigError
from jaxdml.report import representatives, write
from jaxdml.runs.execution import execute, rescoring, training
from jaxdml.runs.planning import cohort_setup, grid, loading, plan
from jaxdml.runs.planning.points import point as point_of
from jaxdml.runs.storage import files
from jaxdml.settings.resolve import resolve
from jaxdml.types import Dataset, Split
from tests.runs.small import BASE

RANDOM = np.random.default_rng(0)
CLASS = np.arange(80, dtype=np.int32) % 3
X = (80 * CLASS[:, None, None] + RANDOM.integers(0, 60, (80, 4, 4))).astype(np.uint8)
KNOWN = np.arange(80) % 4 == 0  # twenty of them have a label
OWN = BASE | {
    "system": "dml_ae",
    "data.name": "arrays",
    "data.path": "own.npz",
    "data.labelled_count": None,
    "train.sampler": "balanced",
    "eval.protocols": ("thesis", "labelled", "cluster", "retrieval"),
}
LOSSES = ({"loss.name": ("supcon", "center")},)


def save(folder, y=np.where(KNOWN, CLASS, -1)):  # noqa: B008  an array that nobody writes to
    folder.mkdir(exist_ok=True)
    np.savez(folder / "own.npz", x=X, y=y, x_test=X[:30], y_test=CLASS[:30])
    return folder


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    return execute.run(OWN, LOSSES, folder / "run", save(folder / "data"))


def whole(data_dir):
    """The same images, and all have their label."""
    empty = Split(X[:0, ..., None], CLASS[:0])
    parts = Split(X[..., None], CLASS), empty, Split(X[:30, ..., None], CLASS[:30])
    return Dataset("own.npz", *parts, classes=("0", "1", "2"), source="made here")


@pytest.mark.slow
def test_what_the_label_of_an_unlabelled_image_would_be_makes_no_difference(
    run_folder, tmp_path, monkeypatch
):
    """Against a data set that has all labels, of which the same ones are chosen."""
    monkeypatch.setattr(plan.labels, "select", lambda y, **_: np.flatnonzero(KNOWN))
    base = {path: value for path, value in OWN.items() if path != "data.path"}
    base |= {"data.name": f"{__name__}:whole", "eval.protocols": OWN["eval.protocols"][:2]}
    other = execute.run(base, LOSSES, tmp_path / "run", tmp_path)
    for ours, theirs in zip(run_folder.results(), other.results(), strict=True):
        assert ours["labelled"] == theirs["labelled"] == 20
        scores = [s for s in ours["scores"] if s["protocol"] in ("thesis", "labelled")]
        assert scores == theirs["scores"]
        for result, folder_of_result in ((ours, run_folder), (theirs, other)):
            with np.load(folder_of_result.point(result["point"]) / "embeddings.npz") as arrays:
                result["z"] = arrays["test"]
                np.testing.assert_array_equal(arrays["labelled_labels"], CLASS[KNOWN])
        np.testing.assert_array_equal(ours["z"], theirs["z"])


def test_full_is_refused_where_labels_are_missing(run_folder, tmp_path, monkeypatch):
    message = (
        "the protocol full is fitted on all training images with their labels, but 60 of the 80 of "
        r"own.npz have none: leave full out; labelled is fitted on those that have one"
    )
    monkeypatch.setattr(training, "train", None)  # before anything is trained
    config = OWN | {"eval.protocols": ("labelled", "full")}
    with pytest.raises(ConfigError, match=message):
        execute.run(config, LOSSES, tmp_path / "run", run_folder.path.parent / "data")
    before = run_folder.results()
    with pytest.raises(ConfigError, match=message):
        rescoring.rescore(run_folder.path, run_folder.path.parent / "data", ["full"])
    assert run_folder.results() == before


def test_the_unsupervised_loss_reads_every_image(run_folder):
    load = loading.loader(run_folder.path.parent / "data")
    [members] = plan.plan(grid.expand(OWN, ({},)), load).cohorts
    dataset = load(members.points[0].setting)
    assert cohort_setup.setup_of(members, dataset).sizes.images == 80
    assert members.capacity == 20


def test_the_report_names_the_file_and_shows_its_images(run_folder):
    written = write.report(
        [run_folder], run_folder.report, loading.loader(run_folder.path.parent / "data")
    )
    assert "2 points on own.npz, 3-D latent space." in written.text.read_text()
    assert {"latent", "data", "neighbours"} <= {path.stem for path in written.pictures}
    assert written.notes == ()


def test_a_run_goes_on_where_its_data_have_moved(run_folder, tmp_path, monkeypatch):
    shutil.copytree(run_folder.path, tmp_path / "run")
    moved = save(tmp_path / "elsewhere") / "own.npz"
    monkeypatch.setattr(training, "train", None)  # nothing is trained again
    again = execute.run(OWN | {"data.path": str(moved)}, LOSSES, tmp_path / "run", tmp_path)
    assert again.results() == run_folder.results()
    written = write.report([again], again.report, loading.loader(tmp_path / "elsewhere"))
    assert written.notes == ()
    with pytest.raises(ConfigError, match=r"data\.path 'own\.npz' → 'other\.npz'"):
        execute.run(OWN | {"data.path": "other.npz"}, LOSSES, tmp_path / "run", tmp_path)


def test_a_run_does_not_go_on_with_other_data(run_folder, tmp_path):
    shutil.copytree(run_folder.path, tmp_path / "run")
    other = save(tmp_path / "data", y=np.where(KNOWN, CLASS[::-1], -1))
    more = ({"loss.name": ("supcon", "npair")},)
    with pytest.raises(ConfigError, match=r"data set name=arrays .*path=own\.npz .*have changed"):
        execute.run(OWN, more, tmp_path / "run", other)
    with pytest.warns(UserWarning, match=r"own\.npz is not what it was when .*run was trained"):
        write.report([run_folder], tmp_path / "report", loading.loader(other))


def test_of_very_many_classes_the_first_are_shown():
    y = np.arange(100) % 50
    part = Split(np.zeros((100, 2, 2, 1), np.uint8), y)
    many = Dataset("many", part, part, part, classes=tuple(map(str, range(50))), source="made here")
    assert y[representatives.examples(part, 2)].tolist() == np.repeat(np.arange(40), 2).tolist()
    pytest.importorskip("matplotlib")
    from jaxdml.report import pictures

    assert len(pictures.classes(many).axes[0].texts) == 40


def test_data_sets_of_one_name_are_refused_in_a_grid():
    two = ({"data.path": ("a/own.npz", "b/own.npz")},)
    with pytest.raises(ConfigError, match=r"data\.path a/own\.npz and b/own\.npz end alike"):
        grid.expand(OWN, two)
    assert len(grid.expand(OWN, ({"data.path": ("a/one.npz", "b/two.npz")},))) == 2


def test_the_path_of_a_data_set_is_no_part_of_its_identity_but_its_options_are():
    def identity(**changes):
        return point_of(OWN | {f"data.{o}": v for o, v in changes.items()}).id

    assert identity() == identity(path="/home/me/own.npz")
    assert len({identity(), identity(path="x.npz"), identity(test_percent=30)}) == 3
    with pytest.raises(ConfigError, match=r"there is no field data\.sise; there is data\.size"):
        resolve(OWN | {"data.sise": 3})
    assert "data.size" not in resolve(OWN | {"data.size": 3})  # images have one


def test_a_field_that_came_later_changes_no_earlier_run_where_it_is_not_set(tmp_path):
    """Golden: what `described` was before `data.range` was."""
    folder_of_images = {"system": "dml_ae", "data.name": "images", "data.path": "photos"}
    point = point_of(folder_of_images)
    assert loading.described(point.setting) == (
        "channels=None name=images path=photos size=None test_percent=20 validation=0"
    )
    ranged = point_of(folder_of_images | {"data.range": (0, 4095)})
    assert point.id != ranged.id
    assert loading.described(ranged.setting).count("range=(0, 4095)") == 1


def test_a_run_from_before_a_field_was_there_goes_on(tmp_path, monkeypatch):
    """Its configuration and its results do not name the field, and that is no other value."""
    image_module = pytest.importorskip("PIL.Image")
    for i, x in enumerate(X[:24]):
        (tmp_path / "photos" / str(CLASS[i])).mkdir(parents=True, exist_ok=True)
        image_module.fromarray(x).save(tmp_path / "photos" / str(CLASS[i]) / f"{i}.png")
    base = BASE | {"system": "ae", "data.name": "images", "data.path": "photos"}
    base |= {"data.labelled_count": None, "data.range": None, "eval.protocols": ("thesis",)}
    run = execute.run(base, ({},), tmp_path / "run", tmp_path)
    for file in (run.path / "config.json", *run.path.glob("points/*/result.json")):
        stored = files.read_json(file)
        assert stored.get("config", stored).pop("data.range", 0) is None
        files.write_json(file, stored)
    assert "range=" not in (run.path / "plan.json").read_text()
    before = run.results()
    assert "data.range" not in before[0]["config"]
    monkeypatch.setattr(training, "train", None)  # nothing is trained again
    assert execute.run(base, ({},), run.path, tmp_path).results() == before
    with pytest.raises(ConfigError, match=r"\(data\.range None → \[0, 255\]\): use another"):
        execute.run(base | {"data.range": (0, 255)}, ({},), run.path, tmp_path)
