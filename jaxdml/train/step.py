"""Training one point: its first state, and one step. Pure functions that know no devices.

batches → views → outputs of the model → Σ weight · value of the phase's terms → gradients
        → optimizer → parameters → teacher, their average
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxdml.keys import named_key
from jaxdml.train import optimizers, streams, teacher
from jaxdml.train.gradients import gradients_of
from jaxdml.types import (
    Batch,
    Context,
    InitContext,
    Method,
    Metrics,
    Outputs,
    Params,
    Phase,
    Point,
    Role,
    Routine,
    Term,
    TrainState,
)

EVERYTHING_FINITE = -1
SMALL = 2**14


def terms(routine: Routine) -> dict[str, Term]:
    """The terms of a routine by name, in order of first appearance."""
    return {term.name: term for phase in routine.phases for term in phase.terms}


def init(
    method: Method, point: Point, images: Any, take: Callable[[Array], Array] | None = None
) -> TrainState:
    """The state before the first step: of the seed, the training images and the labels' counts.

    Args:
      method: what is trained.
      point: its seed is ≥ 0.
      images: the training set, u8[N, H, W, C] or f32 in [0, 1].
      take: gives the images of some rows; `None`: those of `images`.
    """
    named = terms(method.routine)
    key, size = seed_keys(point.seed)[0], images.shape[0]

    def examples(key: Array, count: int) -> Array:
        """Training images, f32[count, H, W, C], without one twice while there are so many."""
        rows = jax.random.permutation(key, size)[jnp.arange(count) % size]
        return streams.pixels(images[rows] if take is None else take(rows))

    counts = class_counts(point, method.classes)
    context = InitContext(examples, size, method.classes, method.model.latent_dim, counts)
    initial_by_term = {
        name: term.init(named_key(key, f"term {name}"), context) for name, term in named.items()
    }
    params = {
        "model": method.model.init(named_key(key, "model")),
        "terms": {name: term_params for name, (term_params, _) in initial_by_term.items()},
    }
    kept = {name: kept for name, (_, kept) in initial_by_term.items()}
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        opt=optimizers.init(method.optimizer, params, state_groups(method, params, kept)),
        kept=kept,
        average=teacher.first(method, params),
        diverged=jnp.full(3, EVERYTHING_FINITE, jnp.int32),
    )


def class_counts(point: Point, classes: int) -> Array:
    """How many labelled images each class has, f32[classes]."""
    mask = jnp.arange(len(point.labelled_labels)) < point.labelled_count
    return jnp.bincount(jnp.where(mask, point.labelled_labels, classes), length=classes + 1).astype(
        jnp.result_type(float)
    )[:classes]


def seed_keys(seed: Array) -> Array:
    """One key for the initial state, one for the epochs."""
    return jax.random.split(jax.random.key(seed))


def step(
    method: Method,
    phase: Phase,
    state: TrainState,
    batches: dict[str, Batch],
    key: Array,
    number: Array,
    steps: int | None = None,
) -> tuple[TrainState, Metrics]:
    """One step on Σ weight · value over the phase's terms.

    The first value or gradient that is not finite is recorded in `diverged`. Training goes on,
    since it cannot stop for one point of many; what it then computes is worth nothing.

    Args:
      method: what is trained.
      phase: of its routine.
      state: before the step.
      batches: by stream.
      key: for this step.
      number: i32[], the epoch.
      steps: how many the training has, where a schedule asks for it.
    """

    def objective(params: Params) -> tuple[Array, tuple[dict[str, Any], Metrics]]:
        return objective_of(method, phase, params, state, batches, key)

    gradients, (kept, metrics), moved = gradients_of(objective, state.params)

    # Arrays up to SMALL hold every layer's bias, which is not finite as soon as the error that
    # reaches its layer is not; adding up all gradients would cost a tenth of the step.
    names = list(terms(method.routine))
    watched = [g for g in jax.tree.leaves(gradients) if g.size <= SMALL]
    finite = {names.index(term.name): jnp.isfinite(metrics[term.name]) for term in phase.terms}
    finite[len(names)] = jnp.isfinite(sum((jnp.sum(g) for g in watched), jnp.zeros(())))
    params, opt = optimizers.update(
        method.optimizer,
        state.params,
        state.opt,
        gradients,
        moved,
        state_groups(method, state.params, state.kept),
        state.step,
        steps,
    )
    average = teacher.moved(method, state.average, params, state.step)
    diverged = first_non_finite(state.diverged, number, state.step, finite)
    return TrainState(state.step + 1, params, opt, kept, average, diverged), metrics


def objective_of(
    method: Method,
    phase: Phase,
    params: Params,
    state: TrainState,
    batches: dict[str, Batch],
    key: Array,
) -> tuple[Array, tuple[dict[str, Any], Metrics]]:
    """Σ weight · value over a phase's terms; what they keep; their values and metrics."""
    used = {role for term in phase.terms for role in term.roles.values()}
    viewed: dict[Role, Batch] = {}
    outputs: dict[Role, Outputs] = {}
    for role in sorted(used):
        batch, name = batches[role.stream], f"{role.stream} {role.view}"
        if role.view != "plain":
            view = method.views[role.view](named_key(key, f"view {name}"), batch.x)
            batch = batch._replace(x=view)
        viewed[role] = batch
        outputs[role] = method.model.apply(
            params["model"], batch.x, named_key(key, f"outputs {name}")
        )

    total = jnp.zeros((), jnp.result_type(float))
    kept = dict(state.kept)
    metrics: Metrics = {}
    for term in phase.terms:
        context = context_of(method, params, state)._replace(
            batches={name: viewed[role] for name, role in term.roles.items()},
            outputs={name: outputs[role] for name, role in term.roles.items()},
        )
        value, kept[term.name], term_metrics = term.value(
            params["terms"][term.name],
            kept[term.name],
            context,
            named_key(key, f"term {term.name}"),
        )
        total += term.weight(state.step) * value
        metrics |= {term.name: value} | {f"{term.name}.{m}": v for m, v in term_metrics.items()}
    return total, (kept, metrics | {"loss": total})


