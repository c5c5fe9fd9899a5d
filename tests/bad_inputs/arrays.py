"""Files of arrays that are no data set: `.npz`, and the IDX files of MNIST."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxdml.data.sets import idx
from jaxdml.data.sets.mnist import FILES
from tests.bad_inputs.case import Case, loaded

X = np.random.default_rng(0).integers(0, 256, (12, 4, 4), np.uint8)
Y = np.arange(12) % 2
F = (X / 255).astype(np.float32)
V = F.reshape(12, -1)
HUGE = {"descr": "|u1", "fortran_order": False, "shape": (10**11, 64, 64)}


def npz(came: str, says: str, **arrays: Any) -> Case:
    """An `.npz` file of X and Y, with other arrays in their place or beside them."""
    whole = {name: a for name, a in ({"x": X, "y": Y} | arrays).items() if a is not None}

    def write(folder: Path) -> Path:
        np.savez(folder / "own.npz", **whole)
        return folder / "own.npz"

    return loaded(f"`.npz`: {came}", "arrays", write, says)


def raw(came: str, says: str, content: Callable[[], bytes]) -> Case:
    """A file that is called like an `.npz` file."""

    def write(folder: Path) -> Path:
        (folder / "own.npz").write_bytes(content())
        return folder / "own.npz"

    return loaded(f"`.npz`: {came}", "arrays", write, says)


def zipped(*, x: bytes) -> bytes:
    """A zip file whose array `x` is of these bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("x.npy", x)
        file.writestr("y.npy", as_npy(Y))
    return buffer.getvalue()


def as_npy(array: np.ndarray) -> bytes:
    """An array as a file of its own."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def of_header() -> bytes:
    """An array whose header speaks of 400 TB, without them."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, HUGE)
    return zipped(x=buffer.getvalue())


def piped(folder: Path) -> Path:
    """A named pipe, which nobody writes to."""
    os.mkfifo(folder / "own.npz")
    return folder / "own.npz"


def idx_of(came: str, says: str, file: str, content: bytes) -> Case:
    """The four files of MNIST, of which one is something else."""
    x, y = np.zeros((20, 28, 28), np.uint8), np.arange(20, dtype=np.uint8) % 10

    def write(folder: Path) -> None:
        (folder / "mnist").mkdir()
        for images, labels in FILES.values():
            idx.write(folder / "mnist" / images, x)
            idx.write(folder / "mnist" / labels, y)
        (folder / "mnist" / file).write_bytes(content)

    return loaded(f"IDX: {came}", "mnist", write, says)


