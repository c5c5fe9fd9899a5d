"""The systems of the thesis: which terms each one has.

A system is a row of the table below, not a class: everything else about it is configuration.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from jaxdml.options import ConfigError, find, listed


class System(NamedTuple):
    """What a system minimises.

    A user's own is `make() → System` in one file, named by its dotted path.
    """

    terms: tuple[str, ...]  # as `config.terms` names them, see `instances`
    # config path → what it is where a configuration leaves it unset
    defaults: Mapping[str, Any] = MappingProxyType({})


SYSTEMS: dict[str, System] = {
    "dml": System(("metric",)),  # Algorithm 1
    "dml_ae": System(("metric", "reconstruction")),  # Algorithm 2
    "dml_prior": System(("metric", "kl"), {"prior.name": "unit"}),  # Algorithm 3
    "mvae": System(("metric", "reconstruction", "kl"), {"prior.name": "vamp"}),  # Algorithm 5
    "ae": System(("reconstruction",)),  # Algorithm 2 at α = 1
    "vae": System(("reconstruction", "kl"), {"prior.name": "unit"}),  # Algorithm 5 at α = 1
}


def system_of(name: Any) -> System:
    """The system that `config.system` names.

    Raises:
      ConfigError: if there is none.
    """
    if name not in SYSTEMS and (not isinstance(name, str) or ("." not in name and ":" not in name)):
        raise ConfigError(
            f"system must be one of {listed(SYSTEMS)}, or a dotted path like "
            f"my_package.my_module:make, but is {name!r}"
        )
    if name in SYSTEMS:
        return SYSTEMS[name]
    system = find("system", name, {})()
    if not isinstance(system, System):
        raise ConfigError(
            f"system={name} must return a jaxdml.systems.System, but gives {system!r}"
        )
    return system