def context_of(method: Method, params: Params, state: TrainState) -> Context:
    """What all terms of a step see, without batches."""
    model = method.model
    fixed = teacher.of(state.average, params)

    def of_whom(of: str) -> Params:
        return {"student": params, "teacher": fixed}[of]

    def encode(x: Array, of: str = "student") -> tuple[Array, Array | None]:
        return model.encode(of_whom(of)["model"], x)

    def embed(x: Array, of: str = "student") -> Array:
        return model.embedding(encode(x, of)[0])

    def decode(z: Array, y: Array | None = None, of: str = "student") -> Array | None:
        return model.decode(of_whom(of)["model"], z, y)

    def class_scores(embeddings: Array, of: str = "student") -> Array:
        term = scorer(method.routine)
        assert term is not None
        assert term.class_scores is not None
        return term.class_scores(of_whom(of)["terms"][term.name], state.kept[term.name], embeddings)

    return Context(
        {}, {}, state.step, method.classes, model.embedding, encode, embed, decode, class_scores
    )


def scorer(routine: Routine) -> Term | None:
    """The term that gives class scores: the first that can."""
    return next((term for term in terms(routine).values() if term.class_scores), None)


def state_groups(method: Method, params: Params, kept: dict[str, Any]) -> dict[str, list[int]]:
    """Which arrays share an optimizer state, see `optimizers.groups`."""
    if method.optimizer.each:
        return optimizers.groups(params, True, [])
    rows = 8  # as good as any number
    x = jnp.zeros((rows, *method.image_shape))
    flags, numbers = jnp.ones(rows, bool), jnp.zeros(rows, jnp.int32)
    batches = {name: Batch(x, numbers, flags, flags, numbers) for name in ("labelled", "all")}
    average = teacher.first(method, params)
    reached = []
    for phase in method.routine.phases:

        def traced(params: Params, phase: Phase = phase) -> Any:
            zero = jnp.zeros((), jnp.int32)
            state = TrainState(zero, params, {}, kept, average, zero)
            key = jax.random.key(0)
            result = gradients_of(
                lambda p: objective_of(method, phase, p, state, batches, key), params
            )
            reached.append(result[2])
            return result[0]

        jax.eval_shape(traced, params)
    return optimizers.groups(params, False, reached)


def whole(state: TrainState, routine: Routine, number: Array) -> Array:
    """`diverged` after an epoch's last step: everything that is kept must be finite."""
    kept = [leaf for leaf in jax.tree.leaves(state.kept) if jnp.issubdtype(leaf, jnp.inexact)]
    finite = jnp.isfinite(sum(jnp.sum(leaf) for leaf in [*jax.tree.leaves(state.params), *kept]))
    return first_non_finite(state.diverged, number, state.step - 1, {len(terms(routine)): finite})


def first_non_finite(diverged: Array, epoch: Array, step: Array, finite: dict[int, Array]) -> Array:
    """`diverged`, or (epoch, step, code) of what is not finite where all was before."""
    codes = jnp.array(list(finite))
    broken = ~jnp.stack(list(finite.values()))
    first_failure = jnp.stack([epoch, step, codes[jnp.argmax(broken)]]).astype(jnp.int32)
    return jnp.where((diverged[0] == EVERYTHING_FINITE) & broken.any(), first_failure, diverged)
