"""Sections of a configuration, and what is made of them, layer by layer.

The options of a part and of what it stands in share a section:

    loss.name = "triplet"    loss.margin   an option of the loss
                             loss.on       an option of the term in which the loss stands
                             loss.view     an option of every term

The first layer is the part itself. Each further layer gets what the one before made, and adds
something: loss → metric term → term with a view and a weight. Where two of them have an option of
the same name, the inner one has it, and the other one's is called `term_…`, like `loss.term_on`.
"""

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
from jax.typing import ArrayLike

from jaxdml.distances import unit
from jaxdml.options import (
    ConfigError,
    at_least,
    defaults,
    dotted_path,
    one_of,
    optional_kinds,
    optional_numbers,
)
from jaxdml.types import Model, Role, Term

VIEWS = ("plain", "weak", "strong")


class Part(NamedTuple):
    """The functions that make an object of one section of a configuration, from the inside out.

    Each layer is called with what the layer before it returned.

    >>> def loss(*, margin: float = 0.2): ...
    >>> part = Part("loss", (loss, placed))
    >>> part.defaults()
    {'loss.margin': 0.2, 'loss.view': None, 'loss.weight': None}
    >>> part.numbers()
    {'loss.weight'}
    >>> part.options()["view"]
    (1, 'view')
    """

    section: str
    layers: tuple[Callable[..., Any], ...]

    def options(self) -> Mapping[str, tuple[int, str]]:
        """The name of each option in the section → the number of its layer, and its name there."""
        return _options(self.layers)

    def defaults(self) -> dict[str, Any]:
        """The config path of each option, and its default."""
        return {
            f"{self.section}.{name}": defaults(self.layers[number])[option]
            for name, (number, option) in self.options().items()
        }

    def numbers(self) -> set[str]:
        """The config paths of options which are numbers, or `None`."""
        return {
            f"{self.section}.{name}"
            for name, (number, option) in self.options().items()
            if option in optional_numbers(self.layers[number])
        }

    def kinds(self) -> dict[str, Any]:
        """The config path of options which are of one type, or `None`, and a value of it."""
        return {
            f"{self.section}.{name}": optional_kinds(self.layers[number])[option]
            for name, (number, option) in self.options().items()
            if option in optional_kinds(self.layers[number])
        }

    def call(self, number: int, config: Mapping[str, Any], *arguments: Any) -> Any:
        """Calls the layer `number` with `arguments` and its options from a configuration.

        Raises:
          ConfigError: if it refuses one of them.
        """
        make = self.layers[number]
        paths = {o: f"{self.section}.{n}" for n, (at, o) in self.options().items() if at == number}
        try:
            return make(*arguments, **{o: config[p] for o, p in paths.items() if p in config})
        except ConfigError:
            raise
        except ValueError as error:
            raise ConfigError(f"{self.section}.{error}") from error
        except jax.errors.TracerBoolConversionError as error:
            raise ConfigError(
                f"{dotted_path(make)} branches on a number of {self.section}, which is traced: use "
                "jnp.where, or give the option a default that is no float"
            ) from error
        except TypeError as error:
            raise ConfigError(
                f"{dotted_path(make)} cannot make a part of {self.section}: {error}"
            ) from error
        except (Exception, SystemExit) as error:  # whatever a user's own may raise
            raise ConfigError(
                f"{dotted_path(make)} cannot make a part of {self.section}: "
                f"{type(error).__name__}: {error}"
            ) from error


@functools.cache  # of functions, whose signatures stay: a grid asks this for each of its points
def _options(layers: tuple[Callable[..., Any], ...]) -> Mapping[str, tuple[int, str]]:
    named: dict[str, tuple[int, str]] = {}
    for number, layer in enumerate(layers):
        for option in defaults(layer):
            taken = option in named
            named[f"term_{option}" if taken else option] = number, option
    return MappingProxyType(named)


def placed(term: Term, *, view: str | None = None, weight: ArrayLike | None = None) -> Term:
    """A term with a view and a weight of its own: options that every term has.

    Args:
      term: reads the roles that it names.
      view: of the images that its roles read plainly: `plain`, `weak` or `strong`.
      weight: ≥ 0, in L_S or L_U; `None`: 1.

    Raises:
      ValueError: for another view or weight, or a view of a term that chooses all of its views.
    """
    if view is not None:
        one_of("view", view, VIEWS)
        if all(role.view != "plain" for role in term.roles.values()):
            raise ValueError(f"view={view} changes nothing: the term chooses its views itself")
        term = term._replace(roles=viewed(term.roles, view))
    if weight is not None:
        at_least("weight", weight, 0)
        inner = term.weight
        term = term._replace(weight=lambda step: weight * inner(step))
    return term


def viewed(roles: Mapping[str, Role], view: str) -> dict[str, Role]:
    """The roles, with `view` in place of each view that is `plain`.

    >>> viewed({"images": Role("all")}, "weak")["images"].view
    'weak'
    """
    return {
        n: role._replace(view=view) if role.view == "plain" else role for n, role in roles.items()
    }


def with_sources(term: Term, *, sources: tuple[str, ...] = ("true",)) -> Term:
    """The term unchanged: this layer only gives its section the option `sources`.

    The sources themselves were given to the term when it was made.
    """
    return term


def with_embedding(model: Model, *, unit_length: bool = False) -> Model:
    """A model whose embeddings have the length 1, if it is asked for.

    Losses, class scores and scores of an evaluation read z/‖z‖ then; decoder and divergence read
    the latent z as it is.
    """
    return model._replace(embedding=unit) if unit_length else model
