"""Training one point: a step, and an epoch as one scan. Pure functions that know no devices.

Adam (Kingma and Ba, 2015) keeps one state for each array of parameters. An array that no term of a
phase reads has no gradient there: in that phase neither it nor its moments move, and its own step
count stands still, so that momentum of another phase never drags it along.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.interpreters import partial_eval

from jaxdml.train import streams
from jaxdml.types import Images, Metrics, Model, Params, Phase, Point, Routine, TrainState

ADAM = optax.scale_by_adam()
EVERYTHING_FINITE = -1
SMALL = 2**14


def terms(routine: Routine) -> dict[str, Any]:
    """The terms of a routine by name, in order of first appearance."""
    return {term.name: term for phase in routine.phases for term, _ in phase.terms}


def epoch_steps(phases: Sequence[Phase], sizes: streams.Sizes) -> int:
    """How many steps an epoch of these phases has: the longest pass that one of them asks for."""
    return max(streams.steps(phase, sizes) for phase in phases)


def count_steps(routine: Routine, sizes: streams.Sizes, epochs: int) -> dict[str, int]:
    """How many steps of each phase a training of so many epochs has."""
    counts = {phase.name: 0 for phase in routine.phases}
    for number in range(1, epochs + 1):
        phases = [routine.phases[i] for i in routine.pattern(number)]
        steps = epoch_steps(phases, sizes)
        for i in range((number - 1) * steps, number * steps):
            counts[phases[i % len(phases)].name] += 1
    return counts


def init(
    model: Model,
    routine: Routine,
    seed: Array,
    images: Images,
    take: Callable[[Array], Array] | None = None,
) -> TrainState:
    """The state before the first step; it follows from the seed and the training images alone.

    Args:
      model, routine: what is trained.
      seed: i32[], ≥ 0.
      images: the training set.
      take: gives the images of some rows; `None`: those of `images.x`.
    """
    model_key, *term_keys = jax.random.split(_keys(seed)[0], 1 + len(terms(routine)))
    size = images.x.shape[0]

    def examples(key: Array, count: int) -> Array:
        """Training images, f32[count, H, W, C], without one twice while there are so many."""
        rows = jax.random.permutation(key, size)[jnp.arange(count) % size]
        return streams.pixels(images.x[rows] if take is None else take(rows))

    own = {
        name: term.init(key, examples)
        for (name, term), key in zip(terms(routine).items(), term_keys, strict=True)
    }
    params = {
        "model": model.init(model_key),
        "terms": {name: learned for name, (learned, _) in own.items()},
    }
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        opt=jax.tree.map(ADAM.init, params),
        extra={name: extra for name, (_, extra) in own.items()},
        diverged=jnp.full(3, EVERYTHING_FINITE, jnp.int32),
    )


def _keys(seed: Array) -> Array:
    """One key for the initial state, one for the epochs."""
    return jax.random.split(jax.random.key(seed))


def epoch(
    model: Model,
    routine: Routine,
    pattern: tuple[int, ...],
    sizes: streams.Sizes,
    state: TrainState,
    point: Point,
    images: Images,
    number: Array,
) -> tuple[TrainState, Metrics]:
    """One epoch, of images on the device.

    Args:
      model, routine: what is trained, with this point's numbers in it.
      pattern: which phase each step is, repeated (static).
      sizes: static sizes.
      state: before the epoch.
      point: its seed, numbers and labelled images.
      images: the training set.
      number: i32[], the epoch, from 1.

    Returns:
      The state after it, and the mean over its steps of `loss`, of each term's value by its name,
      and of each term's own metrics as `term.metric`. Steps with a non-finite value are left out.
    """
    draws = draw(routine, pattern, sizes, point, images.y, number)
    advance = _advance(model, routine, pattern, sizes, point, number)

    def body(state: TrainState, drawn: Any) -> tuple[TrainState, Metrics]:
        i, drawn = drawn
        batches = {s: streams.gather(images, d.rows, d.valid, s) for s, d in drawn.items()}
        return advance(state, i, batches)

    steps = jnp.arange(_steps(routine, pattern, sizes))
    state, values = jax.lax.scan(body, state, (steps, draws))
    diverged = _whole(state, routine, number)
    return state._replace(diverged=diverged), jax.tree.map(finite_mean, values)


def draw(
    routine: Routine,
    pattern: tuple[int, ...],
    sizes: streams.Sizes,
    point: Point,
    y: Array,
    number: Array,
) -> dict[str, streams.Draw]:
    """The rows of all batches of an epoch, by stream; arguments as for `epoch`."""
    phases = [routine.phases[i] for i in sorted(set(pattern))]
    steps = epoch_steps(phases, sizes)
    labelled_key, all_key, _ = _epoch_keys(point.seed, number)
    used = {stream for phase in phases for _, stream in phase.terms}
    draws = {}
    if "labelled" in used:
        passes = all(phase.length == "labelled" for phase in phases)
        draws["labelled"] = streams.labelled(labelled_key, point, y, passes, steps, sizes)
    if "all" in used:
        draws["all"] = streams.one_pass(all_key, sizes.images, steps, sizes.batch_size)
    return draws


def block(
    model: Model,
    routine: Routine,
    pattern: tuple[int, ...],
    sizes: streams.Sizes,
    state: TrainState,
    point: Point,
    y: Array,
    rows: dict[str, Array],
    x: dict[str, Array],
    number: Array,
    first: Array,
) -> tuple[TrainState, Metrics]:
    """S steps of an epoch, or as many as are left of it, whose images are given.

    All blocks of an epoch, one after the other, do what `epoch` does.

    Args:
      model, routine, pattern, sizes, state, point, number: as for `epoch`.
      y: i32[N], the labels of the training set.
      rows: by stream, i32[steps, B], as `draw` gives them for the whole epoch.
      x: by stream, u8[S, B, H, W, C], the images that these steps drew.
      first: i32[], the first of these steps, from 0.

    Returns:
      The state after them, and the values of each step, f32[S]; NaN past the epoch's last step.
    """
    advance = _advance(model, routine, pattern, sizes, point, number)
    steps, room = _steps(routine, pattern, sizes), len(next(iter(x.values())))
    last = jnp.minimum(first + room, steps)
    at = functools.partial(jax.lax.dynamic_index_in_dim, keepdims=False)
    # drawn again, for the sake of `valid` alone: where it is all True, losses need no masks
    drawn = draw(routine, pattern, sizes, point, y, number)
    valid = {stream: d.valid for stream, d in drawn.items()}

    def one(state: TrainState, i: Array) -> tuple[TrainState, Metrics]:
        batches = {
            s: streams.batch(at(x[s], i - first), y, at(rows[s], i), at(valid[s], i), s) for s in x
        }
        return advance(state, i, batches)

    def body(i: Array, carry: tuple[TrainState, Metrics]) -> tuple[TrainState, Metrics]:
        state, values = carry
        state, found = one(state, i)
        return state, {name: values[name].at[i - first].set(found[name]) for name in values}

    shapes = jax.eval_shape(one, state, first)[1]
    values = {name: jnp.full(room, jnp.nan, leaf.dtype) for name, leaf in shapes.items()}
    # a loop of as many steps as are left: padding costs nothing, and the program is one
    state, values = jax.lax.fori_loop(first, last, body, (state, values))
    diverged = jnp.where(last == steps, _whole(state, routine, number), state.diverged)
    return state._replace(diverged=diverged), values


def _advance(
    model: Model,
    routine: Routine,
    pattern: tuple[int, ...],
    sizes: streams.Sizes,
    point: Point,
    number: Array,
) -> Callable[[TrainState, Array, dict[str, Any]], tuple[TrainState, Metrics]]:
    """`(state, i, batches) → state, metrics`: what step `i` of an epoch does."""
    kinds = sorted(set(pattern))
    phases = [routine.phases[i] for i in kinds]
    turns = jnp.array([kinds.index(i) for i in pattern])
    before = (number - 1) * epoch_steps(phases, sizes)  # turns go on from epoch to epoch
    step_key = _epoch_keys(point.seed, number)[2]
    rate = point.numbers["train.learning_rate"]

    def advance(state: TrainState, i: Array, batches: dict[str, Any]) -> Any:
        key = jax.random.fold_in(step_key, i)

        def one(phase: Phase) -> Callable[[TrainState], tuple[TrainState, Metrics]]:
            return lambda state: step(model, routine, phase, state, batches, rate, key, number)

        branches = [one(phase) for phase in phases]
        if len(branches) == 1:
            return branches[0](state)
        # every point is at the same step, so the predicate is not batched: a real branch
        turn = turns[(before + i) % len(pattern)]
        return jax.lax.switch(turn, _same_metrics(branches, state), state)

    return advance


def _steps(routine: Routine, pattern: tuple[int, ...], sizes: streams.Sizes) -> int:
    """How many an epoch of this pattern has."""
    return epoch_steps([routine.phases[i] for i in set(pattern)], sizes)


def _epoch_keys(seed: Array, number: Array) -> Array:
    """Of an epoch: one for the labelled stream, one for all images, one for the steps."""
    return jax.random.split(jax.random.fold_in(_keys(seed)[1], number), 3)


def _whole(state: TrainState, routine: Routine, number: Array) -> Array:
    """`diverged` after an epoch's last step: everything that is kept must be finite."""
    kept = [leaf for leaf in jax.tree.leaves(state.extra) if jnp.issubdtype(leaf, jnp.inexact)]
    whole = jnp.isfinite(sum(jnp.sum(leaf) for leaf in [*jax.tree.leaves(state.params), *kept]))
    return first_non_finite(state.diverged, number, state.step - 1, {len(terms(routine)): whole})


