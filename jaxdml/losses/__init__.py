"""Losses as pure functions of arrays.

A metric loss is `loss(embeddings f32[B, D], labels i32[B], *, labelled bool[B] | None, weights
f32[B] | None, normalizer, …) → f32[]`, with class weights or centres after the labels where it
learns some. A reconstruction loss is `loss(images, reconstruction, *, valid bool[B] | None, …) →
f32[]`; a divergence is in `kl`; `nt_xent` compares two views of images. All of them refuse arrays
whose shapes do not agree with a `ValueError`, compute float16 and bfloat16 in float32, and hold no
array of B² D entries; a metric loss of an empty batch is 0.

`weights` ≥ 0 are confidences of the rows' labels; see `rows` for what the `normalizer` divides by.
`contrastive`, `supcon`, `center` and `triplet` (mining all or semihard) also take soft labels,
f32[B, C]: distributions over classes. Losses with class weights give class scores by
`Learned.class_scores`.

The tables name what a config can select. A user's own loss needs no entry here: a dotted path finds
it. It must take embeddings, labels and `labelled`. It needs `weights` and `normalizer` only where
rows are weighted: all true labels weigh 1, and are passed without them.
"""

from collections.abc import Callable
from typing import Any

from jaxdml.losses import contrastive as _contrastive
from jaxdml.losses import kl
from jaxdml.losses import npair as _npair
from jaxdml.losses import reconstruction as _reconstruction
from jaxdml.losses import supcon as _supcon
from jaxdml.losses import triplet as _triplet
from jaxdml.losses.classification import adacos as _adacos
from jaxdml.losses.classification import angular as _angular
from jaxdml.losses.classification import center as _center
from jaxdml.losses.classification.adacos import adacos
from jaxdml.losses.classification.angular import arcface, cosface, normalized_softmax, sphereface
from jaxdml.losses.classification.center import center
from jaxdml.losses.contrastive import contrastive
from jaxdml.losses.npair import npair
from jaxdml.losses.nt_xent import nt_xent
from jaxdml.losses.reconstruction import bernoulli, gaussian, mse, optimal_gaussian
from jaxdml.losses.supcon import supcon
from jaxdml.losses.triplet import triplet

__all__ = [
    "KL",
    "METRIC",
    "RECONSTRUCTION",
    "adacos",
    "arcface",
    "bernoulli",
    "center",
    "contrastive",
    "cosface",
    "gaussian",
    "kl",
    "mse",
    "normalized_softmax",
    "npair",
    "nt_xent",
    "optimal_gaussian",
    "sphereface",
    "supcon",
    "triplet",
]

METRIC: dict[str, Callable[..., Any]] = {
    "contrastive": _contrastive.make,
    "triplet": _triplet.make,
    "npair": _npair.make,
    "supcon": _supcon.make,
    "center": _center.make,
    "sphereface": _angular.make_sphereface,
    "normalized_softmax": _angular.make_normalized_softmax,
    "cosface": _angular.make_cosface,
    "arcface": _angular.make_arcface,
    "adacos": _adacos.make,
}
RECONSTRUCTION: dict[str, Callable[..., Any]] = {
    "mse": _reconstruction.make_mse,
    "bernoulli": _reconstruction.make_bernoulli,
    "gaussian": _reconstruction.make_gaussian,
}
KL: dict[str, Callable[..., Any]] = {
    "analytic": kl.make_analytic,
    "monte_carlo": kl.make_monte_carlo,
    "unnormalised": kl.make_unnormalised,
    "printed": kl.make_printed,
}