IMAGES, LABELS = FILES["train"]
ARRAYS = (
    npz("images of objects", "x holds objects", x=X.astype(object)),
    npz("labels of objects", "y holds objects", y=np.array([None] * 12)),
    npz("images of complex numbers", "x must hold numbers, but is complex", x=F + 0j),
    npz("images of times", "x must hold numbers, but is datetime", x=X.astype("datetime64[s]")),
    npz("images of spans", "x must hold numbers, but is timedelta", x=X.astype("timedelta64[s]")),
    npz("images of words", "x must hold numbers, but is <U", x=X.astype(str)),
    npz("images of True and False", "x must hold numbers, but is bool", x=X > 9),
    npz("images of records", "x must hold numbers", x=np.zeros((12, 4, 4), [("a", "i4")])),
    npz("images of int64 without a range", "or state its range", x=X.astype(int)),
    npz("images with NaN", "x holds NaN", x=np.where(X > 9, F, np.nan)),
    npz("images with infinity", "to inf", x=np.where(X > 9, F, np.inf)),
    npz("images below 0", "must lie in [0, 1]", x=F - 1),
    npz("no image", "x holds no image", x=X[:0], y=Y[:0]),
    npz("one image", "with fewer than two classes", x=X[:1], y=Y[:1]),
    npz("images without pixels", "but is (12, 0, 4, 1)", x=X[:, :0]),
    npz("images of five axes", "(N, height, width)", x=X[..., None, None]),
    npz("a number as images", "(N, height, width)", x=np.array(3)),
    npz("a row as images", "(N, height, width)", x=np.zeros(12)),
    npz("channels first", "channels come last", x=np.zeros((12, 3, 9, 9), np.uint8)),
    npz("no images", "must hold x and y", x=None),
    npz("no labels", "must hold x and y", y=None),
    npz("fewer labels than images", "one for each of 12 images", y=Y[:3]),
    npz("more labels than images", "one for each of 12 images", y=np.tile(Y, 2)),
    npz("a row of labels for each image", "a whole number for each", y=np.eye(12, dtype=int)),
    npz("labels with fractions", "a whole number for each", y=Y / 2),
    npz("labels of words", "a whole number for each", y=Y.astype(str)),
    npz("labels of True and False", "a whole number for each", y=Y > 0),
    npz("labels of times", "a whole number for each", y=Y.astype("datetime64[s]")),
    npz("labels below -1", "must hold classes from 0 on", y=Y - 2),
    npz("labels above 2^63", "must hold classes from 0 on", y=Y.astype("u8") + np.uint64(2**63)),
    npz("labels with a gap", "no image is of class 1", y=Y * 2**30),
    npz("one class", "one class has labelled", y=Y * 0),
    npz("no label at all", "no class has labelled", y=Y * 0 - 1),
    npz("two labels", "label some more", y=np.r_[0, 1, np.full(10, -1)]),
    npz("a range of three", "range must be two numbers", x=F, range=np.arange(3)),
    npz("a range of words", "range must be two numbers", x=F, range=["black", "white"]),
    npz("a range of NaN", "range must be two numbers", x=F, range=[0, np.nan]),
    npz("a range that ends first", "range must be two numbers", x=F, range=[1, 0]),
    npz("a range of nothing", "range must be two numbers", x=F, range=[1, 1]),
    npz("a range beyond float32", "range must be two numbers", x=F, range=[-3e38, 3e38]),
    npz("a range of complex numbers", "range must be two numbers", x=F, range=[0j, 1j]),
    npz("a range of times", "range must be two", x=F, range=np.array([0, 1], "datetime64[s]")),
    npz("too few names of classes", "must lie between 0 and 0", classes=["a"]),
    npz("too many names of classes", "no image is of class c", classes=["a", "b", "c"]),
    npz("two classes of one name", "each class needs a name of its own", classes=["a", "a"]),
    npz("a class without a name", "each class needs a name of its own", classes=["", "b"]),
    npz("classes named by fractions", "classes must hold words", classes=[0.5, 1.5]),
    npz("test images without labels", "must hold x_test and y_test", x_test=X),
    npz("test images of another size", "but the training images", x_test=X[:, :3], y_test=Y),
    npz("test labels of -1", "images to score on need a label", x_test=X, y_test=Y * 0 - 1),
    npz("test vectors beside images", "(N, height, width)", x_test=V, y_test=Y),
    npz("vectors with NaN", "x holds NaN or infinity in", x=np.where(V > 0.5, V, np.nan)),
    npz("vectors of 1e300", "and 1e+38 is the most", x=V.astype(float) * 1e300),
    npz("vectors without columns", "must have a column at least", x=V[:, :0]),
    npz("vectors of words", "x must hold numbers", x=V.astype(str)),
    npz("vectors with a range", "range is of images", x=V, range=[0, 1]),
    npz("test vectors of other columns", "but the training", x=V, x_test=V[:, :3], y_test=Y),
    raw("an empty file", "must be an .npz file", bytes),
    raw("bytes", "must be an .npz file", lambda: bytes(range(200))),
    raw("half of a file", "must be an .npz file", lambda: zipped(x=as_npy(X))[:300]),
    raw("an array that is text", "must be an .npz file", lambda: zipped(x=b"hello")),
    raw("an array that is cut off", "must be an .npz file", lambda: zipped(x=as_npy(X)[:-9])),
    raw("a header of 400 TB", "but holds 128 bytes", of_header),
    raw("an `.npy` file", "must be an .npz file", lambda: as_npy(X)),
    loaded("`.npz`: a named pipe", "arrays", piped, "neither a file nor a folder"),
    loaded("`.npz`: a folder", "arrays", lambda folder: folder, "is a folder"),
    loaded("`.npz`: not there", "arrays", lambda folder: folder / "x.npz", "there is no such file"),
    idx_of("an empty file", "is not an IDX file", IMAGES, b""),
    idx_of("a header that is cut off", "is not an IDX file", IMAGES, b"\0\0\x08\x03\0"),
    idx_of("255 axes", "is not an IDX file", IMAGES, b"\0\0\x08\xff" + bytes(1020)),
    idx_of("fewer than no images", "its header says", IMAGES, b"\0\0\x08\x03" + b"\xff" * 12),
    idx_of("numbers of another type", "is not an IDX file", IMAGES, b"\0\0\x0d\x03" + bytes(12)),
    idx_of("gzip that is none", "complete gzip file", IMAGES, b"\x1f\x8b" + bytes(30)),
    idx_of("five labels", "one label for each image", LABELS, b"\0\0\x08\x01\0\0\0\5" + bytes(5)),
    idx_of("labels above 9", "between 0 and 9", LABELS, b"\0\0\x08\x01\0\0\0\x14" + b"\x0b" * 20),
)
