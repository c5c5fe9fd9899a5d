"""Vectors and tables: what is read, how columns are standardised, and what is refused."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from jaxdml import data
from jaxdml.data import vectors
from jaxdml.options import ConfigError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(90, 4)) * 10.0 ** np.arange(-3, 5, 2) + 5
Y = np.where(np.arange(90) < 75, np.arange(90) % 3, -1)
WORDS = np.array(["ant", "bee", "cat"])


def arrays(folder, **changes):
    np.savez(folder / "own.npz", **({"x": X, "y": Y} | changes))
    return data.load("arrays", folder, path="own.npz")


def csv(folder, rows, **options):
    (folder / "own.csv").write_text("\n".join(rows) + "\n")
    return data.load("table", folder, path="own.csv", **options)


def lines(label="label"):
    named = [WORDS[y] if y >= 0 else "" for y in Y]
    head = ["a,b,c,d," + label]
    return head + [",".join([*map(repr, map(float, x)), y]) for x, y in zip(X, named, strict=True)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_columns_are_standardised_by_the_training_part(dtype, tmp_path):
    test = {"x_test": (X[:30] * 2).astype(dtype), "y_test": Y[:30]}
    dataset = arrays(tmp_path, x=X.astype(dtype), **test)
    assert dataset.train.x.shape == (90, 1, 4, 1)
    assert dataset.train.x.dtype == np.float32
    np.testing.assert_allclose(dataset.columns.mean, X.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(dataset.columns.deviation, X.std(axis=0), rtol=5e-5)
    expected = (X[:30] * 2 - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(dataset.test.x[:, 0, :, 0], expected, rtol=2e-4, atol=2e-4)
    np.testing.assert_allclose(
        vectors.original(dataset.train.x, dataset.columns), X, rtol=1e-4, atol=1e-4
    )


def test_what_is_set_apart_to_test_does_not_standardise(tmp_path):
    dataset = arrays(tmp_path)  # fewer than forty could be set apart: folds
    assert dataset.folds == 5
    np.savez(tmp_path / "own.npz", x=X, y=Y)
    apart = data.load("arrays", tmp_path, path="own.npz", folds=0)
    rows = apart.train.x[:, 0, :, 0]
    assert 0 < len(apart.test.y) < 40
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(rows.std(axis=0), 1, rtol=1e-4)


def test_integers_are_numbers_too(tmp_path):
    dataset = arrays(tmp_path, x=np.arange(180).reshape(90, 2))
    assert dataset.train.x.dtype == np.float32
    np.testing.assert_allclose(dataset.train.x.mean(), 0, atol=1e-6)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_is_read_with_its_labels_and_its_columns(ending, tmp_path):
    if ending == "csv":
        dataset = csv(tmp_path, lines())
    else:
        columns = dict(zip("abcd", X.T, strict=True))
        labels = [WORDS[y] if y >= 0 else None for y in Y]
        pa.parquet.write_table(pa.table(columns | {"label": labels}), tmp_path / "own.parquet")
        dataset = data.load("table", tmp_path, path="own.parquet")
    same = arrays(tmp_path, classes=WORDS)
    np.testing.assert_array_equal(dataset.train.x, same.train.x)
    np.testing.assert_array_equal(dataset.train.y, same.train.y)
    assert dataset.classes == tuple(WORDS)
    assert dataset.columns.names == ("a", "b", "c", "d")
    assert dataset.source == "vectors of your own"


def test_an_index_without_a_name_is_left_out_and_gaps_are_gaps(tmp_path):
    rows = [",n,label", *(f"{i},{i / 7},{['a', 'b', 'NA', 'nan'][i % 4]}" for i in range(40))]
    dataset = csv(tmp_path, rows)
    assert dataset.columns.names == ("n",)
    assert dataset.classes == ("a", "b")
    assert "own.csv: its column without a name is left out" in dataset.notes


def test_labels_are_whole_numbers_or_words_and_columns_may_be_left_out(tmp_path):
    rows = ["id,n,kind", *(f"r{i},{i / 7},{[10, 4, -1, ''][i % 4]}" for i in range(40))]
    dataset = csv(tmp_path, rows, label="kind", without=("id",))
    assert dataset.classes == ("4", "10")
    np.testing.assert_array_equal(dataset.train.y, [[1, 0, -1, -1][i % 4] for i in range(40)])
    assert dataset.columns.names == ("n",)


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        (["a,label", "1,x", "2,y"], {"label": "kind"}, "has no column 'kind': it has a, label"),
        (["a,b,label", "1,red,x", "2,blue,y"], {}, "must hold numbers, but not so b (string)"),
        (["a,label", "1,x", ",y", "3,y"], {}, "holds NaN or infinity in 1 rows, the first is row"),
        (["a,label", "1,0.5", "2,1.5"], {}, "label must hold classes, as whole numbers or words"),
        (["a,a,label", "1,2,x", "2,3,y"], {}, "has more than one column a: rename one"),
        (["label", "x", "y"], {}, "has no column beside label"),
        (["a,label"], {}, "has no row"),
        (["a,label", "1,x,3"], {}, "cannot be read as a table"),
        (["a,label", "1,inf", "2,1"], {}, "holds fractions like inf"),
        (["a,label", "1,x", "2,x", "3,x"], {}, "one class has labelled training images"),
    ],
)  # fmt: skip
def test_a_bad_table_is_named(rows, options, said, tmp_path):
    with pytest.raises(ConfigError, match=re.escape(said)):
        csv(tmp_path, rows, **options)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"x": np.where(np.arange(360).reshape(90, 4) == 5, np.inf, X)}, "in 1 rows, the first is"),
        ({"x": X.astype(complex)}, "x must hold numbers, but is complex128"),
        ({"x": X[:, :0]}, "x must have a column at least"),
        ({"x": X[:0], "y": Y[:0]}, "x holds no row"),
        ({"range": (0, 1)}, "range is of images, but x holds vectors"),
        ({"x_test": X[:5, :3], "y_test": Y[:5]}, "images are (1, 3, 1), but the training images"),
        ({"x_test": X[:4, None], "y_test": Y[:4]}, "x_test must be (N, d), as the vectors x"),
    ],
)
def test_bad_vectors_are_named(changes, said, tmp_path):
    with pytest.raises(ConfigError, match=re.escape(said)):
        arrays(tmp_path, **changes)


def test_a_constant_column_stays_and_large_numbers_keep_their_digits():
    x = np.concatenate([RANDOM.normal(1e6, 1, (50_000, 2)), np.full((50_000, 2), 3.3)], axis=1)
    x[:, 3] = 1.7e18 + np.arange(50_000) * 1e9  # nanoseconds
    x[0, 0] = 1e9  # the first row is no measure of the others
    columns = vectors.columns_of(x)
    np.testing.assert_allclose(columns.mean, x.mean(axis=0), rtol=1e-6)
    deviations = x.std(axis=0)
    deviations[2] = 1
    np.testing.assert_allclose(columns.deviation, deviations, rtol=1e-6)
