"""Names that come from data do nothing where they are read: in pages, tables and pictures."""

import csv
import io
import re
import shutil
import xml.etree.ElementTree as Xml
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure

from jaxdml.data import folders
from jaxdml.export import projector, tensorboard
from jaxdml.export.records import Embedding, Point
from jaxdml.report.figures import style
from jaxdml.report.tables import table
from tests.hostile.small import NAMES, study

FILE = "<img src=x onerror=window.ran=4> $\\frac{$ [x](javascript:ran) `x` |\n\x1b[2J=1+1"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
TABLE = table.Table("Of <b>", [*NAMES, "n"], [[*NAMES, "-0.5"], [*NAMES, "0.1 ± 0.2"]], len(NAMES))


class Tags(HTMLParser):
    """The tags of a page, their attributes, and the text of those that hold one."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


LINK = r"\[[^\n]*?\]\s*[(\[:]"


def unescaped(markdown):
    """Markdown without its code, and without each sign that has a backslash before it."""
    return re.sub(r"\\.", "", re.sub(r"(?<![\\`])`[^`\n]+`(?!`)", "", markdown))


def inert(markdown):
    """Whether Markdown of names alone has no tag, no link, and no code that is not closed."""
    return not re.search(rf"[<`]|{LINK}", unescaped(markdown)) and not CONTROL.search(markdown)


def test_a_table_in_markdown_has_its_cells_and_no_tag_or_link():
    lines = table.markdown(TABLE).splitlines()
    assert len(lines) == 4
    assert all(unescaped(line).count("|") == len(NAMES) + 2 for line in lines)
    assert inert("\n".join(lines))


def test_notes_in_markdown_keep_their_code_and_nothing_else():
    for name in NAMES:
        text = table.prose(f"See `a<b` of {name.replace(chr(10), ' ')}")
        assert text.startswith("See `a<b` of ")
        assert not re.search(rf"<|{LINK}", unescaped(text)), text
    assert table.prose("one\n- two") == "one\n- two"


def test_a_table_for_a_spreadsheet_has_no_formula_and_keeps_its_numbers():
    rows = list(csv.reader(io.StringIO(table.csv(TABLE))))
    assert [len(row) for row in rows] == [len(NAMES) + 1] * 3
    assert [row[-1] for row in rows] == ["n", "-0.5", "0.1 ± 0.2"]
    assert not any(re.match(r"[=+\-@\t\r]", cell) for row in rows for cell in row[:-1])
    assert not CONTROL.search(table.csv(TABLE))


@pytest.mark.parametrize("cell", ["-1", "+0.5", "-0.005 ± 0.001   *", "1e-3", "–"])
def test_a_number_is_no_formula(cell):
    assert table.quoted(cell) == cell


@pytest.mark.parametrize("cell", ["-1+cmd|' /C calc'!A0", "=1", "@x", "+x", "\t=1", "-x"])
def test_a_formula_is_quoted(cell):
    assert table.quoted(cell) == f"'{cell}"


def test_a_table_in_latex_has_no_command_of_a_name():
    lines = table.latex(TABLE).splitlines()
    assert len(lines) == 12
    text = "\n".join(lines)
    assert not re.search(r"\\(input|write|frac)|(?<!\\)%|\^\^", text)
    assert not CONTROL.search(text)
    assert text.count(" & ") == 3 * len(NAMES)
    first = table.latex(TABLE._replace(heading=["[1in]"], body=[["*"]])).splitlines()
    assert (first[5], first[7]) == (r"{}[1in] \\", r"{}* \\")


def test_figures_show_names_as_they_are_and_are_whole(tmp_path):
    figure = Figure()
    axis = figure.subplots()
    axis.set_title("\n".join(["own line", NAMES[6]]))
    for i, name in enumerate([*NAMES, FILE]):
        axis.plot([0, 1], [0, i], label=name)
        axis.text(0, i, name)
    axis.legend()
    for file in style.save(figure, tmp_path, "names"):
        if file.suffix == ".svg":
            tags = {element.tag.rpartition("}")[2] for element in Xml.parse(file).iter()}
            assert not tags & {"script", "img", "foreignObject", "a"}
    assert axis.get_title().startswith("own line\n$")


def test_the_name_of_a_file_is_one_line_without_control_characters():
    texts = [folders.text(name) for name in (*NAMES, FILE)]
    assert not CONTROL.search("".join(texts))
    assert [len(text.splitlines()) for text in texts] == [1] * len(texts)


def test_exports_have_one_row_an_image_and_no_link_or_tag(tmp_path):
    count = len(NAMES)
    embedding = Embedding(np.ones((count, 3), np.float32), NAMES, np.arange(count), None)
    projector.write(embedding, tmp_path)
    metadata = (tmp_path / "projector" / "metadata.tsv").read_bytes().decode("utf-8")
    rows = metadata.split("\n")[1:-1]
    assert [row.count("\t") for row in rows] == [1] * count
    assert not CONTROL.search(metadata)
    config = dict(enumerate(NAMES)) | {"data.path": FILE}
    lines = tensorboard._table(config).split("\n")[2:]
    assert [unescaped(line).count("|") for line in lines] == [3] * len(config)
    cells = "\n".join(line.partition("` |")[2] for line in lines)
    assert not re.search(r"[<`]|\]\(", unescaped(cells))
    assert not CONTROL.search(cells)
    for name in NAMES:
        point = Point("3ad5", f"{name} · seed 0", "ok", "", {}, {}, [], {}, {}, None)
        assert re.fullmatch(r"[\w.+-]+", tensorboard.folder_name(point), re.ASCII)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A study of classes, a file and a run folder of such names."""
    return study(tmp_path_factory.mktemp("hostile"), FILE)


