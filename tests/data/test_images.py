"""A folder of a user's own images: what is read, and what is refused in one sentence."""

import shutil
import sys

import numpy as np
import pytest

from jaxdml import data
from jaxdml.data import decoding, folders
from jaxdml.options import ConfigError

Image = pytest.importorskip("PIL.Image")
RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (30, 8, 7), np.uint8)
COLOUR = RANDOM.integers(0, 256, (30, 8, 7, 3), np.uint8)


def put(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)


def fill(folder, *, each=4, names=("cat", "dog"), pixels=GREY):
    for i, name in enumerate(names):
        for j in range(each):
            put(folder / name / f"{j}.png", pixels[i * each + j])


@pytest.fixture
def photos(tmp_path):
    fill(tmp_path / "photos")
    for j in range(5):
        put(tmp_path / "photos" / "unlabelled" / f"{j}.png", GREY[20 + j])
    return tmp_path / "photos"


def load(folder, **options):
    return data.load("images", folder.parent, path=folder.name, **options)


def test_folders_are_classes_and_the_rest_has_no_label(photos):
    dataset = load(photos, folds=0)
    assert dataset.classes == ("cat", "dog")
    assert dataset.train.x.shape == (11, 8, 7, 1)
    assert dataset.train.y.tolist() == [0] * 3 + [1] * 3 + [-1] * 5
    assert dataset.test.y.tolist() == [0, 1]
    assert sorted(map(bytes, np.concatenate([dataset.train.x, dataset.test.x]))) == sorted(
        map(bytes, [*GREY[:8], *GREY[20:25]])
    )
    np.testing.assert_array_equal(dataset.train.x[6:, ..., 0], GREY[20:25])


def test_splits_are_folders_too_and_the_unlabelled_may_lie_beside_them(tmp_path):
    photos = tmp_path / "photos"
    fill(photos / "train", names=("cat", "dog", "owl"))
    fill(photos / "test", each=2)
    fill(photos / "val", each=1)
    put(photos / "Unlabeled" / "deep" / "a.png", GREY[0])
    put(photos / "train" / "unlabelled" / "b.png", GREY[1])
    dataset = load(photos)
    assert dataset.classes == ("cat", "dog", "owl")
    assert np.bincount(dataset.train.y + 1).tolist() == [2, 4, 4, 4]
    assert dataset.test.y.tolist() == [0, 0, 1, 1]
    assert dataset.validation.y.tolist() == [0, 1]
    assert dataset.notes[0] == (
        "photos: 1 of 3 classes has no test image, and scores say nothing of it: owl"
    )


def test_numbers_in_names_are_in_order_of_their_size(tmp_path):
    fill(tmp_path, names=("10", "9", "class 2", "class 11"), each=2)
    assert load(tmp_path).classes == ("9", "10", "class 2", "class 11")
    for i in (10, 9, 1):
        put(tmp_path / "few" / f"{i}.png", GREY[i])
    files = folders.files(tmp_path / "few", folders.Passed())
    assert [file.name for file in files] == ["1.png", "9.png", "10.png"]


def test_colour_is_kept_where_there_is_any_and_grey_where_there_is_none(photos):
    put(photos / "cat" / "0.png", np.stack([GREY[0]] * 3, axis=-1))  # grey, whatever it is called
    assert load(photos).train.x.shape[3] == 1
    assert load(photos, channels=3).train.x.shape[3] == 3
    put(photos / "unlabelled" / "colour.png", COLOUR[0])
    dataset = load(photos)
    np.testing.assert_array_equal(dataset.train.x[-1], COLOUR[0])
    np.testing.assert_array_equal(dataset.train.x[-2], np.stack([GREY[24]] * 3, axis=-1))
    grey = load(photos, channels=1).train.x
    weights = np.array([0.299, 0.587, 0.114])  # of ITU-R 601-2, as Pillow says
    np.testing.assert_allclose(grey[-1, ..., 0], COLOUR[0] @ weights, atol=1)


