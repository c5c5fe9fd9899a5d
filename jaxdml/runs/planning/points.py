"""Points of a grid: what each is, and under which name a run knows it."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jaxdml.settings.resolve import resolve
from jaxdml.settings.setting import Setting, as_text, trained


@dataclass(frozen=True)
class GridPoint:
    """A point of the grid on the host."""

    id: str  # twelve hex digits; in a run folder the name of its own
    setting: Setting


@dataclass(frozen=True)
class Static:
    """Everything that shapes a compiled program (hashable): points that share it are a cohort."""

    options: tuple[tuple[str, Any], ...]  # (config path, value), sorted
    labelled_count: int | None  # only where an epoch is a pass over the labelled images


@dataclass(frozen=True)
class Cohort:
    """Points that one compiled program trains."""

    static: Static
    points: tuple[GridPoint, ...]
    capacity: int  # the most labelled images that one of them has


def point(config: Mapping[str, Any], elsewhere: Collection[str] = ()) -> GridPoint:
    """A point that no run knows yet: its id is a hash of what is trained.

    Args:
      config, elsewhere: as for `resolve`.
    """
    setting = resolve(config, elsewhere)
    return GridPoint(hashlib.sha256(as_text(setting.trained).encode()).hexdigest()[:12], setting)


def named(points: Iterable[GridPoint], known: Mapping[str, Mapping[str, Any]]) -> list[GridPoint]:
    """The points, under the ids that a run knows them by.

    A stored configuration is that of a point if each field that it has is equal, and each field
    that it lacks has its present default. So a run that was begun before there was a field goes on
    where the field is not set.

    Args:
      points: in any order.
      known: id → stored configuration.

    >>> before = {"0123456789ab": dict(point({"system": "ae"}).setting)}
    >>> del before["0123456789ab"]["model.unit_length"]  # as if it came later
    >>> [one.id for one in named([point({"system": "ae", "train.width": 8})], before)]
    ['0123456789ab']
    """
    stored: dict[frozenset[str], dict[str, str]] = {}  # paths → values as text → id
    for name, config in known.items():
        fields = trained(config)
        stored.setdefault(frozenset(fields), {})[as_text(fields)] = name

    def identity(one: GridPoint) -> str:
        here, unset = one.setting.trained, one.setting.unset
        other = {path for path, value in here.items() if value != unset.get(path)}
        for paths, ids in stored.items():
            if other <= paths <= here.keys():
                found = ids.get(as_text({path: here[path] for path in paths}))
                if found is not None:
                    return found
        return one.id

    return [GridPoint(identity(one), one.setting) for one in points]
