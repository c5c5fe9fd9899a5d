"""Images that are in a data set more than once: counted and said, by their content."""

import numpy as np
import pytest

from jaxdml import data
from jaxdml.types import Dataset, Split

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 256, (60, 6, 5), np.uint8)
Y = np.arange(60) % 3
BETTER = "also among the {} images, and {} scores look better, like {}"
PARTS = {"x": X[:30], "x_val": X[30:40], "x_test": X[40:]}
PARTS |= {"y": Y[:30], "y_val": Y[30:40], "y_test": Y[40:]}
ALIKE = np.where((Y == 0)[:30, None, None], X[:1], X[:30])  # a class of ten that are one image


def notes(folder, **arrays):
    np.savez(folder / "own.npz", **{key: value.copy() for key, value in (PARTS | arrays).items()})
    return list(data.load("arrays", folder, path="own.npz").notes)


def changed(array, **rows):
    """Some rows, given as r3=…, are others."""
    array = array.copy()
    for row, value in rows.items():
        array[int(row[1:])] = value
    return array


def test_images_that_are_all_different_need_no_word(tmp_path):
    assert notes(tmp_path) == []


def test_copies_on_two_sides_are_counted_and_said(tmp_path):
    test = changed(X[40:], r1=X[20], r4=X[20], r8=X[0], r10=X[32])  # each of the same class
    assert notes(tmp_path, x_test=test) == [
        "own.npz: 3 of 20 test images are "
        + BETTER.format("training", "make", "x_test[1] = x[20]"),
        "own.npz: 1 of 20 test images is "
        + BETTER.format("validation", "makes", "x_test[10] = x_val[2]"),
        "own.npz: 1 image repeats another one of the same class, like x_test[1] = x_test[4]",
    ]
    assert notes(tmp_path, x_val=changed(X[30:40], r1=X[1])) == [
        "own.npz: 1 of 10 validation images is "
        + BETTER.format("training", "makes", "x_val[1] = x[1]")
    ]


def test_copies_in_two_classes_are_counted_and_said(tmp_path):
    images = changed(X[:30], r1=X[0], r2=X[0], r3=X[0], r7=X[5])
    assert notes(tmp_path, x=images) == [
        "own.npz: 6 images have copies in another class, like x[0] = x[1]",
        "own.npz: 1 image repeats another one of the same class, like x[0] = x[3]",
    ]
    assert notes(tmp_path, x_test=changed(X[40:], r0=X[0])) == [
        "own.npz: 1 of 20 test images is " + BETTER.format("training", "makes", "x_test[0] = x[0]"),
        "own.npz: 2 images have copies in another class, like x[0] = x_test[0]",
    ]


def test_copies_of_one_class_and_without_a_label_are_counted_in_one_sentence(tmp_path):
    images = changed(X[:30], r3=X[0], r6=X[0], r26=X[25], r28=X[25], r29=X[25])
    y = np.where(np.arange(30) < 25, Y[:30], -1)
    assert notes(tmp_path, x=images, y=y) == [
        "own.npz: 2 images repeat another one of the same class and 3 images repeat another one "
        "without a label, like x[0] = x[3]"
    ]
    assert notes(tmp_path, x=changed(X[:30], r29=X[28]), y=y) == [
        "own.npz: 1 image repeats another one without a label, like x[28] = x[29]"
    ]


def test_copies_of_which_only_one_has_a_label_are_counted_and_said(tmp_path):
    y = np.where(np.arange(30) < 25, Y[:30], -1)
    assert notes(tmp_path, x=changed(X[:30], r26=X[1], r28=X[1]), y=y) == [
        "own.npz: 2 images without a label have a copy with one, like x[26] = x[1]",
        "own.npz: 1 image repeats another one without a label, like x[26] = x[28]",
    ]


def test_bytes_and_floats_are_compared_by_what_they_stand_for(tmp_path):
    floats = changed(X[40:] / 255, r4=X[3] / 255)
    assert notes(tmp_path, x_test=floats) == [
        "own.npz: 1 of 20 test images is " + BETTER.format("training", "makes", "x_test[4] = x[3]"),
        "own.npz: 2 images have copies in another class, like x[3] = x_test[4]",
    ]


