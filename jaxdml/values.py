"""Values of options: of which kind and size they may be, whatever a file or a command line has."""

import os
from typing import Any

import numpy as np

from jaxdml.options import ConfigError, abbreviated

# Programs compute with 32 bits.
LARGEST = {bool: 1, int: 2**31 - 1, float: 3.4e38}
_KINDS = {
    float: "a number",
    int: "a whole number",
    bool: "True or False",
    str: "a word",
    tuple: "a list like (512, 256)",
}


def coerce(path: str, value: Any, default: Any) -> Any:
    """`value` in the type that the option's default has.

    A float takes integers too; a tuple takes lists, and words with commas between them. `None` as
    default takes every plain value: a number, True or False, a word, or a list of such.

    Raises:
      ConfigError: naming the path, what came, and what is expected.

    >>> coerce("loss.margin", 1, 0.2), coerce("model.hidden", [64], (512, 256))
    (1.0, (64,))
    >>> coerce("eval.protocols", "labelled,full", ("thesis",))
    ('labelled', 'full')
    """
    kind = type(default)
    value = _plain(path, value)
    if default is None or (type(value) is kind and kind not in (tuple, float)):
        return value
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) + 0.0  # −0.0 is 0.0
    if kind is tuple and default and type(default[0]) is str and len(words := _words(value)) > 1:
        return words
    if kind is tuple and isinstance(value, (list, tuple)):
        if default and not all(type(v) is type(default[0]) for v in value):
            kinds = _KINDS[type(default[0])].removeprefix("a ")
            raise ConfigError(f"{path} must hold {kinds}s, but is {abbreviated(value)}")
        return tuple(value)
    if kind is tuple and default and type(value) is type(default[0]):
        return (value,)
    raise ConfigError(f"{path} must be {_KINDS[kind]}, but is {abbreviated(value)}")


def _plain(path: str, value: Any) -> Any:
    """A value as a configuration may hold it: lists as tuples, numbers of numpy as Python's.

    Raises:
      ConfigError: if it is of another kind, too large for 32 bits, not finite, or no text.
    """
    if isinstance(value, (list, tuple)):
        return tuple(_plain(path, item) for item in value)
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, (bool, int, float, str, type(None))):
        raise ConfigError(
            f"{path} must be a number, a word, or a list of them, but is {abbreviated(value)}"
        )
    if (
        isinstance(value, (int, float))
        and not -LARGEST[type(value)] <= value <= LARGEST[type(value)]
    ):
        most = f"{LARGEST[type(value)]:,}" if isinstance(value, int) else "3.4e38"
        raise ConfigError(f"{path} must be finite, and at most {most}, but is {abbreviated(value)}")
    if isinstance(value, str) and not _is_text(value):
        raise ConfigError(
            f"{path} must be text, but {abbreviated(value)} has characters that none has"
        )
    return value


def _is_text(value: str) -> bool:
    """Whether a word can be the name of a file."""
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _words(value: Any) -> tuple[str, ...]:
    """The words of a list as a command line has it, `a,b`; nothing of anything else."""
    alone = value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value
    return tuple(word.strip() for word in alone.split(",")) if isinstance(alone, str) else ()
