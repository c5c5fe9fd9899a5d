"""The site of the documentation, as a browser sees it."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("mkdocs")
ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    path = tmp_path_factory.mktemp("site")
    words = ["-m", "mkdocs", "build", "--quiet", f"--site-dir={path}"]
    quietly = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=quietly, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return path


def hook():
    spec = importlib.util.spec_from_file_location("site_hook", ROOT / "docs" / "site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_first_use_of_a_word_leads_to_the_glossary_and_no_other():
    text = "# A point\n\n`point` and [point](x.md): **point**. Two points, of two points.\n"
    linked = hook().explained(text, ["point"])
    assert linked == text.replace("Two points,", "Two [points](glossary.md#point),")


def test_a_public_name_without_a_page_fails_the_build(site, tmp_path):
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    hook().on_post_build(config={"site_dir": copy})
    (copy / "api" / "graph.html").unlink()
    with pytest.raises(Exception, match=r"no page of docs/api has jaxdml\.graph\."):
        hook().on_post_build(config={"site_dir": copy})


@pytest.mark.parametrize("width", [1280, 400])
def test_no_page_has_an_error_a_dead_link_or_a_request_to_another_host(site, width):
    playwright = pytest.importorskip("playwright.sync_api")
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_path is None:
        pytest.skip("no Chromium")
    pages = sorted(p for p in site.rglob("*.html") if p.name != "404.html")
    anchors, links, complaints = {}, [], []
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: complaints.append(request.url)
               if request.url.startswith("http") else None)  # fmt: skip
        for page in pages:
            tab.goto(page.as_uri())
            anchors[page] = set(tab.eval_on_selector_all("[id]", "all => all.map(e => e.id)"))
            links += [(page, link) for link in tab.eval_on_selector_all(
                "a[href]", "all => all.map(e => e.href)")]  # fmt: skip
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, page.name
        browser.close()
    assert not complaints
    assert len(pages) > 40
    for page, link in links:
        parts = urlsplit(link)
        if parts.scheme != "file":
            continue
        target = Path(unquote(parts.path))
        assert target.exists(), (page.name, link)
        if parts.fragment and target in anchors:
            assert unquote(parts.fragment) in anchors[target], (page.name, link)
