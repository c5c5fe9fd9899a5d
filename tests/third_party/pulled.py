"""A system as a user writes it, outside the package: a metric loss and a term of their own."""

from jaxdml.settings.systems import System


def make():
    terms = ("metric", "anchors=tests.third_party.anchors:make")
    return System(terms, {"loss.margin": 0.5})
