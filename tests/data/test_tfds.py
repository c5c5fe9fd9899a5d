"""MNIST and Fashion-MNIST through tensorflow-datasets, from a server on loopback."""

import gzip
import hashlib
import io
import json
import struct
import sys

import numpy as np
import pytest

from jaxdml import data
from jaxdml.data.sets import mnist, tfds
from jaxdml.options import ConfigError
from tests.data.server import serving
from tests.data.test_files import idx

pytest.importorskip("tensorflow_datasets", reason="the extra `tfds` is not installed")


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    return {
        part: (random.integers(0, 256, (n, 28, 28), np.uint8), random.integers(0, 10, n, np.uint8))
        for part, n in (("train", 40), ("test", 20))
    }


@pytest.fixture
def served(arrays, tmp_path, monkeypatch):
    """Four files on a server, whose checksums tensorflow-datasets knows; folders of our own."""
    from tensorflow_datasets.core.download import checksums

    files = {
        f"{file}.gz": gzip.compress(idx(array))
        for part, names in mnist.FILES.items()
        for file, array in zip(names, arrays[part], strict=True)
    }
    for variable in ("TFDS_DATA_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    with serving(files) as server:
        info_by_url = {
            server.url + name: checksums.UrlInfo(
                size=len(content), checksum=hashlib.sha256(content).hexdigest(), filename=name
            )
            for name, content in files.items()
        }
        monkeypatch.setattr(checksums, "get_all_url_infos", lambda: info_by_url)
        facts = {name: f._replace(url=server.url) for name, f in mnist.FACTS.items()}
        monkeypatch.setattr(mnist, "FACTS", facts)
        yield server


def assert_is(dataset, arrays):
    for part, split in (("train", dataset.train), ("test", dataset.test)):
        np.testing.assert_array_equal(split.x[..., 0], arrays[part][0])
        np.testing.assert_array_equal(split.y, arrays[part][1])
        assert (split.x.dtype, split.y.dtype) == (np.uint8, np.int32)


def test_the_checksum_of_every_published_file_is_known():
    from tensorflow_datasets.core.download import checksums

    files = [file for pair in mnist.FILES.values() for file in pair]
    urls = {f"{facts.url}{file}.gz" for facts in mnist.FACTS.values() for file in files}
    assert len(urls) == 8
    assert urls <= set(checksums.get_all_url_infos())


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_set_is_downloaded_once_and_then_read_from_its_arrays(
    name, served, arrays, tmp_path, monkeypatch
):
    first = data.load(name, tmp_path)
    assert_is(first, arrays)
    assert sorted(served.requested_paths) == sorted(served.files)
    assert (tmp_path / "TFDS_DATA_DIR" / f"jaxdml_{name}" / "1.0.0").is_dir()
    assert "tensorflow" not in sys.modules
    served.close()
    monkeypatch.setattr(tfds, "arrays", None)
    assert_is(data.load(name, tmp_path), arrays)


def test_what_was_prepared_is_read_where_no_arrays_were_kept(served, arrays, tmp_path):
    data.load("mnist", tmp_path / "one")
    served.close()
    assert_is(data.load("mnist", tmp_path / "two"), arrays)


def test_arrays_go_to_the_users_cache_where_the_data_folder_cannot_be_written(
    served, arrays, tmp_path
):
    (tmp_path / "mnist").touch()  # no folder of this name can be made
    data.load("mnist", tmp_path)
    assert len(list((tmp_path / "XDG_CACHE_HOME").glob("jaxdml/mnist/*-ubyte"))) == 4
    served.close()
    assert_is(data.load("mnist", tmp_path), arrays)


def test_another_checksum_is_refused(served, arrays, tmp_path):
    name = "t10k-labels-idx1-ubyte.gz"
    right = served.files[name]
    served.files[name] = gzip.compress(idx(arrays["test"][1]), compresslevel=1, mtime=1)
    with pytest.raises(ConfigError, match=f"{name}, downloaded to .*, has wrong checksum.*by --d"):
        data.load("mnist", tmp_path)
    assert not (tmp_path / "mnist").exists()
    served.files[name] = right
    assert_is(data.load("mnist", tmp_path), arrays)


def test_a_file_whose_checksum_is_not_known_is_refused(served, tmp_path, monkeypatch):
    from tensorflow_datasets.core.download import checksums

    monkeypatch.setattr(checksums, "get_all_url_infos", dict)
    with pytest.raises(ConfigError, match="Missing checksums url"):
        data.load("mnist", tmp_path)
    assert served.requested_paths == []


def test_a_download_that_breaks_off_is_not_used_and_a_second_start_succeeds(
    served, arrays, tmp_path
):
    served.cut.add("train-images-idx3-ubyte.gz")
    with pytest.raises(ConfigError, match=r"could not be downloaded \(.*bytes read.*IDX files"):
        data.load("mnist", tmp_path)
    assert not (tmp_path / "mnist").exists()
    served.cut.clear()
    assert_is(data.load("mnist", tmp_path), arrays)


def test_without_a_network_the_sentence_names_the_url_and_the_folder(served, tmp_path):
    served.close()
    with pytest.raises(ConfigError, match="Connection refused") as error:
        data.load("fashion_mnist", tmp_path)
    assert f"train-images-idx3-ubyte.gz in {tmp_path / 'fashion_mnist'}" in str(error.value)
    assert served.url in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("package", ["tensorflow_datasets", "array_record", "importlib_resources"])
def test_without_the_extra_the_sentence_says_how_to_get_it(package, tmp_path, monkeypatch, served):
    monkeypatch.setitem(sys.modules, package, None)
    message = rf"no train-images-idx3-ubyte.gz in .*{package} is not installed.*'jaxdml\[tfds\]'"
    with pytest.raises(ConfigError, match=message):
        data.load("mnist", tmp_path)


def test_a_copy_that_tensorflow_prepared_is_read_in_the_order_of_the_files(
    served, arrays, tmp_path
):
    prepare_as_tensorflow_does(arrays, tmp_path / "TFDS_DATA_DIR" / "mnist" / "3.0.1")
    assert_is(data.load("mnist", tmp_path), arrays)
    assert served.requested_paths == []


def test_a_damaged_copy_is_named(served, arrays, tmp_path):
    folder = tmp_path / "TFDS_DATA_DIR" / "mnist" / "3.0.1"
    prepare_as_tensorflow_does(arrays, folder)
    file = folder / "mnist-train.tfrecord-00000-of-00002"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ConfigError, match=f"{folder} cannot be read .*: move it away"):
        data.load("mnist", tmp_path)


