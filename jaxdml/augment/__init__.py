"""Views: random changes of an image that keep its class.

`make(shape (H, W, C), invariances) → view` is a policy: `none`, `weak`, `strong`, or a user's own
function, by its dotted path. `view(key, images f32[B, H, W, C] in [0, 1])` gives images of the same
shape, each row under its own changes. It is a pure function, which can be compiled, and mapped over
points. Floats of fewer than 32 bits become float32.
"""

from collections.abc import Callable

from jaxdml.augment.invariances import INVARIANCES, invariances_of
from jaxdml.augment.policies import Magnitudes, View, composed, none, strong, weak

__all__ = ["INVARIANCES", "POLICIES", "Magnitudes", "View", "composed", "invariances_of"]

POLICIES: dict[str, Callable[..., View]] = {"none": none, "weak": weak, "strong": strong}
