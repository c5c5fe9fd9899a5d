"""Systems: the thesis's own, and the recipes for few labels. Which terms each one has.

A system is a row of the table below, not a class: everything else about it is configuration.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from jaxdml.options import ConfigError, allow, find


class System(NamedTuple):
    """The names of a system's terms, and its defaults of a configuration.

    A user's own is `make() → System` in one file, named by its dotted path.
    """

    terms: tuple[str, ...]  # as `config.terms` names them, see `instances`
    # config path → what it is where a configuration leaves it unset
    defaults: Mapping[str, Any] = MappingProxyType({})


# Labels of its own for images that an average of the network is sure of, and views of images: what
# FixMatch (Sohn et al. 2020) and mean teachers (Tarvainen and Valpola 2017) found, for embeddings.
FEW: Mapping[str, Any] = MappingProxyType(
    {
        "model.encoder": "conv",
        "model.latent_dim": 64,
        "model.unit_length": True,
        "loss.name": "normalized_softmax",
        "loss.view": "weak",
        "loss.sources": ("true", "teacher"),
        "pseudo.alignment": "uniform",
        "train.steps": 1500,
        "train.batch_size": 64,
        "train.unlabelled_batch_size": 192,
        "train.average": 0.999,
        "optimizer.schedule": "fixmatch",
        "optimizer.warmup_steps": 200.0,
        "eval.parameters": "average",
        "eval.protocols": ("labelled", "scores"),
    }
)
# The same for vectors, whose views say little: with labels that spread over a graph of all rows, by
# Poisson learning (Calder 2020), and virtual adversarial training (Miyato 2018).
FEW_VECTORS: Mapping[str, Any] = MappingProxyType(
    {
        **FEW,
        "model.encoder": "mlp",
        "model.hidden": (256,),
        "loss.sources": ("true", "teacher", "propagated"),
        "vat.radius": 0.05,
        "vat.of_each": True,
    }
)
SYSTEMS: dict[str, System] = {
    "dml": System(("metric",)),  # Algorithm 1
    "dml_ae": System(("metric", "reconstruction")),  # Algorithm 2
    "dml_prior": System(("metric", "kl"), {"prior.name": "unit"}),  # Algorithm 3
    "mvae": System(("metric", "reconstruction", "kl"), {"prior.name": "vamp"}),  # Algorithm 5
    "ae": System(("reconstruction",)),  # Algorithm 2 at α = 1
    "vae": System(("reconstruction", "kl"), {"prior.name": "unit"}),  # Algorithm 5 at α = 1
    "few": System(("metric",), FEW),
    "few_vectors": System(("metric", "vat"), FEW_VECTORS),
}


def system_of(name: Any) -> System:
    """The system called `name`, as `config.system` names it.

    Raises:
      ConfigError: if there is none.

    >>> system_of("dml_ae").terms
    ('metric', 'reconstruction')
    """
    if isinstance(name, str) and name in SYSTEMS:
        return SYSTEMS[name]
    make = find("system", str(name), dict.fromkeys(SYSTEMS, System))
    try:
        system = make()
    except (Exception, SystemExit) as error:  # whatever a user's own may raise
        raise ConfigError(f"system={name} cannot be made: {error}") from error
    if not isinstance(system, System):
        raise ConfigError(
            f"system={name} must return a jaxdml.settings.systems.System, but gives {system!r}"
        )
    allow(system)  # whose code the user has allowed already
    return system
