"""The report's page in a browser: by pointer, by keyboard, and on a phone."""

import shutil

import numpy as np
import pytest

from jaxdml.report import page
from jaxdml.report.tables.table import Table
from tests.report.contents import FULL, images, png, scatter, with_unlabelled


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
