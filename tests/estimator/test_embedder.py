"""`SemiSupervisedEmbedder`: what it takes, what it gives, and what it says of bad input."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import jaxdml
from jaxdml.estimator import SemiSupervisedEmbedder, inputs
from tests.estimator.small import IMAGES, KIND, LABELLED, RANDOM, VECTORS, WORDS, Y, embedder


@pytest.fixture(scope="module")
def fitted():
    return embedder().fit(VECTORS, Y)


def test_it_is_found_at_the_front_door():
    assert jaxdml.SemiSupervisedEmbedder is SemiSupervisedEmbedder


SLOW = pytest.mark.slow


@pytest.mark.default_variants("u8")
@pytest.mark.parametrize(
    "x",
    [
        pytest.param(VECTORS, id="vectors"),
        pytest.param(IMAGES, id="u8"),
        pytest.param(IMAGES[..., None], id="u8c", marks=SLOW),
        pytest.param(IMAGES / 255.0, id="f", marks=SLOW),
    ],
)
def test_few_labels_tell_all_rows_apart(x):
    one = embedder(400, options={"train.learning_rate": 0.01}).fit(x, Y)
    z = one.transform(x)
    assert z.shape == (90, 4)
    assert z.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, rtol=1e-5)
    assert one.score(x, KIND) > 0.95
    probabilities = one.predict_proba(x)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (one.predict(x) == one.classes_[probabilities.argmax(axis=1)]).all()
    np.testing.assert_allclose(one.embeddings_, z[np.flatnonzero(Y >= 0)], atol=1e-5)
    np.testing.assert_array_equal(one.labels_, KIND[Y >= 0])


@pytest.mark.slow
def test_the_unit_of_a_column_changes_nothing_that_matters(fitted):
    scaled = embedder().fit(VECTORS * 1e3 - 5, Y)
    np.testing.assert_allclose(
        scaled.transform(VECTORS * 1e3 - 5), fitted.transform(VECTORS), atol=2e-2
    )


def spoken(missing):
    labels = np.array([missing] * 90, object)
    labels[LABELLED] = WORDS[KIND[LABELLED]]
    return labels


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (spoken(None), WORDS.tolist()),
        (spoken(float("nan")), WORDS.tolist()),
        (np.where(Y >= 0, Y * 5 + 2, -1), [2, 7, 12]),
        (np.where(Y >= 0, Y, np.nan), [0, 1, 2]),
        (Y.astype("int8").tolist(), [0, 1, 2]),
        (spoken(float("nan")).tolist(), WORDS.tolist()),
        (spoken(-1).tolist(), WORDS.tolist()),
        (pd.Series(spoken(pd.NA), dtype="string"), WORDS.tolist()),
        (pd.Series(Y).where(Y >= 0).astype("Int64"), [0, 1, 2]),
        (pl.Series(spoken(None).tolist()), WORDS.tolist()),
    ],
    ids=[
        "None",
        "NaN beside words",
        "gaps",
        "NaN",
        "a list",
        "a list of words and NaN",
        "-1 beside words",
        "pandas.NA",
        "Int64",
        "polars",
    ],
)
def test_labels_come_in_many_forms(y, classes):
    labels = inputs.labels_of(y, 90)
    assert labels.classes.tolist() == classes
    np.testing.assert_array_equal(labels.numbers, Y)


@pytest.mark.default_variants("y1-classes1")
@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (spoken(float("nan")).tolist(), WORDS.tolist()),
        (np.where(Y >= 0, Y * 5 + 2, -1), [2, 7, 12]),
    ],
)
def test_labels_go_as_they_came(fitted, y, classes):
    one = embedder().fit(VECTORS, y)
    assert one.classes_.tolist() == classes
    assert one.score(VECTORS, y) == one.score(VECTORS[Y >= 0], one.classes_[KIND[Y >= 0]])
    np.testing.assert_array_equal(one.transform(VECTORS), fitted.transform(VECTORS))
    assert set(one.predict(VECTORS)) <= set(classes)
    assert one.predict_proba(VECTORS).shape == (90, 3)  # none of them stands for -1


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(fitted):
    again = clone(fitted).fit(VECTORS, Y)
    assert again.transform(VECTORS).tobytes() == fitted.transform(VECTORS).tobytes()
    other = clone(fitted).set_params(random_state=1).fit(VECTORS, Y)
    assert other.transform(VECTORS).tobytes() != fitted.transform(VECTORS).tobytes()


@pytest.mark.default_variants("mvae")
@pytest.mark.parametrize(
    ("method", "x"),
    [
        pytest.param("few", IMAGES, id="few"),
        pytest.param("mvae", VECTORS, id="mvae"),
        pytest.param("few", VECTORS, id="few of vectors", marks=SLOW),
        pytest.param("mvae", IMAGES, id="mvae of images", marks=SLOW),
    ],
)
def test_what_is_saved_is_loaded_without_pickle(tmp_path, method, x):
    one = embedder(method=method).fit(x, Y)
    one.save(tmp_path / "one.npz")
    with np.load(tmp_path / "one.npz", allow_pickle=False) as file:
        assert {"about", "classes_"} <= set(file)
    again = SemiSupervisedEmbedder.load(tmp_path / "one.npz")
    assert again.get_params()["options"]["model.latent_dim"] == 4
    assert again.transform(x).tobytes() == one.transform(x).tobytes()
    assert again.predict_proba(x).tobytes() == one.predict_proba(x).tobytes()
    if method == "mvae":
        assert again.sample(2, 0).tobytes() == one.sample(2, 0).tobytes()
    (tmp_path / "bad.npz").write_bytes((tmp_path / "one.npz").read_bytes()[:200])
    np.save(tmp_path / "array.npz", np.arange(3))
    (tmp_path / "array.npz.npy").rename(tmp_path / "array.npz")
    flipped = bytearray((tmp_path / "one.npz").read_bytes())
    flipped[len(flipped) // 2] ^= 255
    (tmp_path / "flipped.npz").write_bytes(flipped)
    np.savez(tmp_path / "other.npz", about=np.array('{"version": 1}'))
    for name in ("bad.npz", "none.npz", "array.npz", "flipped.npz", "other.npz"):
        with pytest.raises(ValueError, match=rf"{name} is no embedder that save has written"):
            SemiSupervisedEmbedder.load(tmp_path / name)


def test_neighbours_are_labelled_rows(fitted):
    distances, rows = fitted.kneighbors(VECTORS[LABELLED], n_neighbors=3)
    assert distances.shape == rows.shape == (12, 3)
    assert distances[:, 0].max() < 1e-3  # each is its own nearest, or as near
    assert ((rows >= 0) & (rows < 12)).all()
    with pytest.raises(ValueError, match="n_neighbors must be between 1 and 12"):
        fitted.kneighbors(VECTORS, n_neighbors=13)


@pytest.mark.default_variants("vectors")
@pytest.mark.parametrize(
    "x",
    [
        pytest.param(VECTORS, id="vectors"),
        pytest.param(IMAGES, id="3-D"),
        pytest.param(IMAGES[..., None], id="4-D", marks=SLOW),
    ],
)
def test_a_decoder_gives_back_what_x_was(x):
    one = embedder(300, method="vae").fit(x)
    latents = np.zeros((2, 4))
    assert one.inverse_transform(latents).shape == (2, *x.shape[1:])
    assert one.sample(3, random_state=1).shape == (3, *x.shape[1:])
    if x is VECTORS:  # in the units of each column
        near = np.abs(one.inverse_transform(latents).mean(axis=0) - VECTORS.mean(axis=0))
        assert (near < 2 * VECTORS.std(axis=0)).all()


def test_without_labels_it_learns_from_x_and_says_what_it_cannot_do():
    with pytest.warns(UserWarning, match="the method 'few' needs: 'ae' is trained instead"):
        one = embedder().fit(VECTORS)
    assert one.transform(VECTORS).shape == (90, 4)
    for ask in (one.predict, one.predict_proba, one.kneighbors):
        with pytest.raises(ValueError, match="fit was given no labels: call fit"):
            ask(VECTORS)


@pytest.mark.slow
def test_it_is_a_step_of_a_pipeline(fitted):
    pipeline = make_pipeline(FunctionTransformer(), embedder(), KNeighborsClassifier(3))
    # the classifier sees -1 as one more class, as every supervised step would
    labels = pipeline.fit(VECTORS, np.where(Y < 0, 9, Y)).predict(VECTORS)
    assert labels.shape == (90,)
    assert list(fitted.get_feature_names_out()) == [f"embedding{i}" for i in range(4)]


@pytest.mark.parametrize("method", ["few", pytest.param("dml_ae", marks=SLOW)])
def test_what_a_method_lacks_is_said(method):
    one = embedder(5, method=method).fit(VECTORS, Y)
    if method == "few":
        with pytest.raises(ValueError, match="method='few' has no decoder: use one with a reconst"):
            one.inverse_transform(np.zeros((1, 4)))
    with pytest.raises(ValueError, match=f"method='{method}' has no prior: use 'vae', or 'mvae'"):
        one.sample()
    with pytest.raises(ValueError, match=r"Z must be \(n, 4\), but its shape is \(4,\)"):
        one.inverse_transform(np.zeros(4))


def test_a_training_may_be_counted_in_epochs_too():
    one = embedder(None, method="dml_ae", options={"train.epochs": 2}).fit(VECTORS, Y)
    assert one.setting_["train.epochs"] == 2
    assert one.n_steps_ == 2 * -(-90 // 16)  # passes over all rows


NAN = VECTORS.copy()
NAN[3, 2] = np.nan


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ([[1, 2], [3]], [0, 1], "X must hold rows of one length"),
        (NAN, Y, "Input X contains NaN or infinity"),
        (VECTORS, np.where(Y >= 0, 1, -1), "y must have labels of two classes or more, but has 1"),
        (VECTORS, np.full(90, -1), "y must have labels of two classes or more, but has 0"),
        (VECTORS, Y[:50], "one label for each of the 90 rows of X, -1 or None where there is none"),
        (VECTORS, RANDOM.normal(size=90), "Unknown label type: y must hold classes"),
        (VECTORS, np.array([1, "a"] * 45, object), "labels of one type, but holds int, str"),
        (np.full((90, 2), "a"), Y, "X must hold numbers, but is <U1"),
        (VECTORS[:, 0], Y, r"but its shape is (90,). Reshape your data"),
        (IMAGES.astype(int), Y, "Images must be uint8, from 0 to 255, or floats in [0, 1], but"),
        (IMAGES / 2.0, Y, "Images of floats must lie in [0, 1], but X goes from 0 to"),
        (VECTORS[:1], [0], "X has 1 sample: two are the least"),
    ],
)  # fmt: skip
def test_bad_input_is_named(x, y, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        embedder(5).fit(x, y)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"effort": "slow"}, "effort must be one of fast, full, but is 'slow'"),
        ({"method": "fewer"}, "system must be one of ae, dml, "),
        ({"options": {"loss.margn": 1}}, "there is no field loss.margn; there is loss.margin"),
        ({"invariances": ("colour",)}, "data.invariances: colour needs"),
        ({"invariances": ("shift",)}, "shift is of images, but X has vectors"),
        ({"options": {"train.steps": 7}}, "options say train.steps, which the parameter steps is"),
        ({"options": {"seed": 7}}, "options say seed, which the parameter random_state is for"),
        ({"options": {"system": "ae"}}, "options say system, which the parameter method is for"),
        ({"options": {"data.name": "mnist"}}, "options say data.name, but data are what fit is"),
        ({"options": {"model.encoder": "conv"}}, "model.encoder=conv reads images, but X has vec"),
        ({"steps": 1.5}, "steps must be a whole number, or None, but is 1.5"),
        ({"steps": 0}, "train.steps must lie between 1 and"),
    ],
)
def test_bad_parameters_are_named_by_fit(changes, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        embedder(**{"steps": 5, **changes}).fit(VECTORS, Y)


def test_numbers_of_numpy_are_numbers(fitted):
    options = {"train.learning_rate": np.float32(1e-3)}
    one = embedder(np.int64(60), options=options).fit(VECTORS, Y)
    np.testing.assert_allclose(one.transform(VECTORS), fitted.transform(VECTORS), atol=1e-4)


def test_numbers_too_large_and_nothing_to_score_are_said(fitted):
    with pytest.raises(ValueError, match="numbers too large for float32"):
        fitted.transform(np.full((2, 6), 1e60))
    with pytest.raises(ValueError, match="y has no label: there is nothing to score"):
        fitted.score(VECTORS, np.full(90, -1))


def test_other_rows_than_in_fit_are_refused(fitted):
    with pytest.raises(ValueError, match="X has 5 features, but SemiSupervisedEmbedder is expect"):
        fitted.transform(VECTORS[:, :5])
    with pytest.raises(ValueError, match=r"rows of the shape \(6,\), as in fit, but they are \(6,"):
        fitted.transform(IMAGES)
    with pytest.raises(NotFittedError):
        embedder().transform(VECTORS)


def test_a_table_on_disk_is_read_in_parts(tmp_path, fitted):
    on_disk = np.memmap(tmp_path / "x", np.float64, "w+", shape=VECTORS.shape)
    on_disk[:] = VECTORS
    assert embedder().fit(on_disk, Y).transform(on_disk).tobytes() == (
        fitted.transform(VECTORS).tobytes()
    )


@pytest.mark.slow
def test_five_labels_a_class_of_digits_are_worth_more_than_to_their_neighbours():
    x, kind = load_digits(return_X_y=True)
    images = (x.reshape(-1, 8, 8) / 16).astype(np.float32)
    accuracies = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        train, test = np.split(random.permutation(len(x)), [1200])
        labelled = np.concatenate(
            [random.permutation(train[kind[train] == c])[:5] for c in range(10)]
        )
        y = np.where(np.isin(train, labelled), kind[train], -1)
        one = SemiSupervisedEmbedder(random_state=seed, invariances=("shift", "scale", "rotate"))
        by_neighbours = KNeighborsClassifier(1).fit(x[labelled], kind[labelled])
        accuracies.append(
            (one.fit(images[train], y).score(images[test], kind[test]),
             by_neighbours.score(x[test], kind[test]))
        )  # fmt: skip
    few, neighbours = np.mean(accuracies, axis=0)
    assert few > 0.95
    assert few > neighbours + 0.05
