"""What `SemiSupervisedEmbedder.fit` refuses, by a ValueError."""

from pathlib import Path
from typing import Any

import numpy as np

from jaxdml import SemiSupervisedEmbedder
from tests.bad_inputs.case import Case

V = np.random.default_rng(0).normal(size=(12, 3))
IMAGES = np.zeros((12, 4, 4), np.uint8)
Y = np.arange(12) % 2


def fitted(came: str, says: str, x: Any = V, y: Any = Y, **parameters: Any) -> Case:
    """An embedder that is fitted on vectors of two classes, but for what is said."""

    def call(_: Path) -> None:
        SemiSupervisedEmbedder(**{"steps": 1, "random_state": 0} | parameters).fit(x, y)

    return Case(f"fit: {came}", call, says)


PYTHON = (
    fitted("no row", "0 sample", V[:0], Y[:0]),
    fitted("one row", "two are the least", V[:1], Y[:1]),
    fitted("no column", "0 feature", V[:, :0]),
    fitted("a row of numbers", "its shape is (12,)", V[:, 0]),
    fitted("rows of several lengths", "X must hold rows of one length", [[1, 2], [3]] * 6),
    fitted("words", "X must hold numbers", V.astype(str)),
    fitted("complex numbers", "Complex data not supported", V + 0j),
    fitted("times", "X must hold numbers", V.astype("datetime64[s]")),
    fitted("words among numbers", "holds objects", np.full((12, 3), "a", object)),
    fitted("NaN", "contains NaN or infinity", np.where(V > 1, np.nan, V)),
    fitted("infinity", "contains NaN or infinity", np.where(V > 1, np.inf, V)),
    fitted("numbers of 1e300", "too large for float32", V * 1e300),
    fitted("images of int64", "Images must be uint8", IMAGES.astype(int)),
    fitted("images up to 255.0", "must lie in [0, 1]", IMAGES + 255.0),
    fitted("files that are not there", "cannot be read", ["no.png"] * 12),
    fitted("fewer labels than rows", "y must hold one label for each of the 12 rows", y=Y[:3]),
    fitted("labels with fractions", "Unknown label type", y=Y / 2),
    fitted("labels of infinity", "Unknown label type", y=np.where(Y, np.inf, 0)),
    fitted("labels of several types", "y must hold labels of one type", y=["a", 1] * 6),
    fitted("labels of lists", "y must hold", y=[[1, 2]] * 12),
    fitted("one class", "two classes or more", y=Y * 0),
    fitted("an unknown method", "system must be one of", method="svm"),
    fitted("an unknown effort", "effort must be one of fast, full", effort="most"),
    fitted("no steps", "train.steps must lie between 1 and", steps=0),
    fitted("half a step", "steps must be a whole number", steps=0.5),
    fitted("an unknown invariance", "data.invariances must be", invariances=("blur",)),
    fitted("an unknown option", "there is no field loss.margn", options={"loss.margn": 1}),
    fitted("an option that a parameter has", "options say seed", options={"seed": 1}),
    fitted("an option of data", "options say data.name", options={"data.name": "digits"}),
    fitted("an option that is an array", "loss.scale must be", options={"loss.scale": V}),
    fitted("options that are a list", "options must map fields", options=["seed"]),
    fitted("a negative seed", "seed must lie between", random_state=-1),
    fitted("a seed of a word", "cannot be used to seed", random_state="x"),
    fitted("no seconds", "max_seconds must be", max_seconds=-1.0),
    fitted("NaN seconds", "max_seconds must be", max_seconds=float("nan")),
)
