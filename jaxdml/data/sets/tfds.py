"""Sets of IDX files through tensorflow-datasets, without TensorFlow.

Its own builders need TensorFlow to prepare MNIST, and to read what they prepared. Here its download
manager gets the files and checks them, its writer prepares them in a format that is read without
TensorFlow, and what its own builders prepared before is read too.
"""

import hashlib
import io
import os
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from jaxdml.data.download import cause
from jaxdml.data.sets import idx
from jaxdml.options import ConfigError

Arrays = Mapping[str, tuple[np.ndarray, np.ndarray]]  # part → images u8[N, H, W], labels u8[N]
OFFICIAL = "3.0.1"  # the version of their own `mnist` and `fashion_mnist`
OWN, VERSION = "jaxdml_{}", "1.0.0"  # what is prepared here


def arrays(name: str, url: str, files: Mapping[str, tuple[str, str]]) -> Arrays:
    """A set as tensorflow-datasets has it, or gets it; its folder is TFDS_DATA_DIR, as always.

    Args:
      name: its name there. A prepared copy, like `mnist/3.0.1`, is read where there is one.
      url: of the folder that holds the compressed files.
      files: part → the names of its images and labels, without `.gz`.

    Returns:
      for each part the images u8[N, 28, 28] and labels u8[N], in the order of the files.

    Raises:
      ConfigError: if it is not installed, a file cannot be downloaded or has another checksum, or
        the prepared copy is damaged.
    """
    try:
        import array_record  # noqa: F401  only whether it is there: it is needed to read
        import importlib_resources  # noqa: F401  the same: a plain install lacks it
        import tensorflow_datasets
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{error.name} is not installed (pip install 'jaxdml[tfds]' gets the set)"
        ) from error
    folder = Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    copies = (folder / name / OFFICIAL, folder / OWN.format(name) / VERSION)
    copy = next((c for c in copies if (c / "dataset_info.json").is_file()), None)
    copy = copy or _prepare(name, url, files, folder)
    try:
        builder = tensorflow_datasets.builder_from_directory(copy)
        return {part: _read(builder, part) for part in files}
    except Exception as error:  # whatever a damaged file makes of it
        raise ConfigError(f"{copy} cannot be read ({cause(error)}): move it away") from error


def _prepare(name: str, url: str, files: Mapping[str, tuple[str, str]], folder: Path) -> Path:
    """Downloads a set and prepares it."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import downloader

    prepared_name = OWN.format(name)
    base: Any = tfds.core.GeneratorBasedBuilder

    # the base is untyped, and its keyword is read by its own __init_subclass__
    class Builder(base, skip_registration=True):  # type: ignore[misc, call-arg]
        """The set as arrays of bytes; their own stores PNG, which takes TensorFlow to write."""

        name = prepared_name
        VERSION = tfds.core.Version(VERSION)

        def _info(self) -> Any:
            image = tfds.features.Tensor(shape=(28, 28, 1), dtype=np.uint8)
            label = tfds.features.Tensor(shape=(), dtype=np.uint8)
            features = tfds.features.FeaturesDict({"image": image, "label": label})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, manager: Any) -> dict[str, Any]:
            urls = {part: [f"{url}{file}.gz" for file in pair] for part, pair in files.items()}
            paths = manager.download(urls)
            return {part: self._generate_examples(*pair) for part, pair in paths.items()}

        def _generate_examples(self, images: Any, labels: Any) -> Iterator[tuple[int, Any]]:
            for i, (x, y) in enumerate(zip(*idx.read_pair(images, labels), strict=True)):
                yield i, {"image": x[..., None], "label": y}

    # its ten, with their pauses, are three minutes until it says that there is no network
    downloader.MAX_RETRIES = 0
    print(f"note: downloading {url} to {folder}, for tensorflow-datasets", file=sys.stderr)
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    checked = tfds.download.DownloadConfig(force_checksums_validation=True, try_download_gcs=False)
    try:
        with redirect_stdout(io.StringIO()):  # where it says the same in words of its own
            builder = Builder(data_dir=folder, file_format="array_record")
            builder.download_and_prepare(download_config=checked)
    except (
        OSError,
        ValueError,  # it knows no checksum
        tfds.download.DownloadError,
        tfds.core.download.download_manager.NonMatchingChecksumError,
    ) as error:
        raise ConfigError(f"{url} could not be downloaded ({cause(error)})") from error
    return Path(builder.data_dir)


def _read(builder: Any, part: str) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow_datasets as tfds

    split, features = builder.info.splits[part], builder.info.features
    if builder.info.file_format is tfds.core.FileFormat.TFRECORD:
        records = (record for path in split.filepaths for record in _records(Path(path)))
        rows = [features.deserialize_example_np(record) for record in records]
    else:
        rows = builder.as_data_source(part).__getitems__(range(split.num_examples))
    # Examples are stored in the order of a hash of their number, salted by the part. They are put
    # back, so that a seed chooses the same labelled images wherever the set came from.
    order = sorted(range(len(rows)), key=lambda i: hashlib.md5(f"{part}{i}".encode()).digest())
    x = np.empty((split.num_examples, 28, 28), np.uint8)
    y = np.empty(split.num_examples, np.uint8)
    for i, row in zip(order, rows, strict=True):
        x[i], y[i] = row["image"][..., 0], row["label"]
    return x, y


def _records(path: Path) -> Iterator[bytes]:
    """The records of a TFRecord file: a length of 8 bytes, a checksum of 4, the record, another."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        yield data[at + 12 : at + 12 + length]
        at += length + 16
