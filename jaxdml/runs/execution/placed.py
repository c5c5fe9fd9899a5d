"""A cohort on the devices."""

from typing import Any, NamedTuple

from jaxdml.train import population, programs


class Placed(NamedTuple):
    """A cohort on the devices."""

    layout: population.Layout
    programs: programs.Programs
    images: Any  # the training set's
