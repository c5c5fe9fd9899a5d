"""A training that begins with what another has learned; and one that goes on."""

import shutil

import jax
import numpy as np
import pytest

from jaxdml.options import ConfigError
from jaxdml.report import beginnings
from jaxdml.runs.execution import execute, finished
from jaxdml.runs.planning import extension, grid, loading, splits
from jaxdml.runs.planning.points import point as point_of
from jaxdml.runs.storage import files, opening
from jaxdml.settings import base as bases
from jaxdml.settings.fields import flatten
from jaxdml.settings.resolve import resolve
from tests.runs.small import BASE

POINT = BASE | {
    "system": "dml_ae",
    "data.labels_per_class": 3,
    "data.labelled_count": None,
    "loss.name": "arcface",
    "train.average": 0.9,
    "eval.parameters": "average",
    "eval.protocols": ("labelled",),
    "eval.baselines": (),
}
MORE = POINT | {"data.labels_per_class": 6}
STILL = {"train.learning_rate": 0.0}  # what it begins with stays as it is


def only(run_folder):
    [result] = run_folder.results()
    return run_folder.point(result["point"])


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    path = tmp_path_factory.mktemp("warm")
    return execute.run(POINT, ({},), path / "parent", path)


@pytest.fixture(scope="module")
def children(parent, tmp_path_factory):
    """More labels: a point that begins anew, and one with the parent, trained side by side."""
    path = tmp_path_factory.mktemp("children")
    over = ({"train.warm_start": (None, str(only(parent)))},)
    return execute.run(MORE | STILL | {"train.width": 2}, over, path / "run", path)


def test_with_no_learning_rate_it_stays_what_the_parent_was(parent, children):
    own, warm = (children.embeddings(r["point"]) for r in children.results())
    [before] = [parent.embeddings(r["point"]) for r in parent.results()]
    np.testing.assert_allclose(warm["test"], before["test"], atol=1e-6)
    assert np.abs(own["test"] - before["test"]).max() > 0.1
    assert [len(arrays["labelled_index"]) for arrays in (own, warm, before)] == [18, 18, 9]


def test_a_point_beside_it_is_what_it_is_alone(children, tmp_path):
    alone = execute.run(MORE | STILL, ({},), tmp_path / "run", tmp_path)
    [own, _], [result] = children.results(), alone.results()
    beside, itself = children.embeddings(own["point"]), alone.embeddings(result["point"])
    np.testing.assert_allclose(beside["test"], itself["test"], atol=1e-6)
    assert own["point"] == result["point"]


def test_it_is_another_point_whose_identity_holds_its_parent(parent, children):
    identity = only(parent).name
    own, warm = children.results()
    assert warm["config"]["train.warm_start"].endswith(f"points/{identity}")
    assert own["config"]["train.warm_start"] is None
    elsewhere, other = (
        point_of(MORE | STILL | {"train.warm_start": path})
        for path in (f"/moved/points/{identity}", "/moved/points/0123456789ab")
    )
    assert elsewhere.id == warm["point"] != other.id
    assert resolve(POINT).training_fields["train.warm_start"] is None
    assert not bases.differing(  # the same call from another folder goes on
        flatten(POINT | {"train.warm_start": f"a/points/{identity}"}),
        flatten(POINT | {"train.warm_start": f"b/points/{identity}"}),
    )


def test_a_report_knows_the_parents_score_where_the_same_images_are_scored(parent, children):
    [own, warm] = (result | {"folder": children} for result in children.results())
    found = beginnings.parents([own, warm])
    assert list(found) == [warm["point"]]
    assert found[warm["point"]]["scores"] == parent.results()[0]["scores"]

    def changed(**fields):
        fields = {name.replace("_", ".", 1): value for name, value in fields.items()}
        return warm | {"point": "another", "config": warm["config"] | fields}

    path = warm["config"]["train.warm_start"]
    for other in (
        changed(eval_split="validation"),
        changed(eval_neighbours=1),
        changed(data_name="mnist"),
        changed(train_warm_start=path[:-3]),
    ):
        assert list(beginnings.parents([other, warm])) == [warm["point"]]


def test_two_parents_of_one_name_are_told_apart_or_refused():
    over = ({"train.warm_start": ("a/points/0123456789ab", "b/points/0123456789ab")},)
    with pytest.raises(ConfigError, match=r"train\.warm_start a/points.* end alike"):
        grid.expand(POINT, over)


def tree(model=(2, 3), terms=(3, 4)):
    return {"model": {"kernel": np.ones(model)}, "terms": {"metric": {"weights": np.ones(terms)}}}


