"""Tables, and folders of images, that are no data set."""

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.bad_inputs.case import Case, loaded

TABLE = "a,b,label\n" + "".join(f"{i},{i * 2},{'xy'[i % 2]}\n" for i in range(12))


def table(came: str, says: str, text: str | bytes, ending: str = ".csv", **options: Any) -> Case:
    """A table of this text."""

    def write(folder: Path) -> Path:
        path = folder / f"own{ending}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return loaded(f"table: {came}", "table", write, says, **options)


def photo(size: tuple[int, int] = (4, 4), kind: str = "png") -> bytes:
    """The bytes of a small image."""
    buffer = io.BytesIO()
    Image.fromarray(np.arange(size[0] * size[1], dtype=np.uint8).reshape(size)).save(buffer, kind)
    return buffer.getvalue()


def bomb() -> bytes:
    """A small file of an image of 900 megapixels."""
    buffer = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(buffer, "png")
    return buffer.getvalue()


PHOTOS = {f"{name}/{number}.png": photo for name in ("cat", "dog") for number in range(3)}
Files = Mapping[str, Callable[[], bytes] | str | None]


def images(came: str, says: str, more: Files, **options: Any) -> Case:
    """A folder of photos of cats and dogs, and more; None takes a file away."""

    def write(folder: Path) -> Path:
        for name, content in (PHOTOS | more).items():
            path = folder / "own" / name
            if content is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            if callable(content):
                path.write_bytes(content())
            elif content is not None:
                path.write_text(content)
        (folder / "own").mkdir(exist_ok=True)
        return folder / "own"

    return loaded(f"folder: {came}", "images", write, says, **options)


def piped(folder: Path) -> Path:
    """A named pipe, which nobody writes to."""
    os.mkfifo(folder / "own.csv")
    return folder / "own.csv"


