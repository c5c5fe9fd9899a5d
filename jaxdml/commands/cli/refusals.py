"""Flags that do not take their value, in words."""

import re

# How the reason of absl or Python begins → what the flag takes.
KINDS = {
    "invalid literal for int": "a whole number",
    "could not convert string": "a number",
    "('Non-boolean": "True or False",
}


def illegal(message: str) -> str:
    """What to say of a flag whose value is of another type: what it takes, and what came.

    Args:
      message: of absl; another one stays as it is.

    >>> illegal("flag --suggest=x: invalid literal for int() with base 10: 'x'")
    "--suggest must be a whole number, but is 'x'"
    """
    found = re.match(r"flag --([\w.]+)=(.*?): (.*)", message, re.DOTALL)
    if not found:
        return message
    name, value, why = found.groups()
    if "as a ConfigDict" in why:
        return f"--{name} is a section: set one of its fields, like --{name}.name={value}"
    kind = next((kind for start, kind in KINDS.items() if why.startswith(start)), None)
    return f"--{name} must be {kind}, but is {value!r}" if kind else message
