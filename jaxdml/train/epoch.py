"""An epoch of one point, as one loop over its steps, whole or in blocks that the host feeds."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxdml.train import streams
from jaxdml.train.step import seed_keys, step, whole
from jaxdml.types import Batch, Method, Metrics, Phase, Point, Routine, TrainState


def epoch_steps(phases: Sequence[Phase], sizes: streams.Sizes) -> int:
    """How many steps an epoch of these phases has: the longest pass that one of them asks for."""
    return max(streams.steps(phase, sizes) for phase in phases)


def lengths(routine: Routine, sizes: streams.Sizes, epochs: int) -> list[int]:
    """How many steps each epoch has. Where steps are counted, the last one has what is left."""
    steps_by_epoch = [
        epoch_steps([routine.phases[i] for i in routine.pattern(number)], sizes)
        for number in range(1, epochs + 1)
    ]
    if sizes.epoch is not None and sizes.training is not None:
        left = sizes.training - sum(steps_by_epoch[:-1])
        steps_by_epoch[-1] = min(steps_by_epoch[-1], left)  # more are left after an early stop
    return steps_by_epoch


def count_steps(routine: Routine, sizes: streams.Sizes, epochs: int) -> dict[str, int]:
    """How many steps of each phase a training of so many epochs has."""
    counts = {phase.name: 0 for phase in routine.phases}
    for number, length in enumerate(lengths(routine, sizes, epochs), 1):
        phases = [routine.phases[i] for i in routine.pattern(number)]
        first = (number - 1) * epoch_steps(phases, sizes)
        for i in range(first, first + length):
            counts[phases[i % len(phases)].name] += 1
    return counts


class Kind(NamedTuple):
    """A kind of epoch, which shapes its program (static)."""

    pattern: tuple[int, ...]  # which phase each step is, repeated
    steps: int  # see `lengths`
    sizes: streams.Sizes


def epoch(
    method: Method, kind: Kind, state: TrainState, point: Point, images: Array, number: Array
) -> tuple[TrainState, Metrics]:
    """Trains one epoch on images that lie on the device.

    Args:
      method: what is trained, with this point's numbers in it.
      kind: static.
      state: before the epoch.
      point: its seed, numbers and labelled images.
      images: the training set, u8[N, H, W, C] or f32 in [0, 1].
      number: i32[], the epoch, from 1.

    Returns:
      The state after it, and the mean over its steps of `loss`, of each term's value by its name,
      and of each term's own metrics as `term.metric`. Steps with a non-finite value are left out.
    """
    draws = draw(method.routine, kind, point, number)
    advance = _advance(method, kind, point, number)

    def body(state: TrainState, drawn: Any) -> tuple[TrainState, Metrics]:
        i, drawn = drawn
        return advance(
            state,
            i,
            {
                s: streams.batch(
                    images[d.rows], d.rows, streams.labels(point, d.places, s), d.valid, s
                )
                for s, d in drawn.items()
            },
        )

    state, values = jax.lax.scan(body, state, (jnp.arange(kind.steps), draws))
    diverged = whole(state, method.routine, number)
    return state._replace(diverged=diverged), jax.tree.map(finite_mean, values)


def draw(routine: Routine, kind: Kind, point: Point, number: Array) -> dict[str, streams.Draw]:
    """The rows of all batches of an epoch, by stream; arguments as for `epoch`."""
    sizes, steps = kind.sizes, kind.steps
    phases = [routine.phases[i] for i in sorted(set(kind.pattern))]
    labelled_key, all_key, _ = _epoch_keys(point.seed, number)
    used = {role.stream for phase in phases for term in phase.terms for role in term.roles.values()}
    draws = {}
    if "labelled" in used:
        passes = sizes.epoch is None and all(phase.length == "labelled" for phase in phases)
        draws["labelled"] = streams.labelled(labelled_key, point, passes, steps, sizes)
    if "all" in used:
        draws["all"] = streams.unlabelled(all_key, steps, sizes)
    return draws


def block(
    method: Method,
    kind: Kind,
    state: TrainState,
    point: Point,
    rows: dict[str, Array],
    x: dict[str, Array],
    number: Array,
    first: Array,
) -> tuple[TrainState, Metrics]:
    """Runs S steps of an epoch, or as many as are left of it, on images that are given.

    All blocks of an epoch, one after the other, do what `epoch` does.

    Args:
      method, kind, state, point, number: as for `epoch`.
      rows: by stream, i32[steps, B], as `draw` gives them for the whole epoch.
      x: by stream, u8[S, B, H, W, C], the images that these steps drew.
      first: i32[], the first of these steps, from 0.

    Returns:
      The state after them, and the values of each step, f32[S]; NaN past the epoch's last step.
    """
    steps, advance = kind.steps, _advance(method, kind, point, number)
    room = len(next(iter(x.values())))
    last = jnp.minimum(first + room, steps)
    at = functools.partial(jax.lax.dynamic_index_in_dim, keepdims=False)
    # drawn again for labels and `valid`: where that is all True, losses need no masks
    drawn = draw(method.routine, kind, point, number)

    def take_step(state: TrainState, i: Array) -> tuple[TrainState, Metrics]:
        batches = {
            s: streams.batch(
                at(x[s], i - first),
                at(rows[s], i),
                streams.labels(point, at(d.places, i), s),
                at(d.valid, i),
                s,
            )
            for s, d in drawn.items()
        }
        return advance(state, i, batches)

    def body(i: Array, carry: tuple[TrainState, Metrics]) -> tuple[TrainState, Metrics]:
        state, values = carry
        state, metrics = take_step(state, i)
        return state, {name: values[name].at[i - first].set(metrics[name]) for name in values}

    shapes = jax.eval_shape(take_step, state, first)[1]
    values = {name: jnp.full(room, jnp.nan, leaf.dtype) for name, leaf in shapes.items()}
    # a loop of as many steps as are left: padding costs nothing, and the program is one
    state, values = jax.lax.fori_loop(first, last, body, (state, values))
    diverged = jnp.where(last == steps, whole(state, method.routine, number), state.diverged)
    return state._replace(diverged=diverged), values


def _advance(
    method: Method, kind: Kind, point: Point, number: Array
) -> Callable[[TrainState, Array, dict[str, Batch]], tuple[TrainState, Metrics]]:
    """`(state, i, batches) → state, metrics`: what step `i` of an epoch does."""
    pattern, _, sizes = kind
    different = sorted(set(pattern))
    phases = [method.routine.phases[i] for i in different]
    turns = jnp.array([different.index(i) for i in pattern])
    before = (number - 1) * epoch_steps(phases, sizes)  # turns go on from epoch to epoch
    step_key = _epoch_keys(point.seed, number)[2]

    def advance(state: TrainState, i: Array, batches: dict[str, Batch]) -> Any:
        key = jax.random.fold_in(step_key, i)

        def branch_of(phase: Phase) -> Callable[[TrainState], tuple[TrainState, Metrics]]:
            return lambda state: step(method, phase, state, batches, key, number, sizes.training)

        branches = [branch_of(phase) for phase in phases]
        if len(branches) == 1:
            return branches[0](state)
        # every point is at the same step, so the predicate is not batched: a real branch
        turn = turns[(before + i) % len(pattern)]
        return jax.lax.switch(turn, _same_metrics(branches, state), state)

    return advance


def _epoch_keys(seed: Array, number: Array) -> Array:
    """The three keys of an epoch: of the labelled stream, of all images, of the steps."""
    return jax.random.split(jax.random.fold_in(seed_keys(seed)[1], number), 3)


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
