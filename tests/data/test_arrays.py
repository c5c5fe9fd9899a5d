"""A user's own `.npz`: what is read, and what is refused in one sentence."""

import re

import numpy as np
import pytest

from jaxdml import data
from jaxdml.data.sets import user
from jaxdml.options import ConfigError
from jaxdml.runs.planning import splits

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 256, (40, 6, 5), np.uint8)
Y = np.where(np.arange(40) < 30, np.arange(40) % 3, -1)
TEST = {"x_test": X[:6], "y_test": Y[:6]}


def load(folder, path="own.npz", **options):
    return data.load("arrays", folder, path=str(path), **options)


def saved(folder, **arrays):
    np.savez(folder / "own.npz", **({"x": X, "y": Y} | arrays))
    return folder


def test_images_labels_and_names_are_read_as_they_are(tmp_path):
    names = np.array(["cat", "dog", "cow"])
    test, validation = (RANDOM.integers(0, 256, (n, 6, 5), np.uint8) for n in (6, 3))
    parts = TEST | {"x_test": test, "x_val": validation, "y_val": Y[6:9]}
    dataset = load(saved(tmp_path, **parts, classes=names))
    np.testing.assert_array_equal(dataset.train.x[..., 0], X)
    np.testing.assert_array_equal(dataset.train.y, Y)
    np.testing.assert_array_equal(dataset.test.x[..., 0], test)
    np.testing.assert_array_equal(dataset.validation.y, Y[6:9])
    assert dataset.train.x.dtype == np.uint8
    assert dataset.classes == ("cat", "dog", "cow")
    assert (dataset.name, dataset.path, dataset.notes) == ("own.npz", tmp_path / "own.npz", ())


@pytest.mark.parametrize(
    ("x", "span"),
    [
        (X / 255, None),
        ((X / 255).astype(np.float16), None),
        (X / 255 * 2 - 1, (-1, 1)),
        (X.astype(np.int64) * 16, (0, 4080)),
        (X, (0, 255)),
    ],
    ids=["float64", "float16", "signed", "integers", "bytes with a range"],
)
def test_other_numbers_become_floats_between_0_and_1(x, span, tmp_path):
    arrays = {"x": x[..., None]} | ({"range": span} if span else {})
    images = load(saved(tmp_path, **arrays, x_test=x[:6], y_test=Y[:6])).train.x
    assert images.dtype == np.float32
    assert images.shape == (40, 6, 5, 1)
    assert 0 <= images.min() < images.max() <= 1
    np.testing.assert_allclose(images[..., 0], X / 255, atol=3e-4)


def test_colours_and_labels_in_a_column_are_understood(tmp_path):
    dataset = load(saved(tmp_path, x=np.stack([X] * 3, axis=-1), y=Y[:, None]))
    assert dataset.train.x.shape[1:] == (6, 5, 3)
    assert dataset.train.y.dtype == np.int32


def test_without_test_images_a_fifth_of_each_class_is_set_apart_and_that_is_said(tmp_path):
    dataset = load(saved(tmp_path), folds=0)
    assert np.bincount(dataset.test.y).tolist() == [2, 2, 2]
    assert np.bincount(dataset.train.y + 1).tolist() == [10, 8, 8, 8]
    images = np.concatenate([dataset.train.x, dataset.test.x])[..., 0]
    assert sorted(map(bytes, images)) == sorted(map(bytes, X))
    [note] = dataset.notes
    assert "6 of its 30 labelled images are set apart to score on (data.test_percent)" in note
    assert "24 are left to learn from" in note
    assert note.endswith("standard error of up to 0.2")
    again = load(tmp_path, folds=0)
    np.testing.assert_array_equal(again.test.x, dataset.test.x)
    assert len(load(tmp_path, test_percent=50, folds=0).test.y) == 15


