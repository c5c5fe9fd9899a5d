"""How a routine weighs terms and binds what they read to streams."""

from jax.typing import ArrayLike

from jaxdml.types import Term

LABELLED_STEPS = ("match", "pass")
LENGTH = {"match": "all", "pass": "labelled"}


def weigh(factor: ArrayLike, terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """The terms, each with its weight multiplied by `factor`."""

    def scaled(term: Term) -> Term:
        return term._replace(weight=lambda step: factor * term.weight(step))

    return tuple(scaled(term) for term in terms)


def on(stream: str, terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """The terms, which read the stream `stream` wherever they read all images."""

    def bound(term: Term) -> Term:
        roles = {
            name: role._replace(stream=stream) if role.stream == "all" else role
            for name, role in term.roles.items()
        }
        return term._replace(roles=roles)

    return tuple(bound(term) for term in terms)
