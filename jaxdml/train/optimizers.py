"""Optimizers: how gradients move parameters, and at which rate.

    Adam          Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015
    AdamW         Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019
    SGD           with Nesterov's momentum, Sutskever et al., 2013

A phase moves the arrays that have a gradient in it, and no others: in that phase neither the other
arrays nor their moments change, and their step counts stand still, so that momentum of another
phase never drags them along. So each array has a state of its own. A user's optimizer may look at
all arrays together: it has one state for each set of arrays that the same phases move.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike

from jaxdml.options import at_least, between, one_of
from jaxdml.types import Optimizer, Params

ADAMW_DECAY = 0.01
SCHEDULES = ("constant", "cosine", "fixmatch")
UNDECAYED = ("bias", "scale")  # names of arrays that weight decay leaves alone


def make_adam(learning_rate: ArrayLike) -> optax.GradientTransformation:
    """Adam, as `optimizer.name = "adam"` selects it."""
    return optax.chain(optax.scale_by_adam(), _descent(learning_rate))


def make_adamw(learning_rate: ArrayLike) -> optax.GradientTransformation:
    """Adam with a decoupled weight decay of 0.01, unless `optimizer.weight_decay` is another."""
    return make_adam(learning_rate)


def make_sgd(
    learning_rate: ArrayLike, *, momentum: ArrayLike = 0.9, nesterov: bool = True
) -> optax.GradientTransformation:
    """Gradient descent with momentum.

    Args:
      learning_rate: of a step.
      momentum: in [0, 1].
      nesterov: look ahead by the momentum (Sutskever et al. 2013).
    """
    between("momentum", momentum, 0, 1)
    return optax.chain(optax.trace(momentum, nesterov), _descent(learning_rate))


OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "adam": make_adam,
    "adamw": make_adamw,
    "sgd": make_sgd,
}


def _descent(learning_rate: ArrayLike) -> optax.GradientTransformation:
    """Multiplies directions by the learning rate; the caller subtracts the result.

    To subtract costs no operation more than to add.
    """

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        return jax.tree.map(lambda direction: learning_rate * direction, updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def scheduled(
    transformation: Callable[[ArrayLike], optax.GradientTransformation],
    learning_rate: ArrayLike,
    together: bool,
    make: Callable[..., Any],
    *,
    schedule: str = "constant",
    warmup_steps: ArrayLike | None = None,
    clip: ArrayLike | None = None,
    weight_decay: ArrayLike | None = None,
) -> Optimizer:
    """An optimizer with a schedule, clipping and weight decay.

    With t the step, from 0, and T the number of steps of the training, the learning rate is

        constant   η
        cosine     η ½ (1 + cos(π t / T))      Loshchilov and Hutter, "SGDR", 2017, one cycle
        fixmatch   η cos(7π/16 · t / T)        Sohn et al., "FixMatch", 2020

    Args:
      transformation: from a learning rate to a transformation of gradients. Steps of the library's
        own are subtracted; updates of a user's, as of any optimizer of optax, are added.
      learning_rate: η ≥ 0.
      together: whether it has one state for all arrays that the same phases move.
      make: what `optimizer.name` names.
      schedule: of the learning rate.
      warmup_steps: ≥ 1; over so many steps the rate grows linearly from η / `warmup_steps` to what
        the schedule says. `None`: no warm-up.
      clip: > 0, the largest norm of the gradient of all moved arrays together; a longer one is
        scaled to it. `None`: none.
      weight_decay: λ ≥ 0: each step takes the share rate · λ from every moved array, but for biases
        and what scales a normalisation. `None`: none; of `adamw` 0.01.

    Raises:
      ValueError: for a value out of range.
    """
    one_of("schedule", schedule, SCHEDULES)
    if warmup_steps is not None:
        at_least("warmup_steps", warmup_steps, 1)
    if clip is not None:
        at_least("clip", clip, 1e-12)
    if weight_decay is not None:
        at_least("weight_decay", weight_decay, 0)

    def rate(step: Array, steps: int | None) -> ArrayLike:
        factor: ArrayLike = 1.0
        if schedule != "constant":
            assert steps is not None, "a schedule needs the number of steps"
            share = step / jnp.asarray(steps, jnp.result_type(float))
            factor = {
                "cosine": lambda: 0.5 * (1 + jnp.cos(jnp.pi * share)),
                "fixmatch": lambda: jnp.cos(7 * jnp.pi / 16 * share),
            }[schedule]()
        if warmup_steps is not None:
            factor = factor * jnp.minimum(1, (step + 1) / jnp.asarray(warmup_steps))
        return learning_rate if isinstance(factor, float) else learning_rate * factor

    if weight_decay is None and make is make_adamw:
        weight_decay = ADAMW_DECAY
    return Optimizer(transformation, rate, clip, weight_decay, not together)


# ---------------------------------------------------------------- of a whole tree of parameters


def groups(params: Params, each: bool, reached: Sequence[Sequence[bool]]) -> dict[str, list[int]]:
    """Which arrays share an optimizer state: name of the state → numbers of leaves.

    Args:
      params: a tree of arrays.
      each: whether every array has a state of its own.
      reached: for each phase, which leaves it moves; read where `each` is False.

    >>> tree = {"a": jnp.zeros(1), "b": jnp.zeros(1), "c": jnp.zeros(1)}
    >>> groups(tree, True, [])
    {'a': [0], 'b': [1], 'c': [2]}
    >>> groups(tree, False, [[True, True, False], [True, False, False]])
    {'phases 0 1': [0], 'phases 0': [1]}
    """
    paths = [jax.tree_util.keystr(p, simple=True, separator="/") for p, _ in _leaves(params)]
    if each:
        return {path: [i] for i, path in enumerate(paths)}
    indices_by_state: dict[str, list[int]] = {}
    for i in range(len(paths)):
        phases = [str(number) for number, moved in enumerate(reached) if moved[i]]
        if phases:
            indices_by_state.setdefault(f"phases {' '.join(phases)}", []).append(i)
    return indices_by_state


def init(optimizer: Optimizer, params: Params, arrays: Mapping[str, Sequence[int]]) -> Any:
    """The first states, by the names that `groups` gives."""
    leaves = jax.tree.leaves(params)
    transformation = optimizer.transformation(0.0)
    return {
        name: transformation.init([leaves[i] for i in indices]) for name, indices in arrays.items()
    }


def update(
    optimizer: Optimizer,
    params: Params,
    states: Any,
    gradients: Params,
    moved: Sequence[bool],
    arrays: Mapping[str, Sequence[int]],
    step: Array,
    steps: int | None,
) -> tuple[Params, Any]:
    """One step of the arrays that moved.

    Args:
      optimizer: what moves them.
      params: a tree of arrays.
      states: as `init` gives them.
      gradients: shaped as `params`.
      moved: which leaves have a gradient in this phase.
      arrays: as `groups` gives them.
      step: i32[], from 0.
      steps: how many the training has, where that is known.

    Returns:
      The parameters and the states after it.
    """
    rate = optimizer.rate(step, steps)
    transformation = optimizer.transformation(rate)
    paths, before = zip(*_leaves(params), strict=True)
    slopes = jax.tree.leaves(gradients)
    if optimizer.clip is not None:
        slopes = clipped(slopes, moved, optimizer.clip)
    after, states = list(before), dict(states)
    for name, indices in arrays.items():
        if not all(moved[i] for i in indices):
            continue
        updates, states[name] = transformation.update(
            [slopes[i] for i in indices], states[name], [before[i] for i in indices]
        )
        for i, change in zip(indices, updates, strict=True):
            leaf = before[i]
            if optimizer.decay is not None and decays(paths[i], leaf):
                leaf = leaf * (1 - jnp.asarray(rate * optimizer.decay, leaf.dtype))
            after[i] = leaf - change if optimizer.each else leaf + change
    return jax.tree.unflatten(jax.tree.structure(params), after), states


def clipped(gradients: Sequence[Array], moved: Sequence[bool], largest: ArrayLike) -> list[Array]:
    """The gradients, scaled so that the norm of those that moved is at most `largest`.

    >>> clipped([jnp.array([3.0]), jnp.array([4.0]), jnp.array([9.0])], [True, True, False], 1.0)
    [Array([0.6], dtype=float32), Array([0.8], dtype=float32), Array([9.], dtype=float32)]
    """
    squares = [jnp.sum(g * g) for g, moves in zip(gradients, moved, strict=True) if moves]
    norm = jnp.sqrt(sum(squares, jnp.zeros(())))
    factor = jnp.minimum(1, largest / jnp.where(norm > 0, norm, 1))
    return [g * factor if moves else g for g, moves in zip(gradients, moved, strict=True)]


def decays(path: Any, leaf: Array) -> bool:
    """Whether weight decay takes from an array: not from a bias, a scale, or a vector.

    >>> decays(("encoder", "Conv_0", "bias"), jnp.zeros((1, 1, 1, 8)))
    False
    """
    last = path[-1] if path else ""
    return leaf.ndim > 1 and str(getattr(last, "key", last)) not in UNDECAYED


def _leaves(params: Params) -> list[tuple[Any, Array]]:
    return jax.tree_util.tree_flatten_with_path(params)[0]
