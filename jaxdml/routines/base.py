"""How a routine weighs terms and places them on streams."""

from jax.typing import ArrayLike

from jaxdml.types import Term

LABELLED_STEPS = ("match", "pass")
LENGTH = {"match": "all", "pass": "labelled"}


def weigh(factor: ArrayLike, terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """The terms, each with its weight multiplied by `factor`."""

    def scaled(term: Term) -> Term:
        return term._replace(weight=lambda step: factor * term.weight(step))

    return tuple(scaled(term) for term in terms)


def on(stream: str, terms: tuple[Term, ...]) -> tuple[tuple[Term, str], ...]:
    """Each term beside the stream that it reads."""
    return tuple((term, stream) for term in terms)
