import base64
import io
import itertools
import json
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.image import imread

from jaxdml.report import page
from jaxdml.report.tables.table import Table
from tests.report.contents import FULL, SCORES, gallery, images, png, scatter

EVIL = "</script><script>alert('1')</script> <!-- & \" $title </style>"
TYPES = {"Float32Array": "<f4", "Uint8Array": "u1", "Uint16Array": "<u2", "Uint32Array": "<u4",
         "Int8Array": "i1", "Int16Array": "<i2"}  # fmt: skip


class Parsed(HTMLParser):
    """Elements and their attributes; the text inside each `script` and outside all of them."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.raw, self.rows = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data):
        inside = self.elements[-1][0] if self.elements else ""
        (self.raw if inside in {"script", "style"} else self.text).append(data)
        if inside in {"th", "td", "button"} and self.rows and data.strip():
            self.rows[-1].append(data)

    def data(self):
        return next(json.loads(raw) for raw in self.raw if raw.startswith("{"))

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def full():
    return Parsed(page.render(page.Content(**FULL)))


def test_all_text_is_escaped():
    evil = {
        "title": EVIL,
        "summary": EVIL,
        "notes": EVIL,
        "tables": [Table(EVIL, [EVIL, EVIL], [[EVIL, EVIL]], 1, [EVIL, f"- {EVIL}"])],
        "pictures": [page.Picture(EVIL, EVIL, png())],
        "scatters": [scatter(EVIL)._replace(space=EVIL)],
        "classes": [EVIL, EVIL],
        "galleries": [gallery(EVIL)],
        "config": {EVIL: EVIL, f"a.{EVIL}": [EVIL]},
        "warnings": [EVIL] * 20,
    }
    evil["explored"] = page.Explored(images(), [EVIL] * 300)
    parsed = Parsed(page.render(page.Content(**FULL | evil)))
    assert len(parsed.named("script")) == 3
    assert len(parsed.named("style")) == 1
    text = " ".join(parsed.text)
    # title twice, summary, warnings, 4 cells, 2 notes, section twice; picture; configuration; a
    # gallery's title, note and 2 rows of 3 cells and 2 headings
    assert text.count(EVIL) >= 2 + 1 + 20 + 4 + 2 + 2 + 2 + 2 + 2 + 2 * 5
    data = parsed.data()
    assert data["classes"] == [EVIL, EVIL]
    assert data["names"] == [EVIL] * 300
    assert data["scatters"][0]["title"] == EVIL


def test_nothing_is_fetched(full):
    for tag, attributes in full.elements:
        for name in ("src", "href", "srcset", "action", "data"):
            if value := attributes.get(name):
                assert value.startswith(("data:image/png;base64,", "#")), (tag, value)
    [style] = [raw for raw in full.raw if "color-scheme" in raw and "--paper" in raw]
    assert "url(" not in style
    assert "@import" not in style
    [policy] = [m["content"] for m in full.named("meta") if "http-equiv" in m]
    assert "default-src 'none'" in policy


def test_what_the_contents_name_is_there_once(full):
    names = [attributes["id"] for _, attributes in full.elements if "id" in attributes]
    assert len(set(names)) == len(names)
    links = [attributes["href"][1:] for attributes in full.named("a")]
    assert links[1:] == [
        "warnings", "table-1", "notes", "space", "pictures", "table-2", "configuration",
    ]  # fmt: skip
    assert set(links) <= set(names)


def test_headings_are_in_order_and_images_have_words(full):
    levels = [int(tag[1]) for tag, _ in full.elements if tag in {"h1", "h2", "h3"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all("alt" in attributes for attributes in full.named("img"))


def test_every_cell_is_there(full):
    assert full.rows[:5] == [SCORES.heading, *SCORES.body]


def test_notes_are_paragraphs_and_lists():
    text = page.render(page.Content(**FULL))
    assert "<p>Mean ± standard deviation.</p>\n<p>Left out:</p>" in text
    assert "<ul><li>a: diverged</li><li>b: failed</li></ul>" in text


def test_notes_come_after_the_scores_and_before_what_is_to_be_looked_at(full):
    ids = [attributes["id"] for _, attributes in full.elements if "id" in attributes]
    order = [ids.index(name) for name in ("table-1", "notes", "space", "pictures")]
    assert order == sorted(order)


def test_many_warnings_are_folded():
    few, many = (page.render(page.Content(**FULL | {"warnings": ["x"] * n})) for n in (8, 11))
    assert "more</summary>" not in few
    assert "<summary>3 more</summary>" in many


def test_arrays_come_back_as_they_were(full):
    for scatter_data, meant in zip(full.data()["scatters"], FULL["scatters"], strict=True):
        for name in ("position", "labels", "training", "image", "neighbours"):
            packed = scatter_data[name]
            array = np.frombuffer(base64.b64decode(packed["base64"]), TYPES[packed["type"]])
            np.testing.assert_array_equal(array, np.ravel(getattr(meant, name)))
        assert scatter_data["k"] == 3
    assert full.data()["scatters"][0]["neighbours"]["type"] == "Uint16Array"
    assert full.data()["scatters"][1]["neighbours"]["type"] == "Uint8Array"
    assert full.data()["scatters"][1]["title"] == "dml, accuracy 0.9"


@pytest.mark.parametrize("channels", [1, 3])
def test_images_lie_on_one_sheet_without_loss(channels):
    parsed = Parsed(
        page.render(page.Content(**FULL | {"explored": page.Explored(images(channels))}))
    )
    [source] = [attributes["src"] for attributes in parsed.named("img") if attributes["alt"] == ""]
    sheet = imread(io.BytesIO(base64.b64decode(source.partition(",")[2])), format="png")
    sheet = np.round(sheet * 255).astype(np.uint8).reshape(*sheet.shape[:2], channels)
    across, (height, width) = parsed.data()["across"], parsed.data()["size"]
    for i, image in enumerate(images(channels)):
        top, left = i // across * height, i % across * width
        np.testing.assert_array_equal(sheet[top : top + height, left : left + width], image)


def test_a_gallery_has_each_picture_and_what_is_said_of_it():
    found = gallery("x")
    table = found.table._replace(
        title="To label next",
        heading=["file", "label", "class"],
        body=[["a/1.png", "", "cat"], ["2.png", "", "dog"]],
    )
    text = page.render(page.Content("t", galleries=[found._replace(table=table)]))
    section = text.partition('<section id="labels"')[2].partition("</section>")[0]
    pictures = Parsed(section).named("img")
    for attributes, image in zip(pictures, found.images, strict=True):
        png_bytes = base64.b64decode(attributes["src"].partition(",")[2])
        shown = imread(io.BytesIO(png_bytes), format="png")
        np.testing.assert_array_equal(np.round(shown * 255), image[..., 0])
    words = " ".join("".join(Parsed(section).text).split())
    assert "a/1.pngclasscat2.pngclassdog" in words  # and no label, which is to be given
    assert words.endswith("x")


def test_without_plotly_there_is_a_sentence_for_the_plot(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    text = page.render(page.Content(**FULL))
    assert "<code>pip install &#x27;jaxdml[plot]&#x27;</code>" in text
    assert len(text) < 100_000
    assert len(Parsed(text).named("script")) == 2


def test_an_empty_report_is_a_page():
    parsed = Parsed(page.render(page.Content("t")))
    assert len(parsed.named("h1")) == 1
    assert not parsed.named("section")[1:]  # one is in the template of the plot
