"""Points of a grid: what each is, and under which name a run knows it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jaxdml.settings.resolve import Resolver
from jaxdml.settings.setting import Setting, as_text, training_fields


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


def point(config: Mapping[str, Any], resolver: Resolver | None = None) -> GridPoint:
    """A point that no run knows yet: its id is a hash of what is trained.

    Args:
      config: as for `resolve`.
      resolver: of the grid that it is of, if there are more points.
    """
    setting = (resolver or Resolver()).resolve(config)
    return GridPoint(hashlib.sha256(setting.training_text.encode()).hexdigest()[:12], setting)


def with_stored_ids(
    points: Iterable[GridPoint], stored_configs: Mapping[str, Mapping[str, Any]]
) -> list[GridPoint]:
    """The points, under the ids that a run knows them by.

    A stored configuration is that of a point if each field that it has is equal, and each field
    that it lacks has its present default. So a run that was begun before there was a field goes on
    where the field is not set.

    Args:
      points: in any order.
      stored_configs: id → stored configuration.

    >>> before = {"0123456789ab": dict(point({"system": "ae"}).setting)}
    >>> del before["0123456789ab"]["model.unit_length"]  # as if it came later
    >>> [p.id for p in with_stored_ids([point({"system": "ae", "train.width": 8})], before)]
    ['0123456789ab']
    """
    stored: dict[frozenset[str], dict[str, str]] = {}  # paths → values as text → id
    for name, config in stored_configs.items():
        fields = training_fields(config)
        stored.setdefault(frozenset(fields), {})[as_text(fields)] = name

    def identity(grid_point: GridPoint) -> str:
        trained_fields, default_by_path = (
            grid_point.setting.training_fields,
            grid_point.setting.unset,
        )
        changed_paths = {
            path for path, value in trained_fields.items() if value != default_by_path.get(path)
        }
        for paths, ids in stored.items():
            if changed_paths <= paths <= trained_fields.keys():
                identity_in_run = ids.get(as_text({path: trained_fields[path] for path in paths}))
                if identity_in_run is not None:
                    return identity_in_run
        return grid_point.id

    return [GridPoint(identity(grid_point), grid_point.setting) for grid_point in points]