def test_nothing_that_a_study_writes_is_more_than_text(written):
    report = written.run_folder / "report"
    files = {file for file in written.run_folder.rglob("*") if file.is_file()}
    text_files = [f for f in files if f.suffix in (".md", ".csv", ".tex", ".svg", ".html", ".json")]
    assert len(text_files) > 12
    for file in text_files:
        text = file.read_bytes().decode("utf-8")
        if file.suffix == ".svg":
            assert not re.search(r"<(script|img|a)\b", text), file.name
            Xml.fromstring(text)
        elif file.suffix != ".html":  # where plotly.js is
            assert not CONTROL.search(text), file.name
        if file.suffix == ".tex":
            assert not re.search(r"\\(input|write|frac)", text)
        if file.suffix == ".csv":
            cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
            assert not any(re.match(r"[=@\t\r]|[+-](?!\d)", cell) for cell in cells), file.name
    markdown = (report / "report.md").read_bytes().decode("utf-8")
    own = r"```json.*?```|</?details>|</?summary>|!\[[\w ]+\]\(\w+\.png\)"
    prose = re.sub(own, "", markdown, flags=re.DOTALL)
    assert not re.search(rf"<|{LINK}", unescaped(prose))
    assert all(inert(line) for line in written.table.split("\n") if line.startswith("|"))
    page = Tags((report / "report.html").read_text("utf-8"))
    assert "img" in page.tags
    assert not [name for name in page.attributes if name.startswith("on")]
    assert page.tags.count("script") <= 4
    inside = {file.name for file in written.run_folder.parent.iterdir()}
    assert inside == {f"{FILE}.npz", f"{FILE} run"}


@pytest.mark.slow
def test_a_browser_runs_nothing_of_the_names_and_asks_for_nothing(written):
    playwright = pytest.importorskip("playwright.sync_api")
    pytest.importorskip("plotly")
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_path is None:
        pytest.skip("no Chromium")
    happened = []
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.on("pageerror", lambda error: happened.append(str(error)))
        tab.on("dialog", lambda dialog: (happened.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: happened.append(request.url)
               if not request.url.startswith(("file:", "data:", "blob:")) else None)  # fmt: skip
        tab.goto(written.page.as_uri())
        tab.wait_for_selector("#space .classes button")
        names = tab.eval_on_selector_all(".classes button", "all => all.map(b => b.textContent)")
        assert "<script>window.ran=1</script>" in names
        for button in tab.query_selector_all(".classes button"):
            button.click()
        for button in tab.query_selector_all("th button"):
            button.click()
        tab.mouse.move(500, 500)
        assert tab.evaluate("window.ran === undefined")
        assert tab.eval_on_selector_all("a", "all => all.map(a => a.protocol)").count("file:")
        assert not tab.eval_on_selector_all(
            "a", "all => all.filter(a => a.protocol == 'javascript:').length"
        )
        browser.close()
    assert not happened
