import base64
import io
import itertools
import json
import shutil
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from jaxdml.report import page
from jaxdml.report.tables.table import ImageTable, Table

EVIL = "</script><script>alert('1')</script> <!-- & \" $title </style>"
TYPES = {"Float32Array": "<f4", "Uint8Array": "u1", "Uint16Array": "<u2", "Uint32Array": "<u4",
         "Int8Array": "i1", "Int16Array": "<i2"}  # fmt: skip


def png():
    buffer = io.BytesIO()
    Figure(figsize=(2, 1)).savefig(buffer)
    return buffer.getvalue()


def images(channels=1):
    return np.random.default_rng(0).integers(0, 256, (300, 4, 3, channels), dtype=np.uint8)


def scatter(title="ae", count=300):
    """Two rows of points, one above the other; every fifth is labelled."""
    i = np.arange(count)
    return page.Scatter(
        title=title,
        space="latent space",
        position=np.stack([i // 2, 40 * (i % 2)], axis=1).astype(np.float32),
        labels=(i % 2).astype(np.int32),
        training=i % 5 == 0,
        image=i.astype(np.int32)[::-1],
        neighbours=np.stack([(i + 2) % count, (i + 4) % count, i ^ 1], axis=1).astype(np.int32),
    )


def with_unlabelled():
    """The same, where the last ten are training images without a label."""
    some, rows = scatter(), np.arange(300)
    labels = np.where(rows < 290, some.labels, -1)
    return some._replace(labels=labels, training=some.training | (rows >= 290), unlabelled=2000)


def gallery(text, count=2):
    table = Table(text, [text, text, text], [[text] * 3] * count, 3, [text])
    return ImageTable(table, images()[:count])


SCORES = Table(
    "Scores",
    ["system", "labelled", "accuracy"],
    [["dml", "10", "0.90 ± 0.01"], ["ae", "1", "–"], ["dml_ae", "10", "0.10"], ["vae", "5", "−1"]],
    2,
    ["Mean ± standard deviation.", "Left out:", "- a: diverged\n- b: failed"],
)
FULL = {
    "title": "digits",
    "summary": "Four points.\n\n`thesis` first.",
    "notes": "How to read them.",
    "tables": [SCORES, Table("Times", ["system", "s"], [["ae", "1"]], 1)],
    "pictures": [page.Picture("Losses", "By `epoch`.", png())],
    "scatters": [scatter(), scatter("dml\naccuracy 0.9", 20)],
    "explored": page.Explored(images()),
    "classes": ["zero", "1"],
    "config": {"seed": 0, "model.hidden": [8, 4], "system": "ae", "prior.name": None},
    "warnings": ["a diverged."],
}


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


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, the system's own."""
    driver = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no browser")
    with driver.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path)
        yield running
        running.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a report from disk; what it said and asked for is looked at afterwards."""
    path = tmp_path / "report.html"
    tab = browser.new_page(viewport={"width": 1200, "height": 1000}, color_scheme="light")
    messages, requested_urls = [], []
    tab.on("console", lambda message: messages.append(message.text))
    tab.on("pageerror", lambda error: messages.append(str(error)))
    tab.on("request", lambda request: requested_urls.append(request.url))

    def opened(**changes):
        path.write_text(page.render(page.Content(**FULL | changes)), "utf-8")
        tab.goto(path.as_uri())
        return tab

    yield opened
    tab.close()
    assert messages == []
    assert [url for url in requested_urls if not url.startswith("data:")] == [path.as_uri()]


def test_a_reader_sorts_and_filters(visit):
    opened = visit(scatters=[])
    column = opened.locator("#table-1 tbody tr:visible > :first-child")
    accuracy = opened.get_by_role("button", name="accuracy")
    accuracy.click()
    assert column.all_text_contents() == ["vae", "dml_ae", "dml", "ae"]
    accuracy.press("Enter")
    assert column.all_text_contents() == ["dml", "dml_ae", "vae", "ae"]
    assert opened.locator("[aria-sort]").get_attribute("aria-sort") == "descending"
    accuracy.press("Space")
    assert column.all_text_contents() == ["dml", "ae", "dml_ae", "vae"]
    assert opened.locator("[aria-sort]").count() == 0
    opened.get_by_label("Filter").first.fill("10 DML")
    assert column.all_text_contents() == ["dml", "dml_ae"]
    assert opened.locator("#table-1 output").text_content() == "2 of 4 rows"


def test_a_reader_explores_by_pointer(visit):
    opened = visit()
    tip, chosen, neighbours = (opened.locator(s) for s in ("#tip", "#chosen", "#chosen li button"))
    mark = opened.locator("#plot .trace").first.locator(".point").nth(100)  # a test image
    mark.scroll_into_view_if_needed()
    mark.hover(force=True)
    tip.wait_for(state="visible")
    assert tip.text_content().endswith("test image")
    mark.click(force=True)
    neighbours.first.wait_for()
    assert "2 of 3 nearest neighbours are of the same class" in chosen.text_content()
    assert neighbours.count() == 3
    assert chosen.locator(".wrong").count() == 1
    assert opened.locator("#plot .shapelayer path").count() == 1 + 3 + 3  # rings and lines
    inked = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0)"
    assert all(c.evaluate(inked) for c in chosen.locator("canvas").all())
    neighbours.nth(1).click()
    assert neighbours.count() == 3
    opened.get_by_role("button", name="zero", exact=True).click()
    faint = opened.evaluate("[...document.querySelectorAll('.point')].map(p => p.style.opacity)")
    assert faint.count("0.06") == 150  # of class 1
    opened.get_by_label("Setting").select_option("1")
    assert opened.locator("#plot .point").count() == 20
    assert "No image is chosen" in chosen.text_content()
    assert opened.get_by_role("button", name="Share").count() == 0


def test_a_reader_explores_by_keyboard(visit):
    opened = visit()
    announcement = opened.locator("#said")
    opened.locator("#plot").focus()
    opened.keyboard.press("ArrowUp")  # the middle
    opened.keyboard.press("ArrowUp")
    before = announcement.text_content()
    assert before.startswith(("class 1, ", "zero, "))
    opened.keyboard.press("ArrowDown")
    assert announcement.text_content().startswith("zero, ")
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("Shift+ArrowLeft")
    opened.keyboard.press("Enter")
    sentence = "2 of 3 nearest neighbours are of the same class: zero, zero, class 1"
    assert announcement.text_content().endswith(sentence)
    assert opened.locator("#chosen li").count() == 3
    opened.keyboard.press("Escape")
    assert opened.locator("#chosen li").count() == 0


def test_the_plot_follows_the_theme_and_the_width(visit):
    opened = visit()
    ink = "getComputedStyle(document.body).color"
    edge = "document.querySelectorAll('.trace')[1].querySelector('.point').style.stroke"
    button = opened.locator("#theme")
    button.click()
    assert button.text_content() == "Light theme"
    dark = opened.evaluate(ink)
    assert opened.evaluate(edge) == dark
    button.click()
    light = opened.evaluate(ink)
    assert opened.evaluate(edge) == light != dark
    opened.set_viewport_size({"width": 360, "height": 700})
    opened.locator("#plot .main-svg[width^='3']").first.wait_for()
    assert opened.evaluate("document.documentElement.scrollWidth") == 360


def test_the_setting_that_is_named_is_shown_first(visit):
    opened = visit(opened=1)
    assert opened.locator("#axes").text_content().startswith("dml, accuracy 0.9.")
    assert opened.get_by_label("Setting").input_value() == "1"


def test_a_picture_is_enlarged_and_closed_again(visit):
    opened = visit(scatters=[], pictures=[page.Picture("Losses", "By `epoch`.", png())])
    opened.get_by_role("button", name="Losses").click()
    large = opened.get_by_role("dialog").get_by_role("img")
    assert large.bounding_box()["width"] > opened.locator(".picture img").bounding_box()["width"]
    opened.keyboard.press("Escape")
    assert opened.locator("dialog").count() == 0


def test_scores_are_in_sight_on_a_phone(visit):
    heading = ["system", "labelled_percent", "routine", "n", "thesis kNN accuracy"]
    body = [["dml_ae", "10", "alternate", "3", "0.513 ± 0.018"]]
    opened = visit(scatters=[], tables=[Table("Scores", heading, body, 4)])
    opened.set_viewport_size({"width": 400, "height": 900})
    box = opened.locator("#table-1 td.number").bounding_box()
    assert box["x"] + box["width"] <= 400
    assert opened.evaluate("document.documentElement.scrollWidth") == 400


def test_images_may_be_missing(visit):
    opened = visit(explored=page.Explored())
    opened.locator("#plot").press("Enter")
    assert opened.locator("#chosen li").count() == 3
    assert opened.locator("#chosen canvas").count() == 0


def test_the_neighbours_of_an_image_without_a_label_can_be_seen(visit):
    names = [f"{i}.png" for i in range(300)]
    opened = visit(scatters=[with_unlabelled()], explored=page.Explored(images(), names))
    assert "Rings are 10 of 2,000 training images" in opened.locator("#axes").text_content()
    rings = opened.locator("#plot .trace").first.locator(".point")
    assert rings.count() == 10
    rings.nth(9).scroll_into_view_if_needed()
    rings.nth(9).click(force=True)  # row 299: rows 1, 3 and 298 are near
    chosen = opened.locator("#chosen")
    chosen.locator("li").first.wait_for()
    assert "no label training image0.png" in chosen.locator(".one").text_content()
    sentence = "3 nearest neighbours: 2 × class 1, 1 × no label"
    assert chosen.locator("h3").text_content() == sentence
    assert chosen.locator(".wrong").count() == 0
    assert chosen.locator("li span").all_text_contents() == ["1", "1", "no label"]
    chosen.locator("li button").first.click()  # row 1
    assert "are of the same class" in chosen.locator("h3").text_content()
    opened.get_by_role("button", name="no label", exact=True).first.click()
    faint = opened.evaluate("[...document.querySelectorAll('.point')].map(p => p.style.opacity)")
    assert faint.count("0.06") == 290


def test_of_many_classes_the_most_frequent_have_a_colour_and_a_button(visit):
    labels = np.concatenate([np.arange(200), np.repeat(np.arange(100, 120), 5)])
    one = scatter()._replace(labels=labels)
    opened = visit(scatters=[one], classes=[f"c{i}" for i in range(200)])
    buttons = opened.locator(".classes button").all_text_contents()
    assert buttons == [f"c{i}" for i in (*range(20), *range(100, 120))]
    said = opened.locator(".classes span").text_content()
    assert said == "160 other classes, with no more images each, are grey."
