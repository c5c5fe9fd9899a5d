import hashlib
import importlib.machinery
import importlib.util
import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxdml import data
from jaxdml.data.sets import medmnist
from jaxdml.options import ConfigError
from tests.data.server import serving

SIZES = (28, 64, 128, 224)


def made_up(name, counts=(22, 11, 11)):
    """The arrays of a file as MedMNIST has it; a class is a shade, with noise."""
    facts = medmnist.FACTS[name]
    random = np.random.default_rng(0)
    arrays = {}
    for part, n in zip(("train", "val", "test"), counts, strict=True):
        y = (np.arange(n) % len(facts.classes)).astype(np.uint8)
        x = random.integers(0, 60, (n, *facts.shape), np.uint8)
        arrays[f"{part}_images"] = x + 15 * y.reshape(n, *[1] * len(facts.shape))
        arrays[f"{part}_labels"] = y[:, None]
    return arrays


def npz(arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A made-up organamnist on a server, as if it were the published one."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    content = npz(made_up("organamnist"))
    with serving({"organamnist.npz": content}) as server:
        facts = medmnist.FACTS["organamnist"]._replace(
            url=f"{server.url}organamnist.npz?download=1", md5=hashlib.md5(content).hexdigest()
        )
        monkeypatch.setattr(medmnist, "FACTS", medmnist.FACTS | {"organamnist": facts})
        yield server


def assert_is_made_up(dataset, name="organamnist"):
    arrays = made_up(name)
    for part, split in (
        ("train", dataset.train),
        ("val", dataset.validation),
        ("test", dataset.test),
    ):
        x, y = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        np.testing.assert_array_equal(split.x, x.reshape(*x.shape[:3], -1))
        np.testing.assert_array_equal(split.y, y[:, 0])
        assert (split.x.dtype, split.y.dtype) == (np.uint8, np.int32)


def test_a_file_is_downloaded_once(served, tmp_path, capsys):
    assert_is_made_up(data.load("organamnist", tmp_path))
    url, path = medmnist.FACTS["organamnist"].url, tmp_path / "medmnist" / "organamnist.npz"
    message = f"note: downloading {url} to {path}: 58,830 images, 46 MB in memory\n"
    assert capsys.readouterr() == ("", message)
    assert served.requested_paths == ["organamnist.npz"]
    served.close()
    assert_is_made_up(data.load("organamnist", tmp_path))
    assert [file.name for file in (tmp_path / "medmnist").iterdir()] == ["organamnist.npz"]


def test_a_download_goes_to_medmnists_folder_where_the_data_folder_cannot_be_written(
    served, tmp_path
):
    (tmp_path / "medmnist").touch()  # no folder of this name can be made
    data.load("organamnist", tmp_path)
    assert (tmp_path / "home" / ".medmnist" / "organamnist.npz").is_file()
    served.close()
    assert_is_made_up(data.load("organamnist", tmp_path))


def test_a_download_with_another_checksum_is_refused(served, tmp_path):
    right = served.files["organamnist.npz"]
    served.files["organamnist.npz"] = npz(made_up("organamnist", (11, 11, 11)))
    with pytest.raises(ConfigError, match=r"does not match the known hash: expected md5:.*put it"):
        data.load("organamnist", tmp_path)
    assert not (tmp_path / "medmnist").exists()
    served.files["organamnist.npz"] = right
    assert_is_made_up(data.load("organamnist", tmp_path))


def test_a_download_that_breaks_off_is_not_used_and_a_second_start_succeeds(served, tmp_path):
    served.cut.add("organamnist.npz")
    with pytest.raises(ConfigError, match=r"could not be downloaded \(.*bytes read"):
        data.load("organamnist", tmp_path)
    assert not (tmp_path / "medmnist").exists()
    served.cut.clear()
    assert_is_made_up(data.load("organamnist", tmp_path))


def test_without_a_network_the_sentence_names_the_url_and_the_folder(served, tmp_path):
    served.close()
    url = re.escape(medmnist.FACTS["organamnist"].url)
    message = (
        rf"{url} could not be downloaded \(.*refused\): put it in {tmp_path}/medmnist as organ"
    )
    with pytest.raises(ConfigError, match=rf"{message}amnist\.npz, or name .* --data_dir"):
        data.load("organamnist", tmp_path)


@pytest.fixture
def placed(tmp_path):
    """Puts a file of a set into the data folder."""
    (tmp_path / "medmnist").mkdir()

    def write_file(name, content):
        (tmp_path / "medmnist" / f"{name}.npz").write_bytes(content)

    return write_file


def test_a_file_with_the_published_checksum_is_used_without_a_word(served, placed, tmp_path):
    placed("organamnist", served.files["organamnist.npz"])
    assert_is_made_up(data.load("organamnist", tmp_path))
    assert served.requested_paths == []


@pytest.mark.parametrize("name", ["organamnist", "bloodmnist_64", "retinamnist_128"])
def test_a_file_with_another_checksum_is_used_with_a_warning_that_names_both(
    name, placed, tmp_path
):
    content = npz(made_up(name))
    placed(name, content)
    md5 = hashlib.md5(content).hexdigest()
    with pytest.warns(
        UserWarning, match=f"MD5 {md5}, the published file {medmnist.FACTS[name][1]}"
    ):
        dataset = data.load(name, tmp_path)
    assert_is_made_up(dataset, name)
    assert dataset.classes == medmnist.FACTS[name].classes
    assert dataset.source == f"MedMNIST v2 (Yang et al. 2023), {name}; CC BY 4.0"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda arrays: npz(arrays)[:1000], "not a zip file"),
        (lambda arrays: npz(arrays | {"val_labels": arrays["train_labels"]}), r"val: .*\(22, 1\)"),
        (
            lambda arrays: npz({k: v for k, v in arrays.items() if k != "test_images"}),
            "test_images",
        ),
        (lambda arrays: npz(made_up("organamnist_64")), r"train: images uint8 \(22, 64, 64\)"),
        (lambda arrays: npz(arrays | {"test_labels": arrays["test_labels"] + 1}), "from 1 to 11"),
        (lambda arrays: npz(made_up("pathmnist")), r"\(22, 28, 28, 3\)"),
    ],
)
def test_a_damaged_or_foreign_file_is_named(damage, message, placed, tmp_path):
    placed("organamnist", damage(made_up("organamnist")))
    with pytest.raises(
        ConfigError, match=f"not a complete MedMNIST file of organamnist .*{message}"
    ):
        data.load("organamnist", tmp_path)


