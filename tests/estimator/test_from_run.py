"""A point of a run folder as a fitted embedder; and a grid from Python that makes the folder."""

import csv
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import jaxdml
from jaxdml.data import vectors
from jaxdml.estimator.trained import reading
from jaxdml.labelling import calibration
from jaxdml.options import ConfigError
from tests.estimator.small import IMAGES, KIND, SMALL, VECTORS, WORDS, Y

BASE = {
    **SMALL,
    "system": "few",
    "train.steps": 30,
    "data.test_percent": 20,
    "data.folds": 0,
    "eval.protocols": ("labelled", "scores"),
}
EARLIER = Path(__file__).parent.parent / "runs" / "fixtures" / "run_before_settings.zip"
FRAME = pd.DataFrame(VECTORS, columns=list("abcdef"))


def table(folder):
    """A table of vectors, whose rows are labelled in words."""
    with (folder / "own.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", *"abcdef"])
        for x, y in zip(VECTORS, Y, strict=True):
            writer.writerow([WORDS[y] if y >= 0 else "", *map(repr, map(float, x))])
    data = {"data.name": "table", "data.path": "own.csv", "data.label": "kind"}
    return data | {"system": "few_vectors", "prior.within": False}


def images(folder):
    np.savez(folder / "own.npz", x=IMAGES, y=Y)
    return {"data.name": "arrays", "data.path": "own.npz"}