NONE = dict.fromkeys(PHOTOS)
LABELS = "labels.csv"
FILES = (
    table("empty", "cannot be read as a table", ""),
    table("a heading alone", "has no row", "a,b,label\n"),
    table("labels alone", "has no column beside label", "label\nx\ny\n"),
    table("no labels", "has no column 'label'", "a,b\n1,2\n"),
    table("a label that is not there", "has no column 'kind'", TABLE, label="kind"),
    table("left out what is not there", "has no column 'c'", TABLE, without=("c",)),
    table("left out everything", "has no column beside label", TABLE, without=("a", "b")),
    table("NaN", "holds NaN or infinity in 1 rows", TABLE.replace("3,6,", "nan,6,")),
    table("infinity", "holds NaN or infinity in 1 rows", TABLE.replace("3,6,", "inf,6,")),
    table("a gap", "holds NaN or infinity in 1 rows", TABLE.replace("3,6,", ",6,")),
    table("1e300", "and 1e+38 is the most", TABLE.replace("3,6,", "1e300,6,")),
    table("a word among numbers", "must hold numbers", TABLE.replace("3,6,", "three,6,")),
    table("times of a day", "must hold numbers", "a,label\n12:30:00,x\n12:31:00,y\n"),
    table("two columns of a name", "more than one column a", "a,a,label\n1,2,x\n"),
    table("a row that is too long", "Expected 3 columns, got 5", TABLE + "1,2,3,4,5\n"),
    table("Latin-1", "text that is not UTF-8", TABLE.replace("x", "é").encode("latin1")),
    table("UTF-16", "cannot be read as a table of UTF-8", TABLE.encode("utf16")),
    table("semicolons", "it has a;b;label", TABLE.replace(",", ";")),
    table("bytes", "cannot be read as a table", bytes(range(256)) * 9),
    table("labels with fractions", "holds fractions like 1.5", TABLE.replace(",x", ",1.5")
          .replace(",y", ",2")),
    table("labels of dates", "but holds dates", TABLE.replace(",x", ",2020-01-01")
          .replace(",y", ",2021-01-01")),
    table("one class", "one class has labelled", TABLE.replace(",y", ",x")),
    table("no label at all", "no class has labelled", TABLE.replace(",y", ",").replace(",x", ",")),
    table("an Excel file", "must end in .csv or .parquet", b"PK\3\4", ".xlsx"),
    table("an empty Parquet file", "cannot be read as a table", b"", ".parquet"),
    table("a damaged Parquet file", "cannot be read", b"PAR1" + bytes(99) + b"PAR1", ".parquet"),
    loaded("table: a named pipe", "table", piped, "neither a file nor a folder"),
    loaded("table: a folder", "table", lambda folder: folder, "is a folder"),
    images("empty", "holds no image", NONE),
    images("photos in no folder", "holds images that are in no folder", {"1.png": photo}),
    images("one class", "one class has labelled", NONE | {"cat/1.png": photo}),
    images("one photo of each", "label some more", NONE | {"a/1.png": photo, "b/2.png": photo}),
    images("a class without photos", "holds no image", {"bird/notes.txt": "none"}),
    images("text as a photo", "cannot be read", {"cat/x.png": "hello"}),
    images("an empty photo", "cannot be read", {"cat/x.jpg": ""}),
    images("half a photo", "cannot be read", {"cat/x.png": lambda: photo()[:-25]}),
    images("a photo of 900 megapixels", "set data.megapixels higher", {"cat/x.png": bomb}),
    images("no megapixels", "data.megapixels must be above 0", {}, megapixels=0.0),
    images("all photos damaged", "images are damaged", NONE | {"a/1.png": "a", "b/1.png": "b"},
           skip_damaged=True),
    images("DICOM", "DICOM is not read", {"bird/1.dcm": "x"}),
    images("test alone", "has test, but no train beside it", NONE | {"test/a/1.png": photo}),
    images("validation by another name", "name the parts", {"validation/1.png": photo}),
    images("classes beside train", "beside train", {"train/cat/1.png": photo}),
    images("a side of 0", "from 1 to 4,096, but is 0", {}, size=0),
    images("a side of a million", "from 1 to 4,096, but is 1000000", {}, size=10**6),
    images("two channels", "data.channels must be 1 (grey) or 3 (colour)", {}, channels=2),
    images("a range that ends first", "data.range must be two numbers", {}, range=(5, 1)),
    images("values outside of the range", "but data.range is (0, 10)", {}, range=(0, 10)),
    images("one fold", "data.folds must lie between 2 and 100", {}, folds=1),
    images("more folds than photos", "labelled images for 3 folds", {}, folds=50),
    images("no test images at all", "data.test_percent must lie between 1 and 90", {},
           test_percent=0),
    images("labels.csv: empty", "must have the columns file and label", {LABELS: ""}),
    images("labels.csv: other headings", "but has photo, kind", {LABELS: "photo,kind\n"}),
    images("labels.csv: Latin-1", "as UTF-8 text", {LABELS: lambda: b"file,label\n1.png,\xe9\n"}),
    images("labels.csv: files that are not there", "names 1 files that are no images",
           {LABELS: "file,label\nowl/1.png,owl\n"}),
    images("labels.csv: two labels", "is there twice",
           {LABELS: "file,label\ncat/1.png,x\ncat/1.png,y\n"}),
    images("labels.csv: no label", "gives no image a label", {LABELS: "file,label\ncat/1.png,\n"}),
    images("labels.csv: an unknown part", "split must be train, val, test",
           {LABELS: "file,label,split\ncat/1.png,x,all\n"}),
    images("labels.csv: a test image without a label", "images of val and test need one",
           {LABELS: "file,label,split\ncat/1.png,x,\ncat/2.png,,test\n"}),
    images("labels.csv: a cell without an end", "field larger than field limit",
           {LABELS: "file,label\ncat/1.png," + "x" * 200_000 + "\n"}),
)  # fmt: skip
