"""A case: what came, how it is given to the library, and what the answer must hold."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxdml import data
from jaxdml.runs.planning import grid, loading, plan
from jaxdml.settings.resolve import resolve

DIGITS = "--config=configs/digits.py --workdir=W"


class Case(NamedTuple):
    """Something that must be refused."""

    came: str  # in a few words, different in each theme
    given: (
        tuple[str, ...] | Callable[[Path], Any]
    )  # a command line; or a call, with an empty folder
    says: str  # a part of the answer


def command(line: str) -> tuple[str, ...]:
    """A command line; `train-digits …` is short for one that is right but for what follows."""
    return tuple(shlex.split(line.replace("train-digits", f"train {DIGITS}")))


def field(path: str, value: Any, says: str, **others: Any) -> Case:
    """A configuration with one field that is wrong, beside others by `section__name`."""
    config = {"system": "dml_ae"} | {p.replace("__", "."): v for p, v in others.items()}
    beside = "".join(f", {p}={v}" for p, v in config.items() if p != "system" and p != path)
    shown = "".join(c if c.isprintable() else "�" for c in repr(value))
    shown = shown if len(shown) <= 60 else f"{shown[:60]}…"
    return Case(f"`{path}={shown}`{beside}", lambda _: resolve(config | {path: value}), says)


def planned(config: Mapping[str, Any], says: str) -> Case:
    """A configuration of the digits that is wrong for them."""
    shown = ", ".join(f"{path}={value}" for path, value in config.items())

    def call(folder: Path) -> None:
        whole = {"system": "dml_ae"} | dict(config)
        plan.plan(grid.expand(whole, ({},)), loading.loader(folder))

    return Case(f"`{shown}`", call, says)


def gridded(came: str, over: Any, says: str) -> Case:
    """A grid that is none."""
    return Case(came, lambda _: grid.expand({"system": "ae"}, over), says)


def loaded(came: str, name: str, write: Callable[[Path], Any], says: str, **options: Any) -> Case:
    """A data set of a user's own: `write` is given an empty folder, and returns the path."""

    def call(folder: Path) -> None:
        path = write(folder) or folder
        where = {} if name == "mnist" else {"path": str(path)}
        data.load(name, folder, **where, **options)

    return Case(came, call, says)
