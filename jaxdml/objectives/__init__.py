"""Terms of an objective: what is minimised, on which batches, with which weight.

A term is `make(*parts, **options) → Term`. Its parts (a loss, a prior) are other functions that a
configuration names. A user's own term has no parts and needs no entry here: a dotted path finds it.

    "metric"          a metric loss on labelled rows                          L_S
    "reconstruction"  images from their latents                               L_U
    "kl"              the divergence of posteriors from a prior               L_U
    "contrast"        two strong views of an image, told from other images    L_U
    "vat"             class scores that change little around an image         L_U
    "interpolation"   class scores that are linear between two images         L_U
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from jaxdml.losses import KL, METRIC, RECONSTRUCTION
from jaxdml.objectives import contrast, interpolation, kl, metric, reconstruction, vat
from jaxdml.objectives.label_sources.sources import SOURCES
from jaxdml.priors import PRIORS
from jaxdml.types import Term

__all__ = ["KINDS", "SOURCES", "Kind"]


class Kind(NamedTuple):
    """A term that the library has."""

    make: Callable[..., Term]
    # What a configuration can choose for it: section → name → what makes it. The section "" is the
    # term's own, as losses are of `metric`. A term without parts is made of its options alone.
    parts: Mapping[str, Mapping[str, Callable[..., Any]]] = MappingProxyType({})


KINDS: dict[str, Kind] = {
    "metric": Kind(metric.make, {"": METRIC}),
    "reconstruction": Kind(reconstruction.make, {"": RECONSTRUCTION}),
    "kl": Kind(kl.make, {"": KL, "prior": PRIORS}),
    "contrast": Kind(contrast.make),
    "vat": Kind(vat.make),
    "interpolation": Kind(interpolation.make),
}
