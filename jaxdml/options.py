"""Options of the parts that can be exchanged: finding a part, its defaults, and saying what is
wrong.

A part (a loss, a model, a routine, a data set, …) is one function `make(…, **options)`. Its keyword
arguments are its options, and their defaults say what they are: **an option whose default is a
float is a number**, which may differ between the points of one compiled program, so `make` may get
it as a traced array and must not branch on it in Python; every other option shapes the program.
An option that switches something off has the default `None`, and the annotation `ArrayLike | None`:
`None` or not shapes the program, and the number may be traced.
"""

import difflib
import functools
import importlib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
from jax.typing import ArrayLike

MOST_NAMED = 8  # parts in a sentence, of a long list
MOST_SHOWN = 80  # characters of a value in a sentence


class ConfigError(ValueError):
    """Something that the user can mend, said in one sentence."""


class NotAllowedError(ConfigError):
    """A part from outside of the library that nothing but a stored file names."""


# Dotted paths that the user's own configuration or call has named, and `_ANY` of them.
_ANY = object()
_allowed: set[object] = set()


def allow(*named: Any) -> None:
    """Lets `find` import the parts that a configuration or a call names, from here on.

    Nothing is imported because a file of data says so. Where a user's own configuration comes in,
    it is named here; what a run folder or the file of an embedder holds is not, unless the user
    says that he trusts it.

    Args:
      named: configurations, grids and names, however nested.

    >>> allow({"loss": {"name": "operator:add"}})
    >>> find("loss.name", "operator:add", {})(1, 2)
    3
    """
    for value in named:
        if isinstance(value, str):
            for word in value.split(","):
                _allowed.add(word.rpartition("=")[2].strip())  # a term may be name=module:make
        elif isinstance(value, Mapping):
            allow(*value.values())
        elif isinstance(value, list | tuple | set):
            allow(*value)


def allow_all() -> None:
    """Lets `find` import whatever a configuration names, from here on: the user trusts it."""
    _allowed.add(_ANY)


def need_allowed(path: str, name: str) -> None:
    """Makes sure that a dotted path may be imported, see `allow`; other names pass.

    Raises:
      NotAllowedError: naming the field and the dotted path, and how to allow it.

    >>> need_allowed("loss.name", "triplet")
    """
    dotted = "." in name or ":" in name
    if dotted and name not in _allowed and _ANY not in _allowed:
        raise NotAllowedError(
            f"{path}={name} is code from outside of jaxdml, and no configuration or call of yours "
            "names it: if you trust it, allow it by --trust, or in Python by trust=True"
        )


def one_of(name: str, value: Any, allowed: Iterable[Any]) -> Any:
    """`value` if it is allowed.

    Raises:
      ValueError: naming the option, what came, and what is allowed.

    >>> one_of("mining", "hard", ("all", "hard"))
    'hard'
    """
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"{name} must be one of {listed(allowed)}, but is {value!r}")
    return value


def at_least(name: str, value: Any, low: float) -> Any:
    """`value` if it is `low` or more. A traced number passes: it was checked before tracing.

    >>> at_least("margin", 0.2, 0)
    0.2
    """
    if not isinstance(value, jax.core.Tracer) and not low <= value < math.inf:
        raise ValueError(f"{name} must be at least {low} and finite, but is {value}")
    return value


def between(name: str, value: Any, low: float, high: float) -> Any:
    """`value` if it lies in [low, high]; a traced number passes, as in `at_least`.

    >>> between("alpha", 0.5, 0, 1)
    0.5
    """
    if not isinstance(value, jax.core.Tracer) and not low <= value <= high:
        raise ValueError(f"{name} must lie between {low} and {high}, but is {value}")
    return value


def listed(names: Iterable[Any]) -> str:
    """Names for an error message, with commas between them.

    >>> listed(["a", "b"])
    'a, b'
    """
    return ", ".join(str(name) for name in names)


def find(path: str, name: str, table: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """The part called `name`: one of the table, or a user's own by its dotted path `module:make`.

    Args:
      path: the config path that names it, for the error message.
      name: a key of `table`, or `package.module:function`; `package.module` means its `make`.
      table: the library's own parts.

    Raises:
      NotAllowedError: if it is a user's own, and nobody has allowed it, see `allow`.
      ConfigError: if there is none, or its module cannot be imported.

    >>> find("loss.name", "plus", {"plus": sum})([1, 2])
    3
    """
    if isinstance(name, str) and name in table:
        return table[name]
    if not isinstance(name, str) or ("." not in name and ":" not in name):
        names = listed(sorted(table))
        if len(table) > 20:
            near = difflib.get_close_matches(str(name), table, n=4)
            shortest = sorted(table, key=lambda entry: (len(entry), entry))[:MOST_NAMED]
            names = f"{listed(near)} (the nearest of {len(table)})"
            names = names if near else f"{listed(shortest)}, … ({len(table)} in all)"
        raise ConfigError(
            f"{path} must be one of {names}, or a dotted path like my_package.my_module:make, "
            f"but is {abbreviated(name)}"
        )
    need_allowed(path, name)
    module_name, _, attribute = name.partition(":")
    attribute = attribute or "make"
    try:
        part: Any = getattr(importlib.import_module(module_name), attribute, None)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} must be a dotted path like my_package.my_module:make, but is {name!r}"
        ) from error
    except (Exception, SystemExit) as error:  # whatever a user's file may raise
        lacking = error.name if isinstance(error, ModuleNotFoundError) else None
        if lacking is None or not (module_name + ".").startswith(lacking + "."):
            raise ConfigError(
                f"{path}={name}: the module {module_name} is there, but cannot be imported: "
                f"{type(error).__name__}: {error}"
            ) from error
        raise ConfigError(
            f"{path}={name}: there is no module {lacking!r} on the import path "
            f"(set PYTHONPATH to the folder that holds it)"
        ) from error
    if not callable(part):
        raise ConfigError(f"{path}={name}: the module {module_name} has no function {attribute!r}")
    return part