def test_where_few_images_would_be_set_apart_labelled_ones_take_turns_and_that_is_said(tmp_path):
    dataset = load(saved(tmp_path))
    assert (len(dataset.train.y), len(dataset.test.y), dataset.folds) == (40, 0, 5)
    assert dataset.notes == ()  # it is said where points have folds
    note = splits.note_of_folds(dataset)
    assert "own.npz has no test images: each setting is trained 5 times, and scored each" in note
    assert "an accuracy on 30 images has a standard error of up to 0.091" in note
    assert load(tmp_path, folds=3).folds == 3
    with pytest.raises(ConfigError, match=r"data\.folds is 16, but own\.npz has .* for 15 folds"):
        load(tmp_path, folds=16)
    few = np.full(40, -1)
    few[:4] = 0, 0, 1, 1
    assert load(saved(tmp_path, y=few)).folds == 2  # two images are the least to score
    saved(tmp_path)
    assert load(saved(tmp_path, x_test=X, y_test=abs(Y))).folds == 0
    many = np.repeat(np.arange(2), 100)
    dataset = load(saved(tmp_path, x=np.zeros((200, 2, 2), np.uint8), y=many))
    assert (len(dataset.test.y), dataset.folds) == (40, 0)
    with pytest.raises(ConfigError, match=r"data\.folds must lie between 2 and 100, but is 1"):
        load(saved(tmp_path), folds=1)


def test_of_a_single_labelled_image_none_is_set_apart(tmp_path):
    y = np.full(40, -1)
    y[:5] = 0, 0, 1, 1, 2
    dataset = load(saved(tmp_path, y=y), folds=0)
    assert sorted(dataset.test.y) == [0, 1]
    assert sorted(dataset.train.y[dataset.train.y >= 0]) == [0, 1, 2]
    y[3] = -1
    with pytest.raises(ConfigError, match=r"own\.npz has no test images, and fewer than two"):
        load(saved(tmp_path, y=y))


@pytest.mark.parametrize("percent", [1, 20, 33, 90])
def test_each_class_gives_its_share_and_keeps_some(percent):
    y = RANDOM.choice([-1, 0, 1, 2, 3], 500, p=[0.3, 0.5, 0.15, 0.04, 0.01])
    rows = user.held_out(y, percent)
    assert (np.diff(rows) > 0).all()
    for label in range(4):
        size, taken = (y == label).sum(), (y[rows] == label).sum()
        assert 1 <= taken < size
        assert abs(taken - size * percent / 100) <= 1
    assert (y[rows] >= 0).all()


def test_validation_images_all_have_a_label(tmp_path):
    dataset = load(saved(tmp_path, **TEST), validation=12)
    assert len(dataset.validation.y) == 12
    assert (dataset.validation.y >= 0).all()
    assert len(dataset.train.y) == 28
    with pytest.raises(ConfigError, match=r"data\.validation is 30, but own\.npz has 30 images wi"):
        load(tmp_path, validation=30)


