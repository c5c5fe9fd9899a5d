"""Files of arrays that unpack to far more than they are, lie, hold objects, or are no files."""

import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from jaxdml import data
from jaxdml.data import npz
from jaxdml.estimator.trained import reading
from jaxdml.options import ConfigError
from tests.hostile.small import arrays


def header(shape, kind="|u1"):
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def bomb(path, name, shape):
    """Adds an array of zeros, which takes a thousandth of its size in the file."""
    zeros = bytes(int(np.prod(shape)))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", header(shape) + zeros)


@pytest.fixture
def small(monkeypatch):
    """What any file may hold is a MiB, so that no test unpacks a GiB."""
    monkeypatch.setattr(npz, "HARMLESS", 2**20)


def test_an_array_that_is_not_used_is_not_unpacked(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, **arrays())
    bomb(path, "other", (2**26,))
    tracemalloc.start()
    dataset = data.load("arrays", tmp_path, path="own.npz")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**24
    assert "own.npz: arrays of other names are left out: other" in dataset.notes


@pytest.mark.usefixtures("small")
def test_an_array_that_unpacks_to_far_more_is_refused(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, **{name: a for name, a in arrays().items() if name != "x"})
    bomb(path, "x", (2**22, 4, 4))
    with pytest.raises(ConfigError, match=r"x unpacks from .* to 67,108,992: if it is meant"):
        data.load("arrays", tmp_path, path="own.npz")


def test_a_header_that_says_more_than_the_file_holds_is_refused(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, **{name: a for name, a in arrays().items() if name != "x"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x.npy", header((10**9, 10**4, 10**4)) + bytes(16))
    with pytest.raises(ConfigError, match=r"x says that it is \(1000000000, 10000, 10000\) of"):
        data.load("arrays", tmp_path, path="own.npz")


def test_objects_are_refused_and_nothing_of_them_is_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    np.savez(tmp_path / "own.npz", **arrays(), classes=np.array([Evil()], object))
    with pytest.raises(ConfigError, match="classes holds objects, which are not unpickled"):
        data.load("arrays", tmp_path, path="own.npz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["arrays", "images", "table"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_a_device_is_refused_at_once(tmp_path, name, kind):
    path = tmp_path / "own.npz"
    os.mkfifo(path)
    place = "/dev/zero" if kind == "device" else "own.npz"
    with pytest.raises(ConfigError, match="is neither a file nor a folder, but a pipe"):
        data.load(name, tmp_path, path=place)


@pytest.mark.parametrize("ending", ["csv", "npz"])
def test_a_pipe_is_no_input(tmp_path, ending):
    os.mkfifo(tmp_path / f"x.{ending}")
    path = tmp_path / f"x.{ending}"
    with pytest.raises(ConfigError, match=r"must be (a table|an \.npz)"):
        reading.table.read(path) if ending == "csv" else reading.images(path, (4, 4, 1))
