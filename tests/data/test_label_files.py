"""Labels in a table beside the images."""

import numpy as np
import pytest

from jaxdml.data import label_files
from jaxdml.data.sets import images
from jaxdml.options import ConfigError

Image = pytest.importorskip("PIL.Image")
FILES = [f"day {i // 10}/{i}.png" for i in range(40)] + ["loose.png", "größe.png"]


@pytest.fixture
def photos(tmp_path):
    """Forty-two images of one grey each, in folders that say nothing of their class."""
    for i, file in enumerate(FILES):
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4), 5 * i, np.uint8)).save(path)
    return tmp_path


def write(photos, rows, heading="file,label", encoding="utf-8"):
    (photos / "labels.csv").write_text("\n".join([heading, *rows]), encoding)


def by_grey(dataset):
    """Grey value → the name of the class, of all parts."""
    return {
        int(x.flat[0]): dataset.classes[y] if y >= 0 else None
        for part in (dataset.train, dataset.test)
        for x, y in zip(part.x, part.y, strict=True)
    }


def test_the_table_says_the_classes_and_what_it_does_not_name_has_none(photos):
    rows = [f"{file},{'cat' if i % 2 else 'dog'}" for i, file in enumerate(FILES[:20])]
    write(photos, [*rows, f"{FILES[20]},", "größe.png,cat"])
    dataset = images.make(photos, path=str(photos))
    assert dataset.classes == ("cat", "dog")
    expected = {5 * i: ("cat" if i % 2 else "dog") if i < 20 else None for i in range(41)}
    assert by_grey(dataset) == expected | {5 * 41: "cat"}
    assert dataset.names[-1] == "loose.png"
    assert not any("labels.csv" in note or "called like a part" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("heading", "row", "encoding"),
    [
        ("label;file;remark", "{label};{file};", "utf-8-sig"),  # as Excel writes it in Germany
        ("file\tlabel", "{file}\t{label}", "utf-8"),
        ("file, label", ".\\{windows}, {label} ", "utf-8"),
        ("file,label", '"{file}","{label}"', "utf-8"),
    ],
)
def test_tables_as_programs_write_them(photos, heading, row, encoding):
    rows = [
        row.format(file=file, windows=file.replace("/", "\\"), label="ab"[i % 2])
        for i, file in enumerate(FILES)
    ]
    write(photos, rows, heading, encoding)
    dataset = images.make(photos, path=str(photos))
    assert by_grey(dataset) == {5 * i: "ab"[i % 2] for i in range(42)}


def test_a_column_or_a_folder_says_the_part(photos):
    (photos / "day 3").rename(photos / "test")
    files = [file.replace("day 3", "test") for file in FILES]
    rows = [f"{file},{'ab'[i % 2]},{'val' if i < 10 else ''}" for i, file in enumerate(files)]
    write(photos, rows, "file,label,split")
    dataset = images.make(photos, path=str(photos))
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [len(part.y) for part in parts] == [22, 10, 10]


@pytest.mark.parametrize(
    ("rows", "heading", "said"),
    [
        (["day 0/1.png,cat"], "name,label", "must have the columns file and label, but has name"),
        ([], "", "must have the columns file and label, but has none"),
        (["gone.png,cat", ",dog"], "file,label", "names 2 files that are no images .*: gone.png"),
        (["loose.png,a", "loose.png,b"], "file,label", "is there twice, with different labels"),
        (["loose.png,"], "file,label", "gives no image a label"),
        (["loose.png,a,tset"], "file,label,split", "split must be .*, but is tset"),
        (["loose.png,,test", "day 0/1.png,a,"], "file,label,split", "no label, but it is of test"),
    ],
)
def test_a_table_that_cannot_be_meant_is_one_sentence(photos, rows, heading, said):
    write(photos, rows, heading)
    with pytest.raises(ConfigError, match=said):
        images.make(photos, path=str(photos))


def test_text_that_is_no_utf_8_is_named(photos):
    write(photos, ["größe.png,cat"], encoding="latin-1")
    with pytest.raises(ConfigError, match=r"labels.csv cannot be read as UTF-8 text"):
        images.make(photos, path=str(photos))


def test_names_that_look_like_formulas_are_read_as_they_were_quoted(photos):
    names = ["=1+1.png", "'=1.png", "@home.png", "-.png"]
    for i, name in enumerate(names):
        (photos / FILES[i]).rename(photos / name)
    files = [*names, *FILES[len(names) :]]
    labels = ["=cat", "-1", "'@dog"]
    cells = [label_files.quoted(name) for name in (*names, *labels)]
    assert not any(cell.startswith(tuple("=+-@")) for cell in cells)
    rows = [
        f"{label_files.quoted(file)},{label_files.quoted(labels[i % 3])}"
        for i, file in enumerate(files)
    ]
    write(photos, rows)
    dataset = images.make(photos, path=str(photos))
    assert by_grey(dataset) == {5 * i: labels[i % 3] for i in range(len(files))}
