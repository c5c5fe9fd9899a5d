"""What the site makes of docstrings: examples as blocks of code, and the fields of records.

A record, like `types.Batch`, says in a comment what each field holds. The site has these comments
as the section `Attributes` of the record.
"""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"(?m)^([ ]*)>>> .*(?:\n\1(?! *$).+)*")
COMMENT = re.compile(r"[^#\"']*(?:\"[^\"]*\"[^#\"']*)*# (.+)")


class Doctests(griffe.Extension):
    """Puts each example of a docstring into a block of its own, and lists a record's fields."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Changes the docstring of one object."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(_block, obj.docstring.value)

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Adds the fields of a record that have a comment to its docstring."""
        fields = {
            name: found[1]
            for name, field in cls.members.items()
            if field.is_attribute and not name.startswith("_") and not field.docstring
            if (found := COMMENT.fullmatch(field.lines[-1] if field.lines else ""))
        }
        if cls.docstring and fields and "Attributes:" not in cls.docstring.value:
            lines = [f"  {name}: {text}" for name, text in fields.items()]
            cls.docstring.value += "\n\nAttributes:\n" + "\n".join(lines)


def _block(found: re.Match[str]) -> str:
    margin, text = found[1], found[0].replace("<BLANKLINE>", "")
    return f"{margin}```pycon\n{text}\n{margin}```"
