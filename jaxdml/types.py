"""The records that the rooms of the library hand to each other; no logic.

Shapes are written as `f32[B, D]`: B rows of a batch, D latent dimensions, N images, P points.
Everything here is a pytree of arrays, or static (said so where it is).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

Params = Any  # a tree of arrays
Metrics = dict[str, Array]  # named scalars


# ---------------------------------------------------------------- data


@dataclass(frozen=True, eq=False)
class Split:
    """Images and labels of one part of a data set, in host memory."""

    x: Any  # u8[N, H, W, C], or f32 in [0, 1]
    y: Any  # i32[N]; -1 where a training image has no label


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in host memory. `validation` may be empty."""

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]  # the name of class i
    source: str  # where it comes from, and under which licence
    place: Path | None = None  # where its files lie, if it has any
    notes: tuple[str, ...] = ()  # what was done to it that its user should know
    folds: int = 0  # where there are no test images: parts of the labelled ones that take turns
    invariances: tuple[str, ...] | None = None  # changes that keep a class, as `augment` names them


class Batch(NamedTuple):
    """Rows of one stream. Padded rows have `valid=False` and enter no loss."""

    x: Array  # f32[B, H, W, C] in [0, 1]
    y: Array  # i32[B], -1 where the stream gives no label
    labelled: Array  # bool[B]
    valid: Array  # bool[B]
    row: Array  # i32[B], which image of the training set this is


class Images(NamedTuple):
    """The training set that all points share: on the device, or `x` on the host, which feeds it."""

    x: Any  # u8[N, H, W, C], or f32 in [0, 1]
    y: Any  # i32[N], -1 where there is no label


# ---------------------------------------------------------------- models


@dataclass(frozen=True)
class ModelSpec:
    """What a system asks of a model, whatever the model is made of (static)."""

    image_shape: tuple[int, int, int]  # (H, W, C)
    classes: int
    stochastic: bool  # whether the encoder gives a log-variance
    decoder: bool  # whether there is something to reconstruct


class Outputs(NamedTuple):
    """What a model says about a batch. `None` where the model has no such part."""

    z: Array  # f32[B, D], a sample of the posterior, or its mean where there is no variance
    mean: Array  # f32[B, D]
    logvar: Array | None  # f32[B, D], natural logarithm
    reconstruction: Array | None  # f32[B, H, W, C], as the decoder gives it: unbounded
    logits: Array | None = None  # f32[B, classes]


class Model(NamedTuple):
    """Pure functions over a tree of parameters."""

    init: Callable[[Array], Params]  # key → params
    apply: Callable[..., Outputs]  # (params, x, key, y=None)
    encode: Callable[..., tuple[Array, Array | None]]  # (params, x, y=None) → mean, logvar
    decode: Callable[..., Array | None]  # (params, z, y=None) → f32[B, H, W, C]
    latent_dim: int


# ---------------------------------------------------------------- objectives


class Learned(NamedTuple):
    """A loss that learns something (class weights), or keeps something from step to step.

    `init(key, classes, latent_dim) → (params, extra)`: gradients move `params` only.
    `value(params, extra, …) → (loss f32[], extra)`, where … is what a plain loss takes.
    """

    init: Callable[[Array, int, int], tuple[Params, Any]]
    value: Callable[..., tuple[Array, Any]]


class Components(NamedTuple):
    """A mixture of K diagonal normal distributions in D dimensions."""

    log_weights: Float[Array, " components"]  # f32[K], normalised
    means: Float[Array, "components dim"]  # f32[K, D]
    logvars: Float[Array, "components dim"]  # f32[K, D], natural logarithm


class Prior(NamedTuple):
    """A distribution p(z) over the latent space.

    `encode(x) → (mean, logvar)` is the encoder as it stands: a prior may be made of it.
    """

    init: Callable[..., Params]  # (key, examples) → what it learns; see `Term`
    log_prob: Callable[..., Array]  # (params, z f32[B, D], encode) → f32[B], nats
    sample: Callable[..., Array]  # (params, key, count, encode) → f32[count, D]
    components: Callable[..., Components]  # (params, encode)


class Term(NamedTuple):
    """One named, weighted part of an objective.

    `value(params, extra, model, outputs, batch, key) → (loss f32[], extra, metrics)` sees all
    parameters, and its own `extra`: what gradients do not move. `init(key, examples) → (params,
    extra)` gives what the term learns or keeps; it then lives in `params["terms"][name]`.
    `examples(key, count) → f32[count, H, W, C]` draws training images.
    """

    name: str
    value: Callable[..., tuple[Array, Any, Metrics]]
    weight: Callable[[Array], ArrayLike] = lambda step: 1.0
    init: Callable[..., tuple[Params, Any]] = lambda key, examples: ({}, {})


class Phase(NamedTuple):
    """What one kind of training step minimises: Σ weight · value over its terms.

    A term's stream is `labelled` or `all`. `length` names the stream whose pass sets the number
    of steps in an epoch.
    """

    name: str
    terms: tuple[tuple[Term, str], ...]
    length: str = "all"


class Routine(NamedTuple):
    """Phases, and which of them each step is: step s is `pattern(epoch)[s % len]`.

    Epochs count from 1, steps from the first epoch's first, as if all were as long as this one.
    """

    phases: tuple[Phase, ...]
    pattern: Callable[[int], tuple[int, ...]]


# ---------------------------------------------------------------- training


class TrainState(NamedTuple):
    """What training changes. Randomness is no part of it: it follows from seed and step."""

    step: Array  # i32[]
    params: Params  # {"model": …, "terms": {name: …}}
    opt: Any  # one optimizer state for each leaf of params
    extra: dict[str, Any]  # {name: …}, what gradients do not move
    diverged: Array  # i32[3]: epoch, step, term that was not finite; -1 where all was


class Point(NamedTuple):
    """All that may vary inside a cohort; a leading axis P where there are several."""

    seed: Array  # i32[]
    numbers: Mapping[str, Array]  # config path → f32[]
    labelled_indices: Array  # i32[L], rows of the training set; padded past the count
    labelled_count: Array  # i32[]


@dataclass(frozen=True)
class Static:
    """Everything that shapes a compiled program (hashable): points that share it are a cohort."""

    options: tuple[tuple[str, Any], ...]  # (config path, value), sorted
    labelled_count: int | None  # only where an epoch is a pass over the labelled images

    def __getitem__(self, path: str) -> Any:
        return dict(self.options)[path]


@dataclass(frozen=True)
class PointConfig:
    """A point of the grid on the host: its identity, and its resolved configuration."""

    id: str
    config: Mapping[str, Any]  # config path → value, only those that this system reads


@dataclass(frozen=True)
class Cohort:
    """Points that one compiled program trains."""

    static: Static
    points: tuple[PointConfig, ...]
    capacity: int  # the most labelled images that one of them has