def test_images_of_several_sizes_are_stretched_and_that_is_said(photos):
    put(photos / "cat" / "large.png", np.tile(np.uint8([[0, 200]]), (40, 50)))
    dataset = load(photos)
    assert dataset.train.x.shape[1:] == (64, 64, 1)
    assert dataset.notes[0] == (
        "photos: images of 8 × 7 to 40 × 100 pixels are stretched to 64 × 64 (data.size)"
    )
    stated = load(photos, size=10)
    assert stated.train.x.shape[1:] == (10, 10, 1)
    assert not any("stretched" in note for note in stated.notes)
    large = np.concatenate([stated.train.x, stated.test.x])
    assert (abs(large.mean((1, 2, 3)) - 100) < 3).any()  # its pixels are averaged


def test_large_images_of_one_size_are_made_smaller(tmp_path):
    fill(tmp_path / "large", pixels=np.repeat(GREY, 10, axis=1))
    dataset = load(tmp_path / "large")
    assert dataset.train.x.shape[1:] == (64, 64, 1)
    assert "images of 80 × 7 pixels are stretched" in dataset.notes[0]


def read_pixels(path):
    return decoding.pixels([path], (8, 7), None)[0][0]


def test_each_kind_of_pixel_becomes_bytes(tmp_path):
    path = tmp_path / "a.png"
    put(path, (GREY[0] * 257.0).astype(np.uint16))
    np.testing.assert_array_equal(read_pixels(path)[..., 0], GREY[0])
    put(path, GREY[0] > 99)
    np.testing.assert_array_equal(read_pixels(path)[..., 0], 255 * (GREY[0] > 99))
    put(path, Image.fromarray(COLOUR[0]).quantize(256, dither=Image.Dither.NONE))
    np.testing.assert_array_equal(read_pixels(path), COLOUR[0])  # 56 colours
    alpha = np.where(np.arange(8) < 4, 0, 255).astype(np.uint8)[:, None, None]
    put(path, np.concatenate([COLOUR[0], np.broadcast_to(alpha, (8, 7, 1))], axis=-1))
    np.testing.assert_array_equal(read_pixels(path)[4:], COLOUR[0, 4:])
    assert (read_pixels(path)[:4] == 255).all()
    put(tmp_path / "a.tif", GREY[0].astype(np.float32))
    with pytest.raises(ConfigError, match=r"a\.tif: its pixels have 32 bits"):
        read_pixels(tmp_path / "a.tif")


def test_a_photo_is_turned_as_its_camera_says(tmp_path):
    flat = np.repeat(np.uint8([[0], [250]]), 16, axis=1).repeat(8, axis=0)  # 16 × 16, dark above
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° to the right
    put(tmp_path / "a" / "1.jpg", flat[:, :8], exif=exif)  # 16 × 8
    put(tmp_path / "a" / "2.jpg", flat[:8, :16])  # 8 × 16
    put(tmp_path / "b" / "1.jpg", flat[:8, :16])
    put(tmp_path / "b" / "2.jpg", flat[:8, :16])
    dataset = load(tmp_path)
    assert dataset.train.x.shape[1:3] == (8, 16)
    turned = decoding.pixels([tmp_path / "a" / "1.jpg"], (8, 16), None)[0][0, ..., 0].astype(int)
    assert turned[:, :6].min() > 200
    assert turned[:, 10:].max() < 50


