"""Values, frames and forms of images in files: what becomes of them, and that it is said."""

import io
import re
import struct
import zlib

import numpy as np
import pytest

from jaxdml import data
from jaxdml.data import decoding
from jaxdml.estimator.trained import reading
from jaxdml.options import ConfigError

Image = pytest.importorskip("PIL.Image")
RANDOM = np.random.default_rng(0)
DEEP = RANDOM.integers(0, 4096, (8, 6, 6), np.uint16)  # of a camera of 12 bits
DEEP[:, 0, 0] = 4095
COLOUR = RANDOM.integers(0, 256, (8, 6, 6, 3), np.uint8)


def save(folder, images, ending="png", **options):
    """The first half as cats, the others as dogs."""
    for i, image in enumerate(images):
        path = folder / ("cat" if i < len(images) // 2 else "dog") / f"{i}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        image.save(path, **options)
    return folder


def load(folder, **options):
    return data.load("images", folder.parent, path=folder.name, **options)


def all_of(dataset):
    return np.concatenate([dataset.train.x, dataset.test.x])[..., 0]


def notes(folder, **options):
    return [note for note in load(folder, **options).notes if "test image" not in note]


def in_order(images):
    return sorted(map(bytes, images))


def test_sixteen_bits_that_hold_twelve_are_pointed_out(tmp_path):
    photos = save(tmp_path / "photos", DEEP)
    assert all_of(load(photos)).max() == 16  # nearly black
    assert notes(photos) == [
        "photos: 8 images have 16 bits, reduced to 8: 0 is taken for black and 65,535 for white, "
        "but the largest value is 4,095: state data.range"
    ]
    assert notes(save(tmp_path / "bright", DEEP * 16)) == [
        "bright: 8 images have 16 bits, reduced to 8: 0 is taken for black and 65,535 for white"
    ]


def test_eight_bits_that_hold_two_are_pointed_out(tmp_path):
    assert notes(save(tmp_path / "masks", (DEEP // 1024).astype(np.uint8))) == [
        "masks: 8 images have 8 bits: 0 is taken for black and 255 for white, but the largest "
        "value is 3: state data.range"
    ]


def test_a_stated_range_becomes_black_to_white(tmp_path):
    photos = save(tmp_path / "photos", DEEP)
    expected = np.round(DEEP / 4095 * 255).astype(np.uint8)
    for ends in ((0, 4095), [0.0, 4095.0]):
        assert in_order(all_of(load(photos, range=ends))) == in_order(expected)
    assert notes(photos, range=(0, 4095)) == []
    masks = save(tmp_path / "masks", (DEEP // 1024).astype(np.uint8))
    assert in_order(all_of(load(masks, range=(0, 3)))) == in_order(85 * (DEEP // 1024).astype("u1"))
    floats = save(tmp_path / "floats", (DEEP / 2048 - 1).astype(np.float32), "tif")
    images = all_of(load(floats, range=(-1, 1)))
    np.testing.assert_allclose(np.sort(images, None), np.sort(DEEP / 2048 * 127.5, None), atol=0.51)


def test_a_stated_range_is_of_colours_and_leaves_transparency_alone(tmp_path):
    colours = COLOUR // 4
    clear = np.full((8, 6, 6, 1), 255, np.uint8)
    clear[:, :2] = 0
    photos = save(tmp_path / "photos", np.concatenate([colours, clear], axis=-1))
    dataset = load(photos, range=(0, 63))
    expected = np.round(colours / 63 * 255).astype(np.uint8)
    expected[:, :2] = 255
    images = np.concatenate([dataset.train.x, dataset.test.x])
    assert in_order(images) == in_order(expected)
    assert dataset.notes[0] == "photos: 8 images are transparent in places, which become white"


def test_eight_bits_beside_sixteen_are_said_where_a_range_is_stated(tmp_path):
    photos = save(tmp_path / "photos", [*DEEP[:7], COLOUR[7, ..., 0]])
    assert notes(photos, range=(0, 4095)) == [
        "photos: data.range is applied to 1 image of 8 bits too, beside others of more bits"
    ]


def test_values_outside_of_the_stated_range_are_refused(tmp_path):
    photos = save(tmp_path / "photos", DEEP)
    Image.fromarray(np.minimum(DEEP[0], 900)).save(photos / "cat" / "0.png")
    message = (
        r"cat/1\.png: its values go from \d+ to 4095, but data\.range is \(0, 1000\), and 6 mor"
    )
    with pytest.raises(ConfigError, match=message):
        load(photos, range=(0, 1000))
    with pytest.raises(ConfigError, match=r"values go from \d+ to \d+, but data\.range is \(99"):
        load(photos, range=(99, 4095))


@pytest.mark.parametrize("ends", [(1, 1), (5, 2), (0,), 255, "0, 1", ("0", "1"), ()])
def test_a_range_must_be_two_numbers(ends, tmp_path):
    message = "data.range must be two numbers, that of black and the larger one of white, like"
    with pytest.raises(ConfigError, match=re.escape(message)):
        load(save(tmp_path / "photos", DEEP), range=ends)


def deep_colour(pixels):
    """A PNG of 16 bits a colour, u16[H, W, 3], which Pillow does not write."""

    def chunk(name, content):
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_sixteen_bits_a_colour_are_said_and_take_no_range(tmp_path):
    photos = save(tmp_path / "photos", COLOUR)
    for i in range(3):
        pixels = RANDOM.integers(0, 4096, (6, 6, 3))
        (photos / "cat" / f"{i}.png").write_bytes(deep_colour(pixels))
    assert notes(photos) == [
        "photos: 3 images have 16 bits a colour, of which the upper 8 are read, and no value is "
        "above 4,095: use an .npz file"
    ]
    with pytest.raises(ConfigError, match=r"0\.png: it has 16 bits a colour, of which only the up"):
        load(photos, range=(0, 4095))


def test_what_is_no_number_is_refused_in_a_range_too(tmp_path):
    floats = (DEEP / 4096).astype(np.float32)
    floats[1, 2, 3] = np.nan
    photos = save(tmp_path / "photos", floats, "tif")
    with pytest.raises(ConfigError, match=r"1 of 8 images cannot be read \(.*1\.tif: its pixels h"):
        load(photos, range=(0, 1))


@pytest.mark.parametrize("ending", ["gif", "tif"])
def test_further_frames_are_counted_and_said(ending, tmp_path):
    photos = save(tmp_path / "photos", COLOUR[:, ..., 0])
    frames = [Image.fromarray(image) for image in COLOUR[:, ..., 1]]
    frames[0].save(photos / "cat" / f"a.{ending}", save_all=True, append_images=frames[1:3])
    frames[3].save(photos / "dog" / f"a.{ending}", save_all=True, append_images=frames[4:])
    frames[3].save(photos / "dog" / f"b.{ending}")
    frame_notes = [note for note in notes(photos) if "frames" in note]
    assert frame_notes == ["photos: 2 files hold several frames, up to 5: only the first is read"]


def test_images_that_change_their_form_are_counted_and_said(tmp_path):
    photos = save(tmp_path / "photos", COLOUR[:, ..., 0])
    for name, shape in (("a", (12, 6)), ("b", (6, 15)), ("c", (12, 12))):
        Image.fromarray(RANDOM.integers(0, 256, shape, np.uint8)).save(
            photos / "cat" / f"{name}.png"
        )
    message = (
        "photos: 2 images have their ratio of height to width changed, by a factor of up to 2.5"
    )
    assert message in notes(photos)
    assert notes(photos, size=6) == [message]


def test_few_images_in_colour_that_colour_all_are_said(tmp_path):
    photos = save(tmp_path / "photos", [*COLOUR[:7, ..., 0], COLOUR[7]])
    assert notes(photos) == [
        "photos: 1 image is in colour, so that all 8 are kept in colour (data.channels)"
    ]
    assert notes(photos, channels=1) == notes(photos, channels=3) == []


def test_new_images_are_read_in_the_range_of_the_point_and_with_a_word(tmp_path):
    photos = save(tmp_path / "photos", DEEP)
    (photos / "cat" / "lost.png").symlink_to("gone.png")
    x, names, said = reading.images(photos, (6, 6, 1), (0, 4095))
    np.testing.assert_array_equal(x[..., 0], np.round(DEEP / 4095 * 255))
    assert names[:2] == ["cat/0.png", "cat/1.png"]
    assert said == [f"--input={photos}: 1 link leads nowhere, and is left out: cat/lost.png"]
    assert "the largest value is 4,095" in reading.images(photos, (6, 6, 1), None).notes[-1]


def test_the_colours_of_a_printer_are_said(tmp_path):
    photos = save(tmp_path / "photos", COLOUR)
    for name, pixels in (("a.jpg", COLOUR[0]), ("b.jpg", 255 - COLOUR[0])):
        Image.fromarray(pixels).convert("CMYK").save(photos / "cat" / name)
    assert notes(photos) == [
        "photos: 2 images have the colours of a printer (CMYK), which become those of a screen"
    ]


def test_a_photo_of_several_parts_has_no_further_frames(tmp_path):
    """What a phone keeps in a photo: its MPO holds a preview."""
    buffer = io.BytesIO()
    Image.fromarray(COLOUR[0]).save(
        buffer, "MPO", save_all=True, append_images=[Image.fromarray(COLOUR[1])]
    )
    photos = save(tmp_path / "photos", COLOUR)
    (photos / "cat" / "a.jpg").write_bytes(buffer.getvalue())
    assert notes(photos) == []


def test_files_that_break_off_are_counted_with_those_that_do_not_begin(tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(4)]
    for file in files:
        noise = np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8)
        Image.fromarray(noise).save(file)
    files[1].write_text("no image")
    files[2].write_bytes(files[2].read_bytes()[:-200])
    for look in (decoding.sizes, lambda some: decoding.pixels(some, (8, 8), 1)):
        with pytest.raises(ConfigError, match=r"2 of 4 images cannot be read \(.*1\.png.*2\.png"):
            look(files)