def _parameters(make: Callable[..., Any]) -> Iterable[inspect.Parameter]:
    """What a part may be told.

    Raises:
      ConfigError: if that cannot be known, as of what is written in C.
    """
    try:
        return inspect.signature(make).parameters.values()
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{dotted_path(make)} is no part: its options cannot be read ({error})"
        ) from error


@functools.cache
def defaults(make: Callable[..., Any]) -> dict[str, Any]:
    """The options of a part: its keyword-only arguments and their defaults.

    >>> def make(spec, *, margin: float = 0.2, mining: str = "all"): ...
    >>> defaults(make)
    {'margin': 0.2, 'mining': 'all'}
    """
    options = {p.name: p.default for p in _parameters(make) if p.kind is p.KEYWORD_ONLY}
    missing = [name for name, default in options.items() if default is inspect.Parameter.empty]
    if missing:
        raise ConfigError(f"{dotted_path(make)}: the option {listed(missing)} needs a default")
    return options


@functools.cache
def optional_numbers(make: Callable[..., Any]) -> frozenset[str]:
    """The options of a part that are `None`, or a number which may be traced.

    They have the default `None`, and `ArrayLike | None` or `float | None` as their annotation.

    >>> def make(*, clip: float | None = None, size: int | None = None): ...
    >>> optional_numbers(make)
    frozenset({'clip'})
    """
    return frozenset(
        p.name
        for p in _parameters(make)
        if p.kind is p.KEYWORD_ONLY
        and p.default is None
        and p.annotation in (ArrayLike | None, float | None)
    )


@functools.cache
def optional_kinds(make: Callable[..., Any]) -> Mapping[str, Any]:
    """A value of the type of each option that is `None`, or of one type.

    >>> def make(*, clip: float | None = None, size: int | None = None): ...
    >>> dict(optional_kinds(make))
    {'clip': 0.0, 'size': 0}
    """
    types = (float, int, bool, str)
    kinds: dict[Any, Any] = {ArrayLike | None: 0.0, **{kind | None: kind() for kind in types}}
    return {
        p.name: kinds[p.annotation]
        for p in _parameters(make)
        if p.kind is p.KEYWORD_ONLY and p.default is None and p.annotation in kinds
    }


# Keyword arguments that hold what a batch is, and are no options.
OF_A_BATCH = ("labelled", "weights", "normalizer", "valid")


def part(
    *functions: Callable[..., Any],
    check: Callable[..., None] = lambda **_: None,
    into: Callable[..., Any] | None = None,
) -> Callable[..., Any]:
    """`make(**options)` of a part whose options are the keyword arguments of some functions.

    So an option, its default and what it may be are said once.

    Args:
      functions: their keyword-only arguments, but for those that hold a batch, are the options.
      check: is given the options, and raises a `ValueError` for a wrong one.
      into: is given the options, and makes the part. `None`: the first function with the options
        bound.

    >>> def power(x, *, exponent: float = 2.0, labelled=None):
    ...     return x**exponent
    >>> part(power)(exponent=3.0)(2.0)
    8.0
    >>> defaults(part(power))
    {'exponent': 2.0}
    """
    parameters = {
        p.name: p
        for function in functions
        for p in inspect.signature(function).parameters.values()
        if p.kind is p.KEYWORD_ONLY and p.name not in OF_A_BATCH
    }
    first = functions[0]

    def make(**options: Any) -> Any:
        unknown = [name for name in options if name not in parameters]
        if unknown:
            raise TypeError(f"there is no option {listed(unknown)}: there is {listed(parameters)}")
        whole = {name: parameter.default for name, parameter in parameters.items()} | options
        check(**whole)
        return functools.partial(first, **whole) if into is None else into(**whole)

    make.__doc__, make.__module__ = first.__doc__, first.__module__
    make.__qualname__ = f"make of {first.__qualname__}"
    # read by `inspect.signature`; the types of functions do not know of it
    make.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
    return make


def dotted_path(make: Callable[..., Any]) -> str:
    """The dotted path of a part, as a configuration can name it.

    >>> dotted_path(listed)
    'jaxdml.options:listed'
    """
    return f"{make.__module__}:{getattr(make, '__qualname__', type(make).__name__)}"


def abbreviated(value: Any) -> str:
    """A value in a sentence: its beginning, if it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a number of more digits than Python writes; an object of a user's own
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