def test_hidden_files_are_passed_over_and_others_are_counted(photos):
    for name in (".DS_Store", "cat/Thumbs.db", "cat/.hidden.png", "__MACOSX/cat/0.png"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(b"")
    before = load(photos)
    (photos / "dog" / "names.txt").touch()
    (photos / "unlabelled" / "a.xmp").touch()
    dataset = load(photos)
    assert data.fingerprint(dataset) == data.fingerprint(before)
    assert dataset.notes[0] == (
        "photos: no images by their names, and left out: dog/names.txt, unlabelled/a.xmp"
    )
    for i in range(3):
        (photos / "unlabelled" / f"b{i}.txt").touch()
    assert (
        load(photos)
        .notes[0]
        .endswith("dog/names.txt, unlabelled/a.xmp, unlabelled/b0.txt and 2 more")
    )


def damaged(photos):
    whole = (photos / "cat" / "1.png").read_bytes()
    (photos / "cat" / "1.png").write_bytes(whole[:60])
    (photos / "dog" / "2.png").write_text("nonsense")


def test_damaged_files_are_left_out_where_that_is_asked_for(photos):
    whole = load(photos)
    damaged(photos)
    dataset = load(photos, skip_damaged=True)
    assert len(dataset.train.y) + len(dataset.test.y) == len(whole.train.y) + len(whole.test.y) - 2
    first, second = dataset.damaged
    assert first.startswith("cat/1.png: ")
    assert second == "dog/2.png: cannot identify image"
    assert str(photos) not in first + second  # the run keeps no path of a machine
    [note] = [note for note in dataset.notes if "damaged" in note]
    assert note == f"photos: 2 images are damaged, and left out: {first}, {second}"
    for file in photos.rglob("*.png"):
        file.write_text("nonsense")
    with pytest.raises(ConfigError, match=r"photos: all \d+ images are damaged"):
        load(photos, skip_damaged=True)


def test_a_very_large_picture_is_read_where_that_is_meant(photos):
    put(photos / "cat" / "large.png", np.full((1200, 1000), 9, np.uint8))
    with pytest.raises(ConfigError, match=r"large\.png: it has 1\.2 megapixels, and 1\.1 are th"):
        load(photos, size=8, megapixels=1.1)
    said = load(photos, size=8, megapixels=1.1, skip_damaged=True).damaged
    assert said[0].endswith("set data.megapixels higher if it is meant to be so large")
    assert len(load(photos, size=8, megapixels=1.3).train.y) == len(load(photos, size=8).train.y)
    with pytest.raises(ConfigError, match=r"data\.megapixels must be above 0, but is -1"):
        load(photos, megapixels=-1)


def moved(photos, **names):
    for old, new in names.items():
        (photos / old).rename(photos / new)


def unlabelled_test(photos):
    (photos / "train").mkdir()
    moved(photos, cat="train/cat", dog="train/dog")
    put(photos / "test" / "unlabelled" / "a.png", GREY[0])


def without_folders(photos):
    shutil.rmtree(photos)
    put(photos / "a.png", GREY[0])


MISTAKES = {
    "damaged files": (damaged, r"2 of 13 images cannot be read \(.*1\.png: .*; .*2\.png: cannot "),
    "no folders": (without_folders, r"photos holds images that are in no folder, like a\.png"),
    "no images": (
        lambda p: shutil.rmtree(p) or p.mkdir(),
        "photos holds no image; read are .*: make a",
    ),
    "an image beside the folders": (
        lambda p: put(p / "a.png", GREY[0]),
        r"photos holds images that are in no folder, like a\.png: put each in that of its class",
    ),
    "a class of DICOM files": (
        lambda p: (p / "cow").mkdir() or (p / "cow" / "1.dcm").write_bytes(b""),
        r"cow holds no image, but files ending in \.dcm \(1\); .* DICOM is not read: write the pix",
    ),
    "an empty class": (
        lambda p: (p / "cow").mkdir(),
        r"cow holds no image; read are .*: put some there, or re",
    ),
    "one class": (lambda p: moved(p, dog="unlabeled"), "photos: one class has labelled training i"),
    "a test folder alone": (lambda p: moved(p, dog="test"), "photos has test, but no train beside"),
    "classes beside train": (
        lambda p: moved(p, dog="train"),
        "photos holds cat beside train: only train, val, test and unlabelled may lie there",
    ),
    "parts of other names": (
        lambda p: moved(p, dog="Test"),
        "photos holds Test: name the parts of a data set train, val, test, and a class not like",
    ),
    "a label missing in the test": (
        unlabelled_test,
        "the test labels must lie between 0 and 1: images to score on need a label",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(mistake, photos):
    change, message = MISTAKES[mistake]
    change(photos)
    with pytest.raises(ConfigError, match=message):
        load(photos)


def test_what_cannot_be_asked_for_is_said(photos, monkeypatch):
    for options, message in (
        ({"size": 0}, "size must be a whole number from 1 to 4,096, but is 0"),
        ({"size": "big"}, "size must be a whole number, but is 'big'"),
        ({"channels": 2}, r"channels must be 1 \(grey\) or 3 \(colour\), but is 2"),
    ):
        with pytest.raises(ConfigError, match=rf"data\.{message}"):
            load(photos, **options)
    with pytest.raises(ConfigError, match=r"is a file: data\.name=arrays reads an \.npz file"):
        load(photos / "cat" / "1.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ConfigError, match=r"Pillow: pip install 'jaxdml\[images\]'"):
        load(photos)
