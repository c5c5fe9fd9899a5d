"""What the site has besides the files of this folder.

Result pages are added, and the first use of a word of the glossary leads there. Pages lead to files
of the repository: on the site a link to another page, a result or a picture stays one, and a link
to code becomes plain text. A public name without a page of the API reference fails the build.
"""

import importlib
import inspect
import os
import pkgutil
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

import jaxdml
import jaxdml.evaluate

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "experiments" / "results"
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(((?!https?:|#)[^)\s]+)\)")
PICTURES = (".png", ".svg")
GLOSSARY = ROOT / "docs" / "glossary.md"
# Parts of a page in which no word becomes a link: code, links, headings, tables' rules, HTML.
UNTOUCHED = re.compile(
    r"```.*?```|`[^`\n]*`|!?\[[^\]]*\]\([^)]*\)|^#.*?$|<[^>]*>|\*\*.*?\*\*", re.S | re.M
)


def on_files(files: Files, *, config: Any, **_: Any) -> Files:
    """Adds the result pages and their pictures."""
    for page in sorted(RESULTS.glob("*/README.md")):
        name = page.parent.name
        text = _on_the_site(page.read_text(), page)
        files.append(File.generated(config, f"results/{name}.md", content=text))
    for picture in sorted(p for p in RESULTS.glob("*/*") if p.suffix in PICTURES):
        place = f"results/{picture.parent.name}/{picture.name}"
        files.append(File.generated(config, place, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Turns links to files of the repository into links of the site."""
    name = page.file.src_uri
    if name.startswith(("results/", "api/")):
        return markdown
    text = _on_the_site(markdown, ROOT / "docs" / name)
    if name == GLOSSARY.name:
        return re.sub(r"(?m)^\| ([a-z][a-z -]*) \|", r'| <a id="\1"></a>\1 |', text)
    return explained(text, re.findall(r"(?m)^\| ([a-z][a-z -]*) \|", GLOSSARY.read_text())[1:])


def explained(text: str, words: list[str]) -> str:
    """The text of a page with a link to the glossary at the first use of each word.

    >>> explained("`point`: two points share a cohort, as points do.", ["point", "cohort"])
    '`point`: two [points](glossary.md#point) share a [cohort](glossary.md#cohort), as points do.'
    """
    left = sorted(words, key=len, reverse=True)
    form = re.compile(rf"\b({'|'.join(left)})(s?)\b")

    def link(found: re.Match[str]) -> str:
        if found[1] not in left:
            return found[0]
        left.remove(found[1])
        return f"[{found[0]}]({GLOSSARY.name}#{found[1].replace(' ', '%20')})"

    parts, end = [], 0
    for untouched in UNTOUCHED.finditer(text):
        parts += [form.sub(link, text[end : untouched.start()]), untouched[0]]
        end = untouched.end()
    return "".join([*parts, form.sub(link, text[end:])])


def on_post_build(*, config: Any, **_: Any) -> None:
    """Makes sure that the API reference has every public name."""
    pages = Path(config["site_dir"]).glob("api/*.html")
    anchors = {name for page in pages for name in re.findall(r'id="([\w.]+)"', page.read_text())}
    missing = sorted(public_names() - anchors)
    if missing:
        raise PluginError(f"no page of docs/api has {', '.join(missing)}")


def public_names() -> set[str]:
    """The full name of each function and class that is offered to anyone.

    They are what `jaxdml` has itself; what its rooms have, by name or in a table like `PRIORS`; and
    what is in the modules of `evaluate`, which names nothing itself. How a configuration makes a
    loss is told by the loss.
    """
    rooms = [importlib.import_module(f"jaxdml.{room}") for room in jaxdml.ROOMS]
    rooms += [
        importlib.import_module(found.name)
        for found in pkgutil.iter_modules(jaxdml.evaluate.__path__, "jaxdml.evaluate.")
    ]
    whole = [getattr(jaxdml, name) for name in jaxdml.OF_ROOMS]
    found_names = {f"{one.__module__}.{one.__name__}" for one in whole}
    for room in rooms:
        names = getattr(room, "__all__", [name for name in vars(room) if not name.startswith("_")])
        for value in (getattr(room, name) for name in names):
            for one in value.values() if isinstance(value, Mapping) else [value]:
                if (
                    (inspect.isfunction(one) or inspect.isclass(one))
                    and one.__module__.startswith(room.__name__)
                    and not one.__name__.startswith("_")
                    and (one.__name__ != "make" or room.__name__ != "jaxdml.losses")
                ):
                    found_names.add(f"{one.__module__}.{one.__name__}")
    return found_names


def _on_the_site(text: str, page: Path) -> str:
    """The text of a page of the repository, with the links that the site has."""
    here = _place(page)
    assert here is not None

    def link(found: re.Match[str]) -> str:
        file, hash_, anchor = found[3].partition("#")
        target = _place((page.parent / file).resolve())
        if target is None:
            return found[0] if found[1] else found[2]
        return f"{found[1]}[{found[2]}]({os.path.relpath(target, here.parent)}{hash_}{anchor})"

    return LINK.sub(link, text)


def _place(file: Path) -> Path | None:
    """Where the site has a file of the repository, if it does."""
    if file == ROOT / "README.md":
        return Path("index.md")
    if file.is_relative_to(ROOT / "docs"):
        return file.relative_to(ROOT / "docs")
    if file.is_relative_to(RESULTS) and file != RESULTS:
        inside = file.relative_to(RESULTS)
        if file.suffix in PICTURES:
            return "results" / inside
        if len(inside.parts) == 1 or inside.name == "README.md":
            return Path("results") / f"{inside.parts[0]}.md"
    return None
