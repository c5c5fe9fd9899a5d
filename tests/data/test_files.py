import dataclasses
import gzip
import subprocess
import sys

import numpy as np
import pytest

from jaxdml import data
from jaxdml.data.sets import digits, mnist
from jaxdml.options import ConfigError
from jaxdml.runs.planning import loading
from jaxdml.settings.resolve import resolve
from jaxdml.types import Dataset
from tests.third_party import blobs


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return header + array.tobytes()


@pytest.fixture
def idx_files(tmp_path):
    random = np.random.default_rng(0)
    folder = tmp_path / "mnist"
    folder.mkdir()
    arrays = {}
    for split, count in (("train", 30), ("test", 10)):
        images, labels = mnist.FILES[split]
        arrays[split] = random.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count) % 10
        (folder / f"{images}.gz").write_bytes(gzip.compress(idx(arrays[split][0])))
        (folder / labels).write_bytes(idx(arrays[split][1].astype(np.uint8)))
    return tmp_path, arrays


def test_idx_files_are_read_compressed_or_not(idx_files):
    folder, arrays = idx_files
    dataset = data.load("mnist", folder)
    for split, part in (("train", dataset.train), ("test", dataset.test)):
        np.testing.assert_array_equal(part.x[..., 0], arrays[split][0])
        np.testing.assert_array_equal(part.y, arrays[split][1])
        assert part.x.dtype == np.uint8


def test_to_read_a_configuration_and_mnist_no_slow_library_is_loaded(idx_files):
    code = (
        "import sys; from pathlib import Path;"
        "from jaxdml.settings.resolve import resolve; from jaxdml.runs.planning import loading;"
        "point = resolve({'system': 'dml', 'data.name': 'mnist', 'train.epochs': 1});"
        "loading.loader(Path(sys.argv[1]))(point);"
        "slow = {'sklearn', 'scipy.optimize', 'scipy.stats', 'tensorflow_datasets', 'requests'};"
        "print(slow & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, idx_files[0]], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b[:-100], "is not a complete gzip file"),
        (lambda b: gzip.compress(gzip.decompress(b)[:-5]), "but its header says 30 × 28 × 28"),
        (lambda b: gzip.compress(b"nonsense"), "is not an IDX file"),
    ],
)
def test_a_damaged_idx_file_is_named(idx_files, damage, message):
    folder, _ = idx_files
    file = folder / "mnist" / "train-images-idx3-ubyte.gz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ConfigError, match=f"train-images-idx3-ubyte.gz.*{message}"):
        data.load("mnist", folder)


def test_images_and_labels_that_do_not_match_are_refused(idx_files):
    folder, arrays = idx_files
    labels = folder / "mnist" / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(arrays["train"][1][:20].astype(np.uint8)))
    with pytest.raises(ConfigError, match="one label for each image"):
        data.load("mnist", folder)


def test_digits_are_split_by_class_and_always_alike(tmp_path):
    first, again = digits.make(tmp_path), digits.make(tmp_path)
    np.testing.assert_array_equal(first.train.x, again.train.x)
    for split, count in ((first.train, 1197), (first.validation, 150), (first.test, 450)):
        assert len(split.y) == count
        assert np.ptp(np.bincount(split.y) / count) < 0.01
    assert first.train.x.max() == 255


def test_validation_images_are_taken_from_the_training_set(tmp_path):
    whole, part = data.load("digits", tmp_path), data.load("digits", tmp_path, validation=100)
    assert len(part.train.y) == 1097
    rows = np.concatenate([part.train.x, part.validation.x]).reshape(1197, -1)
    assert sorted(map(bytes, rows)) == sorted(map(bytes, whole.train.x.reshape(1197, -1)))
    with pytest.raises(ConfigError, match=r"data.validation is 1197, but digits has 1197 images"):
        data.load("digits", tmp_path, validation=1197)


def test_a_users_own_set_is_found_by_its_dotted_path(tmp_path):
    dataset = data.load("tests.third_party.blobs:make", tmp_path)
    np.testing.assert_array_equal(dataset.train.x, blobs.make(tmp_path).train.x)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", r"must be one of mnist, .*\(the nearest of"),
        (
            "organamnist_32",
            r"must be one of organamnist_224, organamnist_128, organamnist, organam",
        ),
        ("zebras", r"must be one of mnist, table, arrays, digits, images, .* \(50 in all\)"),
    ],
)
def test_a_name_that_is_not_there_is_answered_by_near_ones(name, message, tmp_path):
    with pytest.raises(ConfigError, match=rf"data\.name {message}.*but is '{name}'"):
        data.load(name, tmp_path)


def dimmed(data_dir, *, by: float = 1.0, kind: str = "float32"):
    whole = blobs.make(data_dir)
    parts = [dataclasses.replace(part, x=(part.x / 255 * by).astype(kind))
             for part in (whole.train, whole.validation, whole.test)]  # fmt: skip
    return Dataset("dimmed", *parts, classes=whole.classes, source="made here")


def test_a_data_set_has_options_and_is_what_it_should_be(tmp_path):
    name = f"{__name__}:dimmed"
    resolved = resolve({"system": "ae", "data.name": name, "data.by": 0.5})
    assert resolved["data.by"] == 0.5
    assert resolved["data.kind"] == "float32"
    half, whole = loading.loader(tmp_path)(resolved), data.load(name, tmp_path)
    np.testing.assert_array_equal(half.train.x * 2, whole.train.x)
    assert data.fingerprint(half) != data.fingerprint(whole)
    for options, message in (
        ({"by": 2.0}, r"dimmed: the training images must lie in \[0, 1\], but go from 0 to 1\.7"),
        ({"kind": "int32"}, r"images must be uint8, or float in \[0, 1\], but are int32"),
        ({"by": np.nan}, r"data\.by must be finite, and at most 3\.4e38, but is nan"),
    ):
        with pytest.raises(ConfigError, match=message):
            data.load(name, tmp_path, **options)


@pytest.mark.data
def test_the_real_mnist(real_data):
    dataset = data.load("mnist", real_data)
    assert dataset.train.x.shape == (60_000, 28, 28, 1)
    assert np.bincount(dataset.train.y)[:3].tolist() == [5923, 6742, 5958]
    assert np.bincount(dataset.test.y)[:3].tolist() == [980, 1135, 1032]
