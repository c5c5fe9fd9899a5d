"""Examples in docstrings, as blocks of code on the site."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"(?m)^([ ]*)>>> .*(?:\n\1(?! *$).+)*")


class Doctests(griffe.Extension):
    """Puts each example of a docstring into a block of its own."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Changes the docstring of one object."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(_block, obj.docstring.value)


def _block(found: re.Match[str]) -> str:
    margin, text = found[1], found[0].replace("<BLANKLINE>", "")
    return f"{margin}```pycon\n{text}\n{margin}```"