def prepare_as_tensorflow_does(arrays, folder):
    """PNG images in TFRecord files of two shards, sorted by MD5, as `mnist/3.0.1` has them."""
    from PIL import Image
    from tensorflow_datasets.core.example_parser import tf_example_pb2

    folder.mkdir(parents=True)
    splits = []
    for part, (images, labels) in arrays.items():
        records = {}
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            png = io.BytesIO()
            Image.fromarray(image).save(png, "png")
            example = tf_example_pb2.Example()
            example.features.feature["image"].bytes_list.value.append(png.getvalue())
            example.features.feature["label"].int64_list.value.append(int(label))
            record = example.SerializeToString()
            framed = struct.pack("<Q", len(record)) + bytes(4) + record + bytes(4)
            records[int(hashlib.md5(part.encode() + str(i).encode()).hexdigest(), 16)] = framed
        ordered = [records[key] for key in sorted(records)]
        shards = ordered[:15], ordered[15:]
        for i, shard in enumerate(shards):
            name = f"mnist-{part}.tfrecord-0000{i}-of-00002"
            (folder / name).write_bytes(b"".join(shard))
        splits.append({"name": part, "shardLengths": [str(len(shard)) for shard in shards]})
        splits[-1]["filepathTemplate"] = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
        splits[-1]["numBytes"] = str(sum(map(len, ordered)))
    info = {"name": "mnist", "version": "3.0.1", "fileFormat": "tfrecord", "splits": splits}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    shape = {"dimensions": ["28", "28", "1"]}
    path = "tensorflow_datasets.core.features."
    image = {"image": {"dtype": "uint8", "shape": shape}}
    label = {"classLabel": {"numClasses": "10"}}
    features = {
        "pythonClassName": f"{path}features_dict.FeaturesDict",
        "featuresDict": {
            "features": {
                "image": image | {"pythonClassName": f"{path}image_feature.Image"},
                "label": label | {"pythonClassName": f"{path}class_label_feature.ClassLabel"},
            }
        },
    }
    (folder / "features.json").write_text(json.dumps(features))
