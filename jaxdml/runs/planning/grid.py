"""From a grid to points.

A grid is a tuple of mappings, each from a config path to the values that it takes; a mapping
stands for the product of its values, the tuple for the union. A tuple of paths as key moves them
together:

    ({"system": ("dml",), "data.labelled_percent": (0.1, 10.0)},
     {"system": ("dml_ae",), "routine.alpha": (0.25, 0.5),
      ("seed", "data.labels_seed"): ((0, 0), (1, 1))})
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxdml.options import ConfigError
from jaxdml.runs.planning.points import GridPoint, point
from jaxdml.settings import parts
from jaxdml.settings.fields import EXECUTION, PLACES, assign, flatten
from jaxdml.settings.resolve import Resolver

Grid = Sequence[Mapping[Any, Any]]
_FIXED = ("eval.", *EXECUTION)


def expand(base: Mapping[str, Any], grid: Grid) -> list[GridPoint]:
    """The different points of a grid over a base configuration, in order.

    A path that a point's system does not read makes no difference: such points are one.

    Raises:
      ConfigError: if the grid is not of the form above, or one of its points is not valid.

    >>> grid = ({"system": ("ae", "dml"), "loss.margin": (0.1, 0.2)},)
    >>> [p.setting["system"] for p in expand({"seed": 0}, grid)]
    ['ae', 'dml', 'dml']
    """
    if not isinstance(grid, (tuple, list)) or not grid:
        raise ConfigError(f"a grid must be a tuple of mappings, like ({{…}},), but is {grid!r}")
    flat = flatten(base)
    points: dict[str, GridPoint] = {}
    resolver = Resolver(parts.sections([flat, *_changes(grid)]))
    for mapping in grid:
        axes = [_axis(key, values) for key, values in mapping.items()]
        for combination in itertools.product(*axes):
            changes = {path: value for part in combination for path, value in part.items()}
            new_point = point(assign(flat, changes), resolver)
            same = points.setdefault(new_point.id, new_point)
            if same.setting != new_point.setting:
                both = same.setting, new_point.setting
                path = next(path for path in PLACES if both[0].get(path) != both[1].get(path))
                raise ConfigError(
                    f"{path} {both[0][path]} and {both[1][path]} end "
                    "alike, and a run tells them apart by that: rename one"
                )
    return list(points.values())


def paths(grid: Grid) -> list[str]:
    """Every path that the grid names, in order of first appearance."""
    named: dict[str, None] = {}
    for mapping in grid:
        for key in mapping:
            named |= dict.fromkeys((key,) if isinstance(key, str) else key)
    return list(named)


def thinned(grid: Grid) -> Grid:
    """A grid with the first of its seeds only.

    >>> thinned(({"system": ("dml", "ae"), ("seed", "data.labels_seed"): ((0, 0), (1, 1))},))
    ({'system': ('dml', 'ae'), ('seed', 'data.labels_seed'): ((0, 0),)},)
    """

    def of_seeds(key: Any) -> bool:
        return "seed" in ((key,) if isinstance(key, str) else key)

    return tuple({k: v[:1] if of_seeds(k) else v for k, v in mapping.items()} for mapping in grid)


def _changes(grid: Grid) -> Iterator[dict[str, Any]]:
    """Every assignment of every entry."""
    for mapping in grid:
        if not isinstance(mapping, Mapping):
            raise ConfigError(f"a grid must be a tuple of mappings, but one is {mapping!r}")
        for key, values in mapping.items():
            yield from _axis(key, values)


def _axis(key: Any, values: Any) -> list[dict[str, Any]]:
    """The assignments of one entry of a mapping."""
    together = (key,) if isinstance(key, str) else key
    if not isinstance(together, tuple) or not all(isinstance(path, str) for path in together):
        raise ConfigError(
            f"a key of a grid must be a config path or a tuple of them, but is {key!r}"
        )
    for path in together:
        if path.startswith(_FIXED):
            raise ConfigError(f"{path} is the same for a whole run: set it in the base config")
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise ConfigError(f"the values of {key!r} in a grid must be a tuple, but are {values!r}")
    rows = [(value,) for value in values] if isinstance(key, str) else values
    for row in rows:
        if not isinstance(row, Sequence) or len(row) != len(together):
            raise ConfigError(
                f"the values of {key!r} in a grid must have {len(together)} entries, not {row!r}"
            )
    return [dict(zip(together, row, strict=True)) for row in rows]
