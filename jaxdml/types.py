"""The records that the rooms of the library hand to each other; no logic.

Shapes are written as `f32[B, D]`: B rows of a batch, D latent dimensions, N images, P points.
Everything here is a pytree of arrays, or static (said so where it is).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

Params = Any  # a tree of arrays
Metrics = dict[str, Array]  # named scalars


# ---------------------------------------------------------------- data


@dataclass(frozen=True, eq=False)
class Split:
    """Images and labels of one part of a data set, in host memory."""

    x: Any  # u8[N, H, W, C], or f32 in [0, 1]; vectors have any range
    y: Any  # i32[N]; -1 where a training image has no label


class Columns(NamedTuple):
    """The columns of vectors: how each is standardised, and what it is called."""

    mean: Any  # f64[d], of the training part
    deviation: Any  # f64[d]; 1 where a column is constant
    names: tuple[str, ...] = ()  # as a table has them; of an array there are none


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in host memory. `validation` may be empty.

    Vectors are images of one row, f32[N, 1, d, 1], whose columns are standardised.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]  # the name of class i
    source: str  # where it comes from, and under which licence
    path: Path | None = None  # where its files lie, if it has any
    notes: tuple[str, ...] = ()  # what was done to it that its user should know
    set_apart: bool = False  # whether test images were taken from those to learn from
    folds: int = 0  # where there are no test images: parts of the labelled ones that take turns
    invariances: tuple[str, ...] | None = None  # changes that keep a class, as `augment` names them
    columns: Columns | None = None  # of vectors
    damaged: tuple[str, ...] = ()  # files that cannot be read and are left out, with why
    names: tuple[str, ...] = ()  # of the training images, as the user has them: files, or rows


class Batch(NamedTuple):
    """Rows of one stream. Padded rows have `valid=False` and enter no loss."""

    x: Array  # f32[B, H, W, C] in [0, 1]
    y: Array  # i32[B], -1 where the stream gives no label
    labelled: Array  # bool[B]
    valid: Array  # bool[B]
    row: Array  # i32[B], which image of the training set this is


# ---------------------------------------------------------------- models


@dataclass(frozen=True)
class ModelSpec:
    """What a system asks of a model, whatever the model is made of (static)."""

    image_shape: tuple[int, int, int]  # (H, W, C)
    classes: int
    stochastic: bool  # whether the encoder gives a log-variance
    decoder: bool  # whether there is something to reconstruct
    # of activations and of what products read in training, like `bfloat16`; `None`: of parameters
    dtype: str | None = None


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
    embedding: Callable[[Array], Array] = lambda z: z  # of a latent: what losses and scores read


# ---------------------------------------------------------------- objectives


class Learned(NamedTuple):
    """A loss that learns something (class weights), or keeps something from step to step.

    `init(key, classes, latent_dim) → (params, extra)`: gradients move `params` only.
    `value(params, extra, …) → (loss f32[], extra)`, where … is what a plain loss takes.
    `class_scores(params, extra, embeddings f32[B, D]) → f32[B, C]` are the logits that a classifier
    would use: their softmax is a distribution over classes. `None` where a loss has no class
    weights.
    """

    init: Callable[[Array, int, int], tuple[Params, Any]]
    value: Callable[..., tuple[Array, Any]]
    class_scores: Callable[..., Array] | None = None


class Components(NamedTuple):
    """A mixture of K diagonal normal distributions in D dimensions."""

    log_weights: Float[Array, " components"]  # f32[K], normalised
    means: Float[Array, "components dim"]  # f32[K, D]
    logvars: Float[Array, "components dim"]  # f32[K, D], natural logarithm


class Prior(NamedTuple):
    """A distribution p(z) over the latent space.

    `encode(x) → (mean, logvar)` is the encoder as it stands: a prior may be made of it.
    """

    init: Callable[..., Params]  # (key, examples) → what it learns; see `InitContext`
    log_prob: Callable[..., Array]  # (params, z f32[B, D], encode) → f32[B], nats
    sample: Callable[..., Array]  # (params, key, count, encode) → f32[count, D]
    components: Callable[..., Components]  # (params, encode)


class Role(NamedTuple):
    """One batch that a term reads: which images, and which view of them.

    `Term.roles` gives it a name, like `{"images": Role("all")}`: by that name the term finds the
    batch, and what the model says about it, in `Context.batches` and `Context.outputs`.
    """

    stream: str  # `labelled` or `all`; a routine may bind another one
    # or `weak`, `strong`: an image under a random change that keeps its class; a number behind it,
    # like `strong2`, is another draw of the same policy
    view: str = "plain"


class InitContext(NamedTuple):
    """What a term is told when its parameters are made."""

    examples: Callable[[Array, int], Array]  # (key, count) → training images f32[count, H, W, C]
    images: int  # N, in the training set
    classes: int
    latent_dim: int  # D
    class_counts: Array  # f32[classes], labelled images of each class


class Context(NamedTuple):
    """What a term sees in a step, besides what it learns and keeps itself.

    `of` names whose parameters are used: the `student`, which gradients move, or the `teacher`, the
    average of its weights (the student's own where none is kept), to which no gradient flows.
    """

    batches: Mapping[str, Batch]  # by role
    outputs: Mapping[str, Outputs]  # by role: what the student says about that batch
    step: Array  # i32[], of the training, from 0
    classes: int
    embedding: Callable[[Array], Array]  # see `Model`
    encode: Callable[..., tuple[Array, Array | None]]  # (x, of="student") → mean, logvar
    embed: Callable[..., Array]  # (x, of="student") → embeddings f32[B, D]
    decode: Callable[..., Array | None]  # (z, y=None, of="student") → f32[B, H, W, C]
    class_scores: Callable[..., Array]  # (embeddings, of="student") → logits f32[B, classes]


class Corpus(NamedTuple):
    """The training set as one point's network sees it between two epochs, in host memory."""

    embeddings: np.ndarray  # f32[N, D], of all training images: the teacher's where there is one
    labelled_indices: np.ndarray  # i64[L], which of them are labelled
    labelled_labels: np.ndarray  # i32[L]
    classes: int


class Refresh(NamedTuple):
    """What a term does between epochs, on the host, with the whole training set in view.

    It must follow from its arguments alone: then an interrupted training comes to the same bytes.
    """

    due: Callable[[int], bool]  # whether it happens after this epoch; 0 is before the first
    update: Callable[..., tuple[Params, Any]]  # (params, kept, corpus, seed) → params, kept


class Term(NamedTuple):
    """One named, weighted part of an objective.

    `value(params, kept, context, key) → (loss f32[], kept, metrics)` sees what the term itself
    learns (`params`) and keeps from step to step (`kept`, which gradients do not move), and the
    context. `init(key, context) → (params, kept)` makes both, see `InitContext`. What `refresh`
    returns has the same shapes; where it changes `params`, the optimizer begins anew there.
    """

    name: str
    kind: str  # `supervised`, part of L_S, or `unsupervised`, part of L_U: α weighs the two
    roles: Mapping[str, Role]
    value: Callable[..., tuple[Array, Any, Metrics]]
    init: Callable[..., tuple[Params, Any]] = lambda key, context: ({}, {})
    weight: Callable[[Array], ArrayLike] = lambda step: 1.0
    refresh: Refresh | None = None
    needs: tuple[str, ...] = ()  # of the model: `variance`, `decoder`; of others: `class_scores`
    # what others may ask of a term that has it
    class_scores: Callable[..., Array] | None = None  # (params, kept, embeddings) → f32[B, classes]
    of_embeddings: Callable[..., Array] | None = None  # (embeddings, labels, labelled) → f32[]
    prior: Callable[[int, int], Prior] | None = (
        None  # (latent_dim, classes), `params` is what it learns
    )


class Phase(NamedTuple):
    """What one kind of training step minimises: Σ weight · value over its terms.

    `length` names the stream whose pass sets the number of steps in an epoch.
    """

    name: str
    terms: tuple[Term, ...]
    length: str = "all"


class Routine(NamedTuple):
    """Phases, and a schedule that says which of them each step is.

    `pattern(epoch)` holds numbers of phases, which repeat: step s is of the phase
    `pattern(epoch)[s % len(pattern(epoch))]`. Epochs count from 1. Steps count from 0 at the first
    step of the first epoch, as if every epoch before had as many steps as this one.
    """

    phases: tuple[Phase, ...]
    pattern: Callable[[int], tuple[int, ...]]


# ---------------------------------------------------------------- training


View = Callable[[Array, Array], Array]  # (key, images f32[B, H, W, C]) → the same, changed


class Optimizer(NamedTuple):
    """How gradients move parameters."""

    transformation: Callable[[ArrayLike], Any]  # learning rate → optax.GradientTransformation
    rate: Callable[[Array, int | None], ArrayLike]  # (step, steps in all) → learning rate
    clip: ArrayLike | None = None  # the largest norm of all gradients of a step together
    decay: ArrayLike | None = None  # decoupled weight decay, a share of the learning rate
    each: bool = True  # whether every array has a state of its own; else what phases move together


class Method(NamedTuple):
    """All that a training step is made of."""

    model: Model
    routine: Routine
    optimizer: Optimizer
    image_shape: tuple[int, int, int]  # (H, W, C)
    classes: int
    views: Mapping[str, View]  # by name, beside `plain`
    average: ArrayLike | None = None  # share of the teacher's weights that a step leaves as it was


class TrainState(NamedTuple):
    """What training changes. Randomness is no part of it: it follows from seed and step."""

    step: Array  # i32[]
    params: Params  # {"model": …, "terms": {name: …}}
    opt: dict[str, Any]  # optimizer states, see `train.optimizers`
    kept: dict[str, Any]  # {term: …}, what gradients do not move
    average: Params  # the teacher, shaped as `params`; {} where there is none
    diverged: Array  # i32[3]: epoch, step, term that was not finite; -1 where all was


class Point(NamedTuple):
    """All that may vary inside a cohort; a leading axis P where there are several."""

    seed: Array  # i32[]
    numbers: Mapping[str, Array]  # config path → f32[]
    labelled_indices: Array  # i32[L], rows of the training set; padded past the count
    labelled_labels: Array  # i32[L], theirs: no other labels are on a device
    labelled_count: Array  # i32[]