def test_copies_that_are_set_apart_from_each_other_are_said(tmp_path):
    """All images of a class are one: whatever is set apart has copies left to train on."""
    np.savez(tmp_path / "own.npz", x=ALIKE, y=Y[:30])
    apart, *others = data.load("arrays", tmp_path, path="own.npz", folds=0).notes
    assert "are set apart to score on" in apart
    assert others == [
        "own.npz: 2 of 6 test images are " + BETTER.format("training", "make", "x[0] = x[3]"),
        "own.npz: 8 images repeat another one of the same class, like x[0] = x[3]",
    ]


def test_copies_among_the_images_that_data_validation_sets_apart_are_said(tmp_path):
    np.savez(tmp_path / "own.npz", **PARTS | {"x": ALIKE})
    dataset = data.load("arrays", tmp_path, path="own.npz", validation=12)
    copies = int((dataset.validation.x[..., 0] == X[0]).all((1, 2)).sum())
    assert 1 < copies < 10
    assert dataset.notes[1:] == (
        "own.npz: its own 10 validation images are left out, because data.validation sets apart 12 "
        "training images instead",
        f"own.npz: {copies} of 12 validation images are also among the training images, and make "
        "scores look better",
    )


def test_very_many_copies_of_one_image_take_no_longer(tmp_path):
    x = np.zeros((20_000, 2, 2), np.uint8)
    np.savez(tmp_path / "own.npz", x=x, y=np.arange(20_000) % 2)
    messages = data.load("arrays", tmp_path, path="own.npz").notes
    assert any("20,000 images have copies in another class" in note for note in messages)


def test_files_are_named(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    for part, count in (("train", 12), ("test", 6)):
        for i in range(count):
            path = tmp_path / "photos" / part / ("cat", "dog")[i % 2] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            copied = {("train", 7): 2, ("train", 8): 4, ("test", 3): 1}.get((part, i))
            row = i + 20 * (part == "test") if copied is None else copied
            image_module.fromarray(X[row]).save(path)
    assert data.load("images", tmp_path, path="photos").notes == (
        "photos: 1 of 6 test images is "
        + BETTER.format("training", "makes", "test/dog/3.png = train/dog/1.png"),
        "photos: 2 images have copies in another class, like train/cat/2.png = train/dog/7.png",
        "photos: 1 image repeats another one of the same class, like train/cat/4.png = "
        "train/cat/8.png",
    )


def test_classes_without_a_test_image_are_counted_and_said(tmp_path):
    assert notes(tmp_path, y_test=np.zeros(20, int)) == [
        "own.npz: 2 of 3 classes have no test image, and scores say nothing of them: 1, 2"
    ]


def test_classes_of_names_that_are_alike_are_said(tmp_path):
    assert notes(tmp_path, classes=np.array(["Big cat", "dog", "bigcat"])) == [
        "own.npz: 2 classes have names that are alike: Big cat, bigcat"
    ]


def test_arrays_of_other_names_are_said(tmp_path):
    assert notes(tmp_path, x_valid=X, y_valid=Y) == [
        "own.npz: arrays of other names are left out: x_valid, y_valid"
    ]


def test_floats_that_hardly_leave_black_are_said_unless_their_range_is_stated(tmp_path):
    dim = {key: value / 255**2 for key, value in PARTS.items() if key[0] == "x"}
    assert notes(tmp_path, **dim)[0] == (
        "own.npz: x: floats are taken from 0 to 1, and the largest is 0.00392"
    )
    assert notes(tmp_path, **dim, range=np.array([0, 1])) == []


def test_validation_images_that_are_replaced_are_said(monkeypatch):
    part = Split(X[:30, ..., None], Y[:30].astype(np.int32))
    dataset = Dataset(
        "two", part, Split(part.x[:4], part.y[:4]), part, ("a", "b", "c"), "made here"
    )
    monkeypatch.setitem(data.DATASETS, "two", lambda data_dir: dataset)
    assert data.load("two", None).notes == ()
    assert data.load("two", None, validation=6).notes == (
        "two: its own 4 validation images are left out, because data.validation sets apart 6 "
        "training images instead",
    )
