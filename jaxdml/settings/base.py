"""A base configuration: what all calls of a run have in common."""

from collections.abc import Mapping
from typing import Any

from jaxdml.options import ConfigError
from jaxdml.settings import parts, systems
from jaxdml.settings.fields import COMMON, EXECUTION, SAMPLER, last_parts, usual
from jaxdml.settings.resolve import resolve
from jaxdml.settings.setting import as_text

# What `configs/common.py` once named, with these values, and runs therefore keep.
ONCE = {path: name for path, name in parts.NAMES.items() if name} | {"model.latent_dim": 10}
# How a run is executed, and what its report shows beside it.
PASSING = (*EXECUTION, "eval.baselines")


def complete(flat: Mapping[str, Any]) -> dict[str, Any]:
    """A base configuration with the default of each field that it does not name.

    Left out is what may change from one call to the next. Of paths of files the last part stays.

    >>> complete({"seed": 1})["seed"], complete({"seed": 1})["data.validation"]
    (1, 0)
    """
    system = systems.system_of(flat["system"]).defaults if flat.get("system") else {}
    value_by_path = {path: value for path, value in flat.items() if value is not None}
    whole = usual(COMMON | SAMPLER) | ONCE | dict(system) | value_by_path
    kept = {path: value for path, value in whole.items() if path not in PASSING}
    return last_parts(kept)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Fields in which two base configurations differ: path → their values.

    An option of a part that only one of them names is no difference where it has its default.

    >>> differing({"system": "dml"}, {"system": "dml", "loss.margin": 0.2})
    {}
    >>> differing({"system": "dml"}, {"system": "dml", "loss.margin": 0.3})
    {'loss.margin': (None, 0.3)}
    """
    before, after = complete(old), complete(new)
    unset = _unset(old) | _unset(new)

    def same(path: str) -> bool:
        values = [config.get(path, unset.get(path)) for config in (before, after)]
        return as_text({path: values[0]}) == as_text({path: values[1]})

    paths = sorted(before | after)
    return {path: (before.get(path), after.get(path)) for path in paths if not same(path)}


def _unset(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The default of each option that a base configuration reads, if it is a point by itself."""
    try:
        return dict(resolve(flat, parts.sections([flat])).unset)
    except ConfigError:
        return {}