def test_what_was_learned_of_classes_is_taken_where_they_are_the_same():
    fresh = jax.tree.map(np.zeros_like, tree())
    names = tuple("abcd")

    def learned(found_classes, found=None):
        parent = finished.Parent("run/points/id", found or tree(), found_classes, {})
        params = finished.params_of(parent, fresh, names)
        assert params["model"]["kernel"].min() == 1
        return params["terms"]["metric"]["weights"].max() == 1

    assert learned(names)
    assert not learned(tuple("abce"))
    assert not learned(None)
    assert not learned(names, tree(terms=(5, 4)))
    assert fresh["model"]["kernel"].max() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model.hidden": (9,)}, "its network has other layers than this one"),
        ({"system": "dml"}, "its network has other layers than this one"),
        ({"train.warm_start": "runs/nix/points/0123456789ab"}, "is no finished point: name the"),
        ({"train.warm_start": "run"}, "is no finished point: name the"),
    ],
)
def test_what_cannot_be_begun_with_is_refused_before_training(changes, message, parent, tmp_path):
    base = MORE | {"train.warm_start": str(only(parent))} | changes
    with pytest.raises(ConfigError, match=message):
        execute.run(base, ({},), tmp_path / "run", tmp_path)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_parent_that_diverged_or_whose_network_is_gone_is_refused(parent, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(parent.path, copy)
    point_folder = copy / "points" / only(parent).name
    shutil.rmtree(copy / "checkpoints")
    with pytest.raises(
        ConfigError, match="final is missing: the command that trained this run makes it anew"
    ):
        finished.parent(str(point_folder))
    file = point_folder / "result.json"
    files.write_json(file, files.read_json(file) | {"status": "diverged"})
    shutil.copytree(parent.path / "checkpoints", copy / "checkpoints")
    with pytest.raises(ConfigError, match="no training can begin with it"):
        finished.parent(str(point_folder))


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Data without test images of their own, and a run that has set some apart."""
    path = tmp_path_factory.mktemp("own")
    y = np.arange(60, dtype=np.int32) % 3
    random = np.random.default_rng(0)
    x = (60 * y[:, None, None] + random.integers(0, 130, (60, 4, 4))).astype(np.uint8)
    np.savez(path / "own.npz", x=x, y=np.where(np.arange(60) < 31, y, -1))
    base = POINT | {
        "data.name": "arrays", "data.path": "own.npz", "data.folds": 0,
        "data.labels_per_class": None, "train.epochs": 1,
    }  # fmt: skip
    return base, execute.run(base, ({},), path / "parent", path), path


@pytest.mark.parametrize("folds", [None, 0])
def test_labels_that_the_parent_may_know_give_no_score_or_one_with_a_note(own, tmp_path, folds):
    base, parent, data_dir = own
    warm = base | {
        "data.folds": folds,
        "train.warm_start": str(opening.point_folder(parent.path)),
    }
    assert len(splits.with_folds(grid.expand(warm, ({},)), loading.loader(data_dir))) == 1
    [result] = execute.run(warm, ({},), tmp_path / "child", data_dir).results()
    assert bool(result["scores"]) == (folds == 0)
    said = "may know the labels of the images it is scored on" if folds == 0 else "it is not scored"
    assert said in result["note"]
    [before] = parent.results()
    assert before["note"] is None


def test_an_extension_goes_on_at_the_rate_of_the_last_step():
    setting = resolve(POINT | {"train.steps": 400, "optimizer.schedule": "fixmatch", "seed": 3})
    paths = ["seed", "system", "data.fold"]
    over = extension.extension(setting, "runs/a/points/0123456789ab", paths, 200, 400)
    [longer] = grid.expand(POINT | {"train.steps": 400}, (over,))
    c = longer.setting
    assert (c["seed"], c["train.steps"], c["optimizer.schedule"]) == (3, 200, "constant")
    assert c["train.warm_start"] == "runs/a/points/0123456789ab"
    expected = 1e-3 * np.cos(7 * np.pi / 16 * 399 / 400)
    assert c["train.learning_rate"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "length", "message"),
    [
        ({"optimizer.schedule": "cosine"}, 10, "ended near zero"),
        ({}, 0, "--extend must be at least 1"),
    ],
)
def test_what_cannot_be_extended_is_refused(changes, length, message):
    setting = resolve(POINT | {"train.steps": 400} | changes)
    with pytest.raises(ConfigError, match=message):
        extension.extension(setting, "runs/a/points/0123456789ab", [], length, 400)


def test_of_a_point_and_its_extension_the_latter_is_meant(parent, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(parent.path, copy)
    over = {"train.warm_start": (str(copy / "points" / only(parent).name),), "train.epochs": (1,)}
    longer = execute.run(POINT, (over,), copy, tmp_path)
    assert len(longer.results()) == 2
    assert opening.chosen(longer, "")["config"]["train.epochs"] == 1
    assert opening.point_folder(copy).name == opening.chosen(longer, "")["point"]
    with pytest.raises(ConfigError, match="holds 2 points: name one, like"):
        opening.point_folder(_two(parent, tmp_path))


def _two(parent, tmp_path):
    path = tmp_path / "two"
    shutil.copytree(parent.path, path)
    return execute.run(POINT, ({"seed": (0, 1)},), path, tmp_path).path
