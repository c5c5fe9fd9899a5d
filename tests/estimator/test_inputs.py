"""Frames, paths of images, a limit of time, and an export: what `fit` takes, and where it goes."""

import subprocess
import sys
import time

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

from tests.estimator.small import IMAGES, KIND, VECTORS, WORDS, Y, embedder

NAMES = list("abcdef")


@pytest.fixture(scope="module")
def fitted():
    return embedder(method="dml").fit(VECTORS, Y)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_a_frame_is_its_columns(frame, fitted):
    named = frame(dict(zip(NAMES, VECTORS.T, strict=True)))
    one = embedder(method="dml").fit(named, Y)
    np.testing.assert_array_equal(one.transform(named), fitted.transform(VECTORS))
    assert one.feature_names_in_.tolist() == NAMES
    with pytest.raises(ValueError, match="The feature names should match those that were"):
        one.transform(named[NAMES[::-1]])


def test_a_series_of_words_with_gaps_is_read(fitted):
    y = pd.Series([WORDS[label] if label >= 0 else None for label in Y])
    one = embedder(method="dml").fit(VECTORS, y)
    assert one.classes_.tolist() == WORDS.tolist()
    np.testing.assert_array_equal(one.transform(VECTORS), fitted.transform(VECTORS))
    frame = one.set_output(transform="pandas").transform(VECTORS)
    assert list(frame.columns) == [f"embedding{i}" for i in range(4)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for number, image in enumerate(IMAGES):
        Image.fromarray(image).save(folder / f"{number:02}.png")
    return sorted(folder.iterdir())


def test_paths_of_images_are_read(files):
    by_files = embedder(method="dml").fit(files, Y)
    by_arrays = embedder(method="dml").fit(IMAGES, Y)
    z = by_arrays.transform(IMAGES)
    np.testing.assert_array_equal(by_files.transform(files), z)
    np.testing.assert_array_equal(by_files.transform([str(file) for file in files]), z)
    np.testing.assert_array_equal(by_files.transform(IMAGES[..., None]), z)
    assert by_files.score(files, KIND) == by_arrays.score(IMAGES, KIND)


def test_paths_that_cannot_be_read_are_named(files, tmp_path):
    (tmp_path / "torn.png").write_bytes(files[0].read_bytes()[:40])
    with pytest.raises(ValueError, match=r"1 of 90 images cannot be read \(.*torn.png"):
        embedder().fit([tmp_path / "torn.png", *files[1:]], Y)
    Image.new("L", (99, 99)).save(tmp_path / "large.png")
    with pytest.warns(UserWarning, match="X: images of 6 × 6 to 99 × 99 pixels are stretched"):
        embedder(5, method="dml").fit([tmp_path / "large.png", *files[1:]], Y)
    small = embedder(5, method="dml", options={"data.size": 4}).fit(files, Y)
    assert small.trained_.on_data.image_shape == (4, 4, 1)


def test_a_limit_of_time_chooses_steps_once_and_they_give_the_same_bytes():
    began = time.monotonic()
    one = embedder(None, method="dml", max_seconds=10.0).fit(VECTORS, Y)
    assert time.monotonic() - began < 60  # the machine may be busy
    assert 100 <= one.n_steps_ <= 6000
    again = embedder(one.n_steps_, method="dml").fit(VECTORS, Y)
    assert again.transform(VECTORS).tobytes() == one.transform(VECTORS).tobytes()
    with pytest.raises(ValueError, match=r"max_seconds=0.01 is too short: 100 steps, which is"):
        embedder(None, method="dml", max_seconds=0.01).fit(VECTORS, Y)


RUN = """
import sys
import numpy as np
sys.modules["jaxdml"] = None  # as if it were not installed
from jax import export
encode = export.deserialize(bytearray(open(sys.argv[1], "rb").read()))
with np.load(sys.argv[2]) as arrays:
    z = encode.call(arrays["x"])
np.save(sys.argv[3], np.asarray(z))
"""


@pytest.mark.default_variants("x1-uint8")
@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (VECTORS, "float32"),
        (IMAGES, "uint8"),
        pytest.param(IMAGES / 255, "float32", marks=pytest.mark.slow),
    ],
)
def test_an_export_runs_without_jaxdml(x, dtype, tmp_path):
    one = embedder(10, method="dml").fit(x, Y)
    one.export(tmp_path / "encoder", dtype)
    np.savez(tmp_path / "x.npz", x=(x if x.ndim == 2 else x[..., None]).astype(dtype))
    files = [tmp_path / name for name in ("encoder", "x.npz", "z.npy")]
    subprocess.run([sys.executable, "-c", RUN, *map(str, files)], check=True)
    np.testing.assert_allclose(np.load(files[2]), one.transform(x), atol=2e-5)
    with pytest.raises(ValueError, match="dtype must be one of float32"):
        one.export(tmp_path / "encoder", "float16")
