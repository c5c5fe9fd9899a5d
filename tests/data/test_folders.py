"""Links, system folders and hidden files in a folder of images: read, or counted and said."""

import os

import numpy as np
import pytest

from jaxdml import data
from jaxdml.options import ConfigError
from jaxdml.settings.setting import dataset_name

Image = pytest.importorskip("PIL.Image")
GREY = np.random.default_rng(0).integers(0, 256, (40, 8, 7), np.uint8)


def put(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(GREY[number]).save(path)


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


@pytest.fixture
def photos(tmp_path):
    """Four cats and four dogs."""
    for i in range(8):
        put(tmp_path / "photos" / ("cat", "dog")[i // 4] / f"{i}.png", i)
    return tmp_path / "photos"


def load(folder):
    return data.load("images", folder.parent, path=folder.name)


def read(folder):
    """Which images are read, by class, and the notes of what was passed over."""
    dataset = load(folder)
    x = np.concatenate([dataset.train.x, dataset.test.x])[..., 0]
    y = np.concatenate([dataset.train.y, dataset.test.y])
    numbers = [int(np.flatnonzero((image == GREY).all((1, 2)))[0]) for image in x]
    classes = (*dataset.classes, "none")
    numbers_by_class = {name: [] for name in classes}
    for number, label in zip(numbers, y, strict=True):
        numbers_by_class[classes[label]].append(number)
    usual = "test image", "out of the folder"
    notes = [note for note in dataset.notes if not any(words in note for words in usual)]
    return {name: sorted(rows) for name, rows in numbers_by_class.items() if rows}, notes


PLAIN = {"cat": [0, 1, 2, 3], "dog": [4, 5, 6, 7]}


def test_links_to_files_and_folders_are_followed(photos, tmp_path):
    put(tmp_path / "disk" / "deep" / "10.png", 10)
    put(tmp_path / "disk" / "11.png", 11)
    link(tmp_path / "disk" / "deep" / "further", tmp_path / "other")
    put(tmp_path / "other" / "12.png", 12)
    put(tmp_path / "one.png", 13)
    link(photos / "cat" / "more", "../../disk")  # as it lies from there
    link(photos / "dog" / "one.png", tmp_path / "one.png")
    assert read(photos) == ({"cat": [0, 1, 2, 3, 10, 11, 12], "dog": [4, 5, 6, 7, 13]}, [])
    assert (
        "photos: 3 links lead out of the folder, and what is there is read: cat/more, "
        "cat/more/deep/further, dog/one.png"
    ) in load(photos).notes


def test_class_folders_and_parts_may_be_links(photos, tmp_path):
    (tmp_path / "disk").mkdir()
    (photos / "cat").rename(tmp_path / "disk" / "a")
    link(photos / "cat", tmp_path / "disk" / "a")
    put(tmp_path / "deep" / "10.png", 10)
    link(tmp_path / "disk" / "a" / "more", "../../deep")
    link(tmp_path / "disk" / "a" / "up", "..")
    numbers_by_class, notes = read(photos)
    assert numbers_by_class == PLAIN | {"cat": [0, 1, 2, 3, 10]}
    assert notes == [
        "photos: 1 link leads back to a folder that is read anyway, and is left out: cat/up"
    ]
    put(tmp_path / "set" / "test" / "cat" / "20.png", 20)
    put(tmp_path / "set" / "test" / "dog" / "21.png", 21)
    link(tmp_path / "set" / "train", photos)
    dataset = load(tmp_path / "set")
    assert (len(dataset.train.y), dataset.test.y.tolist()) == (9, [0, 1])


def test_links_that_lead_nowhere_are_counted_and_said(photos, tmp_path):
    link(photos / "cat" / "lost.png", tmp_path / "gone.png")
    link(photos / "dog" / "more", "gone")
    link(photos / "dog" / "self.png", "self.png")
    link(photos / "cow", tmp_path / "cows")
    numbers_by_class, notes = read(photos)
    assert numbers_by_class == PLAIN
    assert notes == [
        "photos: 4 links lead nowhere, and are left out: cat/lost.png, cow, dog/more and 1 more"
    ]


def test_links_that_lead_back_are_not_followed_and_that_is_said(photos, tmp_path):
    link(photos / "cat" / "parent", "..")
    link(photos / "cat" / "all", tmp_path)
    link(photos / "dog" / "self", ".")
    link(photos / "loop", ".")
    numbers_by_class, notes = read(photos)
    assert numbers_by_class == PLAIN
    assert notes == [
        "photos: 4 links lead back to a folder that is read anyway, and are left out: cat/all, "
        "cat/parent, dog/self and 1 more"
    ]


def test_links_that_lead_to_each_other_come_to_an_end(photos, tmp_path):
    put(tmp_path / "a" / "10.png", 10)
    put(tmp_path / "b" / "11.png", 11)
    link(tmp_path / "a" / "to_b", tmp_path / "b")
    link(tmp_path / "b" / "to_a", tmp_path / "a")
    link(photos / "cat" / "to_a", tmp_path / "a")
    numbers_by_class, notes = read(photos)
    assert numbers_by_class["cat"] == [0, 1, 2, 3, 10, 11]
    assert notes == [
        "photos: 1 link leads back to a folder that is read anyway, and is left out: "
        "cat/to_a/to_b/to_a"
    ]


def test_a_folder_is_read_once_in_a_class_and_as_itself_rather_than_by_a_link(photos):
    put(photos / "cat" / "z_real" / "10.png", 10)
    link(photos / "cat" / "a_link", "z_real")
    numbers_by_class, notes = read(photos)
    assert numbers_by_class["cat"] == [0, 1, 2, 3, 10]
    assert [note.split(": ")[-1] for note in notes] == ["cat/a_link"]


SYSTEM = (
    "@eaDir",
    "#recycle",
    "lost+found",
    "$RECYCLE.BIN",
    "$Recycle.Bin",
    "System Volume Information",
    "@Recycle",
    "#snapshot",
    "@tmp",
    "FOUND.000",
    "__MACOSX",
)


@pytest.mark.parametrize("name", SYSTEM)
def test_folders_of_the_system_are_left_out_at_every_depth_and_said(name, photos):
    for i, parent in enumerate((photos, photos / "cat", photos / "dog" / "deep" / "deeper")):
        put(parent / name / f"{i}.png" / "SYNOPHOTO_THUMB.jpg", 20 + i)
    numbers_by_class, notes = read(photos)
    assert numbers_by_class == PLAIN
    assert notes == [
        "photos: 3 images are in folders of the system, and left out: "
        + ", ".join(sorted([name, f"cat/{name}", f"dog/deep/deeper/{name}"]))
    ]


def test_hidden_images_are_counted_and_what_else_is_hidden_needs_no_word(photos):
    put(photos / "cat" / ".hidden.png", 20)
    put(photos / ".above.png", 21)
    for i in range(3):
        put(photos / ".thumbs" / "deep" / f"{i}.png", 22)
    (photos / "cat" / "._0.png").touch()  # of macOS, beside 0.png
    (photos / ".DS_Store").touch()
    (photos / "dog" / ".git").mkdir()
    (photos / "lost+found").mkdir()
    numbers_by_class, notes = read(photos)
    assert numbers_by_class == PLAIN
    assert notes == [
        "photos: 5 images are hidden, and left out: .above.png, .thumbs, cat/.hidden.png"
    ]


def test_files_beside_the_class_folders_are_left_out_and_said(photos):
    (photos / "table.csv").touch()
    (photos / "dog" / "a.txt").touch()
    assert read(photos) == (
        PLAIN,
        ["photos: no images by their names, and left out: dog/a.txt, table.csv"],
    )


def test_folders_in_a_class_that_are_called_like_a_part_are_said(photos):
    put(photos / "cat" / "test" / "10.png", 10)
    put(photos / "cat" / "test" / "11.png", 11)
    put(photos / "dog" / "unlabelled" / "deep" / "12.png", 12)
    numbers_by_class, notes = read(photos)
    assert numbers_by_class == {"cat": [0, 1, 2, 3, 10, 11], "dog": [4, 5, 6, 7, 12]}
    assert notes == [
        "photos: 3 images lie in folders that are called like a part, but inside of a class, and "
        "count as of that class: cat/test, dog/unlabelled/deep"
    ]


def test_a_folder_that_cannot_be_read_is_refused_and_not_passed_over(photos, monkeypatch):
    put(photos / "cat" / "closed" / "10.png", 10)

    def closed(function):
        def attempt(path=".", *rest):
            if str(path).endswith("closed"):
                raise PermissionError(13, "Permission denied", str(path))
            return function(path, *rest)

        return attempt

    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, closed(getattr(os, name)))
    with pytest.raises(ConfigError, match=r"cat/closed cannot be read: .*Permission denied"):
        load(photos)


def test_a_name_that_is_no_utf_8_is_said_with_escapes(photos):
    (photos / "cat" / os.fsdecode(b"caf\xe9.txt")).touch()
    [note] = read(photos)[1]
    assert note.endswith("left out: cat/caf\\xe9.txt")
    note.encode()


def test_classes_and_files_whose_names_are_no_utf_8_have_escapes_for_names(tmp_path):
    photos = tmp_path / os.fsdecode(b"f\xf6to")
    for i, name in enumerate((b"caf\xe9", b"caf\xe8", b"tea")):
        put(photos / os.fsdecode(name) / "1.png", i)
        put(photos / os.fsdecode(name) / os.fsdecode(b"\xe9.png"), 10 + i)
    dataset = load(photos)
    assert dataset.name == "f\\xf6to"
    assert dataset.classes == ("caf\\xe8", "caf\\xe9", "tea")
    assert "caf\\xe9/\\xe9.png" in dataset.names
    assert dataset_name({"data.name": "images", "data.path": str(photos)}) == dataset.name