def step(
    model: Model,
    routine: Routine,
    phase: Phase,
    state: TrainState,
    batches: dict[str, Any],
    rate: Array,
    key: Array,
    number: Array,
) -> tuple[TrainState, Metrics]:
    """One step of Adam on Σ weight · value over the phase's terms.

    The first value or gradient that is not finite is recorded in `diverged`. Training goes on,
    since it cannot stop for one point of many; what it then computes is worth nothing.
    """
    names = list(terms(routine))

    def objective(params: Params) -> tuple[Array, tuple[dict[str, Any], Metrics]]:
        outputs = {
            stream: model.apply(params["model"], batch.x, jax.random.fold_in(key, i))
            for i, (stream, batch) in enumerate(sorted(batches.items()))
        }
        total = jnp.zeros((), jnp.result_type(float))
        extra = dict(state.extra)
        metrics: Metrics = {}
        for i, (term, stream) in enumerate(phase.terms):
            value, extra[term.name], own = term.value(
                params,
                extra[term.name],
                model,
                outputs[stream],
                batches[stream],
                jax.random.fold_in(key, len(batches) + i),
            )
            total += term.weight(state.step) * value
            metrics |= {term.name: value} | {f"{term.name}.{m}": v for m, v in own.items()}
        return total, (extra, metrics | {"loss": total})

    moved = reached(lambda params: objective(params)[0], state.params)
    gradients, (extra, metrics) = jax.grad(objective, has_aux=True)(state.params)

    # Arrays up to SMALL hold every layer's bias, which is not finite as soon as the error that
    # reaches its layer is not; adding up all gradients would cost a tenth of the step.
    watched = [g for g in jax.tree.leaves(gradients) if g.size <= SMALL]
    finite = {names.index(term.name): jnp.isfinite(metrics[term.name]) for term, _ in phase.terms}
    finite[len(names)] = jnp.isfinite(sum((jnp.sum(g) for g in watched), jnp.zeros(())))
    params, opt = adam(state.params, state.opt, gradients, moved, rate)
    diverged = first_non_finite(state.diverged, number, state.step, finite)
    return TrainState(state.step + 1, params, opt, extra, diverged), metrics