def test_a_file_is_found_from_here_from_the_data_folder_and_by_its_name(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    saved(tmp_path / "deep")
    monkeypatch.chdir(tmp_path)
    for path, folder in (
        ("deep/own.npz", "elsewhere"),
        ("own.npz", "deep"),
        ("/moved/long/ago/own.npz", "deep"),
        (tmp_path / "deep" / "own.npz", "elsewhere"),
    ):
        assert load(tmp_path / folder, path).path.samefile(tmp_path / "deep" / "own.npz")


def test_what_has_few_grey_levels_is_pointed_out(tmp_path):
    dataset = load(saved(tmp_path, x=X // 128, **TEST | {"x_test": X[:6] // 128}))
    assert dataset.notes[0] == "own.npz: x: uint8 is taken from 0 to 255, and the largest is 1"


MISTAKES = {
    "no y": ({"y": None}, "must hold x and y, one label for each image and -1 where there is none"),
    "a test half": ({"x_test": X}, "must hold x_test and y_test"),
    "channels first": (
        {"x": np.stack([X] * 3, axis=1)},
        "x is (40, 3, 6, 5), but channels come last: turn it by x.transpose(0, 2, 3, 1)",
    ),
    "words": ({"x": X.astype(str)}, "x must hold numbers, but is <U3"),
    "objects": ({"x": np.array([X, None], object)}, "must be an .npz file of plain arrays"),
    "integers": ({"x": X.astype(int)}, "x is int64: make it uint8, from 0 to 255, or state its ra"),
    "other floats": (
        {"x": X.astype(float)},
        "x must lie in [0, 1], but goes from 0 to 255: scale it, or state its range beside it",
    ),
    "out of the stated range": (
        {"x": X / 100, "range": (0, 2)},
        "x must lie in [0, 2], but goes from 0 to 2.55",
    ),
    "no range": ({"range": (1, 1)}, "range must be two numbers, the smaller one first, like (0, "),
    "NaN": ({"x": np.where(X > 9, X / 255, np.nan)}, "x holds NaN"),
    "infinity": ({"x": np.where(X > 9, X / 255, np.inf)}, "but goes from 0.0392157 to inf"),
    "labels with fractions": ({"y": Y / 2}, "y must hold a whole number for each image, but is f"),
    "one-hot labels": ({"y": np.eye(40, dtype=int)}, "but is int64 (40, 40)"),
    "a label missing": (
        {"y": Y[:-1]},
        "own.npz: the training labels must be one for each of 40 images, but are (39,)",
    ),
    "labels below -1": ({"y": Y - 1}, "y must hold classes from 0 on, or -1 for none, but goes f"),
    "more classes than names": (
        {"classes": np.array(["a", "b"])},
        "own.npz: the training labels must lie between 0 and 1, or -1 for none; they go from -1 t",
    ),
    "a class that nothing is of": (
        {"classes": np.array(["a", "b", "c", "d"])},
        "own.npz: no image is of class d: name only classes that have an image",
    ),
    "a gap": (
        {"y": np.where(Y == 1, 2**31 - 1, Y)},
        "own.npz: there are labels up to 2147483647, but no image is of class 1: number the cl",
    ),
    "one name": ({"classes": np.array("a")}, "labels must lie between 0 and 0, or -1 for none"),
    "one class": ({"y": np.minimum(Y, 0)}, "own.npz: one class has labelled training images, but"),
    "no label": ({"y": np.full(40, -1)}, "own.npz: no class has labelled training images, but"),
    "a test image without label": (
        TEST | {"y_test": Y[-6:]},
        "the test labels must lie between 0 and 2: images to score on need a label; they go fr",
    ),
    "test images of another size": (
        TEST | {"x_test": X[:6, :5]},
        "own.npz: the test images are (5, 5, 1), but the training images (6, 5, 1)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(mistake, tmp_path):
    changes, message = MISTAKES[mistake]
    arrays = {key: a for key, a in ({"x": X, "y": Y} | changes).items() if a is not None}
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(ConfigError, match=re.escape(message)):
        load(tmp_path)


def test_what_is_no_such_file_is_said(tmp_path):
    (tmp_path / "own.npz").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match=r"own\.npz must be an \.npz file of plain arrays"):
        load(tmp_path)
    np.savez_compressed(tmp_path / "own.npz", x=X, y=Y)
    whole = bytearray((tmp_path / "own.npz").read_bytes())
    whole[200:260] = bytes(60)
    (tmp_path / "own.npz").write_bytes(whole)
    with pytest.raises(ConfigError, match=r"own\.npz must be an \.npz file of plain arrays"):
        load(tmp_path)
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(ConfigError, match=r"x\.npy must be an \.npz file of plain arrays"):
        load(tmp_path, "x.npy")
    with pytest.raises(ConfigError, match=r"is a folder: data\.name=images reads one"):
        load(tmp_path, tmp_path)
    with pytest.raises(ConfigError, match=r"data\.path=none: there is no such file or folder here"):
        load(tmp_path, "none")
    with pytest.raises(ConfigError, match=r"data\.name=arrays needs data\.path"):
        load(tmp_path, "")
    with pytest.raises(ConfigError, match=r"data\.test_percent must lie between 1 and 90, but"):
        load(saved(tmp_path), test_percent=0)


def test_another_image_label_or_name_is_another_fingerprint(tmp_path):
    changed = X.copy()
    changed[0, 0, 0] ^= 1
    arrays = [{}, {"x": changed}, {"y": np.where(np.arange(40) == 9, -1, Y)},
              {"classes": np.array(["a", "b", "c"])}, {"x": X / 255}]  # fmt: skip
    prints = [data.fingerprint(load(saved(tmp_path, **changes))) for changes in arrays]
    assert len(set(prints)) == 5
    assert data.fingerprint(load(saved(tmp_path))) == prints[0]