def test_a_file_that_is_damaged_inside_is_named(placed, tmp_path):
    content = bytearray(npz(made_up("organamnist")))
    content[2000:3000] = bytes(1000)
    placed("organamnist", bytes(content))
    with pytest.raises(ConfigError, match="not a complete MedMNIST file"):
        data.load("organamnist", tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("chestmnist", "several labels each"),
        ("chestmnist_224", "several labels each"),
        ("organmnist3d", "holds volumes"),
        ("synapsemnist3d_64", "holds volumes"),
    ],
)
def test_sets_that_cannot_be_read_say_why(name, message, tmp_path):
    with pytest.raises(ConfigError, match=f"data.name={name}: .*{message}"):
        data.load(name, tmp_path)


@pytest.fixture
def info(monkeypatch, tmp_path):
    """What the package medmnist says, without what it imports: torch and torchvision."""
    places = [*sys.path, str(Path(sys.prefix) / "medmnist")]  # the last by `make setup`
    package = importlib.machinery.PathFinder.find_spec("medmnist", places)
    if package is None:
        pytest.skip(f"no medmnist: pip install --no-deps --target={places[-1]} medmnist")
    monkeypatch.setenv("HOME", str(tmp_path))  # where it makes a folder
    [folder] = package.submodule_search_locations
    spec = importlib.util.spec_from_file_location("medmnist_info", f"{folder}/info.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.INFO


def test_the_facts_are_those_of_the_package(info):
    single = {
        flag: row
        for flag, row in info.items()
        if "multi-label" not in row["task"] and not flag.endswith("3d")
    }
    assert len(single) == 11
    expected = {}
    for flag, row in single.items():
        for size in SIZES:
            end = "" if size == 28 else f"_{size}"
            expected[f"{flag}{end}"] = medmnist.Facts(
                url=row[f"url{end}"],
                md5=row[f"MD5{end}"],
                shape=(size, size) if row["n_channels"] == 1 else (size, size, 3),
                images=tuple(row["n_samples"][part] for part in ("train", "val", "test")),
                classes=tuple(row["label"][str(i)] for i in range(len(row["label"]))),
                licence=row["license"],
            )
    assert expected == medmnist.FACTS
    assert set(expected) <= set(data.DATASETS)
    for flag in set(info) - set(single):
        with pytest.raises(ConfigError):
            medmnist.refuse(flag)


@pytest.mark.slow
def test_a_made_up_colour_set_of_64_pixels_is_trained(placed, tmp_path, command):
    placed("bloodmnist_64", npz(made_up("bloodmnist_64", (24, 8, 24))))
    done = command(
        "train", "--config=configs/digits.py", f"--workdir={tmp_path / 'run'}",
        f"--data_dir={tmp_path}", "--config.data.name=bloodmnist_64", "--config.train.epochs=1",
        "--config.model.hidden=(32,)", "--config.train.batch_size=8",
        "--config.data.labelled_percent=50", "--config.train.learning_rate=1e-4",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scores = (tmp_path / "run" / "results.csv").read_text()
    assert "bloodmnist_64" in done.stderr
    assert ",ok," in scores
    assert "failed" not in scores


@pytest.mark.data
def test_the_real_organamnist_has_its_published_checksum(real_data):  # or it warns
    dataset = data.load("organamnist", real_data)
    splits = (dataset.train, dataset.validation, dataset.test)
    assert tuple(len(split.y) for split in splits) == medmnist.FACTS["organamnist"].images
    assert [split.x.shape[1:] for split in splits] == [(28, 28, 1)] * 3
    assert np.unique(dataset.test.y).tolist() == list(range(11))