def first_non_finite(diverged: Array, epoch: Array, step: Array, finite: dict[int, Array]) -> Array:
    """`diverged`, or (epoch, step, code) of what is not finite where all was before."""
    codes = jnp.array(list(finite))
    broken = ~jnp.stack(list(finite.values()))
    here = jnp.stack([epoch, step, codes[jnp.argmax(broken)]]).astype(jnp.int32)
    return jnp.where((diverged[0] == EVERYTHING_FINITE) & broken.any(), here, diverged)


def adam(
    params: Params, opt: Any, gradients: Params, moved: list[bool], rate: Array
) -> tuple[Params, Any]:
    """Adam's update of the arrays that `moved` names, in the order of the tree's leaves."""
    moves = jax.tree.unflatten(jax.tree.structure(params), moved)

    def update(leaf: Array, moves: bool, gradient: Array, state: Any) -> tuple[Array, Any]:
        if not moves:
            return leaf, state
        direction, state = ADAM.update(gradient, state)
        return leaf - rate * direction, state

    updated = jax.tree.map(update, params, moves, gradients, opt)
    return (
        jax.tree.map(lambda _, pair: pair[0], params, updated),
        jax.tree.map(lambda _, pair: pair[1], params, updated),
    )


def reached(function: Callable[[Params], Array], params: Params) -> list[bool]:
    """Which leaves of `params` the value of `function` depends on at all, also inside a `jit`."""
    jaxpr = jax.make_jaxpr(function)(params).jaxpr
    return list(partial_eval.dce_jaxpr(jaxpr, [True])[1])


def _same_metrics(branches: list[Any], state: TrainState) -> list[Any]:
    """Branches that all return the same metrics: NaN for those of other phases."""
    names = {n for branch in branches for n in jax.eval_shape(branch, state)[1]}

    def padded(branch: Any) -> Any:
        def run(state: TrainState) -> tuple[TrainState, Metrics]:
            state, metrics = branch(state)
            missing = jnp.full((), jnp.nan, jnp.result_type(float))
            return state, {name: metrics.get(name, missing) for name in sorted(names)}

        return run

    return [padded(branch) for branch in branches]


def finite_mean(values: Array) -> Array:
    """The mean of the finite values of f32[S], NaN if there is none."""
    finite = jnp.isfinite(values)
    count = finite.sum()
    mean = jnp.where(finite, values, 0).sum() / jnp.maximum(count, 1)
    return jnp.where(count > 0, mean, jnp.nan)
