"""Embeddings are the same in every format."""

import csv
import sys

import numpy as np
import pytest

from jaxdml.export import embedding_files
from jaxdml.options import ConfigError

Z = np.random.default_rng(0).standard_normal((1003, 3), np.float32) * 10.0 ** np.arange(-6, 3, 3)
Z = Z.astype(np.float32)


def _npz(path):
    with np.load(path) as arrays:
        return arrays["z"]


def _csv(path):
    with path.open(newline="") as file:
        heading, *rows = csv.reader(file)
    assert heading == ["z0", "z1", "z2"]
    return np.array(rows, np.float64).astype(np.float32)


def _parquet(path):
    table = pytest.importorskip("pyarrow.parquet").read_table(path)
    assert table.column_names == ["z0", "z1", "z2"]
    assert {str(kind) for kind in table.schema.types} == {"float"}
    return np.stack([column.to_numpy() for column in table.columns], axis=1)


READ = {".npz": _npz, ".csv": _csv, ".parquet": _parquet}


@pytest.mark.parametrize("z", [Z, Z[:0], Z[:1]], ids=["many", "none", "one"])
@pytest.mark.parametrize("ending", READ)
def test_what_is_read_back_is_what_was_written_to_the_last_bit(ending, z, tmp_path):
    path = tmp_path / "new" / f"z{ending}"
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    embedding_files.check(path)
    embedding_files.write(path, z)
    np.testing.assert_array_equal(READ[ending](path).reshape(-1, 3), z)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_that_cannot_be_finished_leaves_the_one_before(tmp_path):
    path = tmp_path / "z.csv"
    embedding_files.write(path, Z)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Unknown format code"):
        embedding_files.write(path, np.array([["not", "a", "number"]]))
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["z", "z.txt", "z.npz.gz", ".csv"])
def test_an_unknown_ending_is_refused(name, tmp_path):
    with pytest.raises(ConfigError, match=r"must end in \.npz, \.csv or \.parquet"):
        embedding_files.check(tmp_path / name)


def test_parquet_without_pyarrow_is_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet", raising=False)
    with pytest.raises(ConfigError, match=r"needs pyarrow: pip install 'jaxdml\[parquet\]'"):
        embedding_files.check(tmp_path / "z.parquet")