@pytest.fixture(
    scope="module",
    params=[pytest.param(table, marks=pytest.mark.slow), images],
    ids=["vectors", "images"],
)
def studied(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    data = request.param(folder)
    few = data.get("system", "few")
    grid = ({"system": (few,)}, {"system": ("vae",)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "FEWEST", 1)
        found = jaxdml.study(BASE | data, grid, run_folder=folder / "run", data_dir=folder)
    shutil.copy(folder / data["data.path"], folder / "elsewhere")
    (folder / data["data.path"]).unlink()  # what was trained needs its data no longer
    return found, request.param is table


@pytest.mark.default_variants("images")
def test_a_study_has_a_table_a_folder_and_a_page(studied):
    found, of_vectors = studied
    assert set(points(found)) == {"few", "vae"}
    assert {row["protocol"] for row in found.rows} == {"labelled", "scores"}
    assert "| few" in found.table
    assert str(found.page) in str(found)
    page = found.page.read_text()
    assert found.page.is_file()
    assert ("data:image/png" in page) or of_vectors
    figures = {file.stem for file in found.page.parent.glob("*.png")}
    assert {"latent", "reliability"} <= figures
    assert ("reconstructions" in figures) == (not of_vectors)


def points(found):
    return {row["system"].removesuffix("_vectors"): row["point"] for row in found.rows}


@pytest.mark.parametrize("system", ["few", "vae"])
def test_a_point_is_what_the_run_has_kept_of_it(studied, system):
    found, of_vectors = studied
    x, identity = (FRAME if of_vectors else IMAGES), points(found)[system]
    one = jaxdml.load(found.run_folder, identity[:6])
    with np.load(found.run_folder / "points" / identity / "embeddings.npz") as kept:
        rows = kept["labelled_index"]
        np.testing.assert_array_equal(one.labels_, kept["labelled_labels"])
        np.testing.assert_array_equal(one.embeddings_, kept["labelled"])
    names = WORDS if of_vectors else np.array(["0", "1", "2"])
    assert one.classes_.tolist() == names.tolist()
    assert one.transform(x).shape == (90, 4)
    assert set(one.predict(x)) <= set(names)
    assert one.n_steps_ == 30
    assert set(one.params_) == {"model", "terms"}
    assert isinstance(one.params_["model"], dict)
    if system == "vae":
        assert one.inverse_transform(np.zeros((2, 4))).shape == (2, *x.shape[1:])
        assert one.sample(3, 0).shape == (3, *x.shape[1:])
    assert len(rows) == len(one.labels_)


@pytest.mark.slow
def test_it_can_be_saved_and_fitted_again(studied, tmp_path):
    found, of_vectors = studied
    x = FRAME if of_vectors else IMAGES
    one = jaxdml.load(found.run_folder, points(found)["few"])
    one.save(tmp_path / "one.npz")
    again = jaxdml.SemiSupervisedEmbedder.load(tmp_path / "one.npz")
    assert again.transform(x).tobytes() == one.transform(x).tobytes()
    assert again.classes_.tolist() == one.classes_.tolist()
    assert one.fit(x, KIND).classes_.tolist() == [0, 1, 2]
    assert one.n_steps_ == 30


def test_new_vectors_are_embedded_as_those_of_the_training_were(studied, tmp_path):
    found, of_vectors = studied
    if not of_vectors:
        pytest.skip("of vectors")
    one = jaxdml.load(found.run_folder, points(found)["few"])
    columns = one.trained_.columns
    assert columns.names == tuple("abcdef")
    shutil.copy(found.run_folder.parent / "elsewhere", tmp_path / "new.csv")
    np.savez(tmp_path / "new.npz", x=VECTORS)
    for name in ("new.csv", "new.npz"):
        x = reading.vectors(tmp_path / name, columns)
        np.testing.assert_array_equal(x, vectors.as_images(VECTORS, columns))
    np.savez(tmp_path / "narrow.npz", x=VECTORS[:, :3])
    with pytest.raises(ConfigError, match=r"vectors must be \(N, 6\), but are \(90, 3\)"):
        reading.vectors(tmp_path / "narrow.npz", columns)
    (tmp_path / "less.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match=r"less.csv lacks the column c"):
        reading.vectors(tmp_path / "less.csv", columns)


def test_what_is_not_there_is_said(studied, tmp_path):
    found, _ = studied
    with pytest.raises(ConfigError, match="--point is missing: name one of"):
        jaxdml.load(found.run_folder)
    with pytest.raises(ConfigError, match="holds no finished points"):
        jaxdml.load(tmp_path)
    with pytest.raises(ConfigError, match="there is no configuration 'fewer' in the package"):
        jaxdml.study("fewer", run_folder=tmp_path / "run")
    with pytest.raises(ConfigError, match="the effort must be one of fast, full, but is 'slow'"):
        jaxdml.study("few:slow", run_folder=tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model.encoder": "conv", "model.hidden": None}, "conv reads images, but own.csv has"),
        ({"system": "few"}, "system=few is the recipe for images, but own.csv has vectors"),
        ({"system": "ae", "reconstruction.name": "bernoulli"}, "bernoulli is of pixels in"),
        ({"system": "mvae", "prior.within": True}, "vamp keeps pseudo-inputs in"),
    ],
)
def test_what_is_of_images_is_refused_for_vectors(changes, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        jaxdml.study(
            BASE | table(tmp_path) | changes, run_folder=tmp_path / "run", data_dir=tmp_path
        )


@pytest.mark.slow
def test_two_columns_of_labels_are_two_data_sets_with_names_of_their_own(tmp_path):
    rows = ["n,m,kind,site", *(f"{i % 2},{i},{'ab'[i % 2]},{'xyz'[i % 3]}" for i in range(60))]
    (tmp_path / "two.csv").write_text("\n".join(rows) + "\n")
    base = BASE | {"data.name": "table", "data.path": "two.csv", "system": "dml"}
    grid = {"data.label": ("kind", "site"), "data.without": (("site",), ("kind",))}
    grid = {tuple(grid): tuple(zip(*grid.values(), strict=True))}
    found = jaxdml.study(base, grid, run_folder=tmp_path / "run", data_dir=tmp_path)
    by_label = {row["data.label"]: row["point"] for row in found.rows}
    for label, names in (("kind", ["a", "b"]), ("site", ["x", "y", "z"])):
        assert jaxdml.load(tmp_path / "run", by_label[label]).classes_.tolist() == names


def test_a_run_of_an_earlier_version_is_loaded_with_its_data(tmp_path):
    with zipfile.ZipFile(EARLIER) as packed:
        packed.extractall(tmp_path)
    [plan] = tmp_path.rglob("plan.json")
    finished = next(plan.parent.glob("points/*/result.json")).parent.name
    assert jaxdml.load(plan.parent, finished).classes_.size > 1
