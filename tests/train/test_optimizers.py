"""Optimizers move parameters as optax and the papers' formulas do, and only what a phase moves."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdml.options import ConfigError
from jaxdml.runs.planning import plan
from jaxdml.runs.planning.points import point as point_of
from jaxdml.settings import assembly
from jaxdml.settings.resolve import resolve
from jaxdml.train import optimizers, step
from jaxdml.train.gradients import gradients_of
from tests.points import any_point
from tests.third_party import lion

RATE, STEPS = 0.02, 6


def make_optimizer(name="adam", make=None, together=False, **options):
    """An optimizer as a configuration's `optimizer` section makes it."""
    make = make or optimizers.OPTIMIZERS[name]
    inner_names = {"momentum", "nesterov", "largest", "decay"}
    inner = {option: value for option, value in options.items() if option in inner_names}
    outer = {option: value for option, value in options.items() if option not in inner_names}
    return optimizers.scheduled(lambda rate: make(rate, **inner), RATE, together, make, **outer)


def tree():
    """Two layers: matrices, biases, and what scales a normalisation."""
    keys = jax.random.split(jax.random.key(0), 4)
    return {
        "a": {"kernel": jax.random.normal(keys[0], (3, 2)), "bias": jnp.ones(2)},
        "b": {"kernel": jax.random.normal(keys[1], (2, 2)), "scale": jnp.full((1, 2), 2.0)},
    }


def gradient(params, number):
    """A gradient that differs from step to step."""
    return jax.tree.map(lambda leaf: jnp.cos(3 * leaf + number) * (1 + number), params)


def walked(optimizer, params, moved=lambda number: None, groups=None, steps=STEPS):
    """Parameters and states after some steps; `moved(number)` says which leaves."""
    count = len(jax.tree.leaves(params))
    groups = groups or optimizers.groups(params, True, [])
    states = optimizers.init(optimizer, params, groups)
    for number in range(steps):
        params, states = optimizers.update(
            optimizer, params, states, gradient(params, number), moved(number) or [True] * count,
            groups, jnp.int32(number), steps,
        )  # fmt: skip
    return params, states


def with_optax(transformation, params, steps=STEPS):
    state = transformation.init(params)
    for number in range(steps):
        updates, state = transformation.update(gradient(params, number), state, params)
        params = optax.apply_updates(params, updates)
    return params


def close(a, b, rtol=1e-10):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-12), a, b)


def decayed(params):
    """Which arrays weight decay takes from: matrices that are no scale."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


@pytest.mark.parametrize(
    ("name", "options", "reference"),
    [
        ("adam", {}, optax.adam(RATE)),
        ("adam", {"weight_decay": 0.3}, optax.adamw(RATE, weight_decay=0.3, mask=decayed)),
        ("adamw", {}, optax.adamw(RATE, weight_decay=0.01, mask=decayed)),
        ("adamw", {"weight_decay": 0.0}, optax.adam(RATE)),
        ("sgd", {}, optax.sgd(RATE, 0.9, nesterov=True)),
        ("sgd", {"momentum": 0.5, "nesterov": False}, optax.sgd(RATE, 0.5)),
        ("sgd", {"momentum": 0.0}, optax.sgd(RATE)),
        ("adam", {"clip": 0.7}, optax.chain(optax.clip_by_global_norm(0.7), optax.adam(RATE))),
        ("sgd", {"clip": 0.7, "weight_decay": 0.1},
         optax.chain(optax.clip_by_global_norm(0.7), optax.trace(0.9, True),
                     optax.add_decayed_weights(0.1, decayed), optax.scale(-RATE))),
    ],
)  # fmt: skip
def test_an_optimizer_equals_optax(name, options, reference, float64):
    close(walked(make_optimizer(name, **options), tree())[0], with_optax(reference, tree()))


def test_adamw_equals_that_of_pytorch(float64):
    torch = pytest.importorskip("torch")
    start = tree()
    names = ["a/kernel", "a/bias", "b/kernel", "b/scale"]
    leaves = [start[n[0]][n[2:]] for n in names]
    tensors = [torch.tensor(np.asarray(leaf), requires_grad=True) for leaf in leaves]
    groups = [
        {"params": [tensors[0], tensors[2]], "weight_decay": 0.2},
        {"params": [tensors[1], tensors[3]], "weight_decay": 0.0},
    ]
    reference = torch.optim.AdamW(groups, lr=RATE)
    for number in range(STEPS):
        for tensor in tensors:
            tensor.grad = torch.cos(3 * tensor.detach() + number) * (1 + number)
        reference.step()
    ours, _ = walked(make_optimizer("adamw", weight_decay=0.2), start)
    close([ours[n[0]][n[2:]] for n in names], [t.detach().numpy() for t in tensors], 1e-8)


@pytest.mark.parametrize("warmup", [None, 4.0])
@pytest.mark.parametrize("schedule", optimizers.SCHEDULES)
def test_the_rate_follows_its_formula(schedule, warmup, float64):
    rate = make_optimizer(schedule=schedule, warmup_steps=warmup).rate
    result = [float(rate(jnp.int32(t), 10)) for t in range(10)]
    for t, value in enumerate(result):
        expected = {
            "constant": 1.0,
            "cosine": (1 + np.cos(np.pi * t / 10)) / 2,
            "fixmatch": np.cos(7 * np.pi * t / 160),
        }[schedule]
        expected *= RATE * (1 if warmup is None else min(1, (t + 1) / warmup))
        assert value == pytest.approx(expected, rel=1e-12)
    for value in jax.vmap(lambda t: rate(t, 10) + jnp.zeros(()))(jnp.arange(10)) - jnp.array(
        result
    ):
        assert abs(value) < 1e-15


def test_a_schedule_reaches_the_update(float64):
    reference = optax.adam(lambda t: RATE * (1 + jnp.cos(jnp.pi * t / STEPS)) / 2)
    close(walked(make_optimizer(schedule="cosine"), tree())[0], with_optax(reference, tree()))


def test_clipping_measures_the_arrays_that_moved_in_this_phase_only(float64):
    gradients = [jnp.array([3.0, 0.0]), jnp.array([[1e6]]), jnp.array([4.0])]
    result = optimizers.clipped(gradients, [True, False, True], 2.5)
    close(result, [gradients[0] / 2, gradients[1], gradients[2] / 2])
    close(optimizers.clipped(gradients, [True, False, True], 6.0), gradients)
    zero = [jnp.zeros(2)]
    assert not optimizers.clipped(zero, [True], 1.0)[0].any()
    assert optimizers.clipped([jnp.ones(1)], [False], 1.0)[0].tolist() == [1.0]


def test_what_did_not_move_is_not_decayed_nor_counted(float64):
    params = tree()  # leaves in order: a.bias, a.kernel, b.kernel, b.scale
    half = [True, True, False, False]
    after, states = walked(make_optimizer("adamw", weight_decay=0.5), params, lambda number: half)
    close(after["b"], params["b"], 0)
    assert not np.allclose(after["a"]["kernel"], params["a"]["kernel"])
    counts = {name: int(state[0].count) for name, state in states.items()}
    assert counts == {"a/bias": STEPS, "a/kernel": STEPS, "b/kernel": 0, "b/scale": 0}


def test_an_array_behind_stop_gradient_is_neither_moved_nor_decayed():
    params = {"read": {"kernel": jnp.ones((2, 2))}, "fixed": {"kernel": jnp.ones((2, 2))}}

    def value(p):
        fixed = jax.lax.stop_gradient(p["fixed"]["kernel"])
        return jnp.sum(p["read"]["kernel"] @ fixed), None

    optimizer = make_optimizer("adamw", weight_decay=0.5)
    groups = optimizers.groups(params, True, [])
    states = optimizers.init(optimizer, params, groups)
    gradients, _, moved = gradients_of(value, params)
    after, _ = optimizers.update(
        optimizer, params, states, gradients, moved, groups, jnp.int32(0), None
    )
    assert (after["fixed"]["kernel"] == 1).all()
    assert (after["read"]["kernel"] < 1).all()


def test_jit_and_vmap_over_numbers_change_nothing(float64):
    params = tree()

    def after(clip, decay):
        return walked(make_optimizer("adam", clip=clip, weight_decay=decay), params, steps=3)[0]

    clips, decays = jnp.array([0.1, 1.0, 50.0]), jnp.array([0.0, 0.1, 0.5])
    together = jax.jit(jax.vmap(after))(clips, decays)
    for i in range(3):
        alone = after(float(clips[i]), float(decays[i]))
        close(jax.tree.map(lambda leaf, i=i: leaf[i], together), alone)


# ---------------------------------------------------------------- a user's own chain


def test_a_chain_of_optax_sees_the_arrays_of_its_partition_and_counts_its_own_steps(float64):
    """Two phases take turns; `a` is moved by the first, `b` by the second."""
    params = tree()
    first, second = [True, True, False, False], [False, False, True, True]
    groups = optimizers.groups(params, False, [first, second])
    assert groups == {"phases 0": [0, 1], "phases 1": [2, 3]}

    def make(rate):
        return optax.chain(optax.clip_by_global_norm(0.3), optax.adam(rate))

    optimizer = make_optimizer(make=make, together=True)
    ours, states = walked(
        optimizer, params, lambda number: second if number % 3 == 2 else first, groups
    )
    for name, turn in (("a", lambda n: n % 3 != 2), ("b", lambda n: n % 3 == 2)):
        reference, array = make(RATE), params[name]
        state = reference.init(array)
        for number in filter(turn, range(STEPS)):
            slope = gradient({name: array}, number)[name]
            updates, state = reference.update(slope, state, array)
            array = optax.apply_updates(array, updates)
        close(ours[name], array)
    counts = {
        name: [int(s.count) for s in jax.tree.leaves(
            state, is_leaf=lambda s: isinstance(s, optax.ScaleByAdamState)
        ) if isinstance(s, optax.ScaleByAdamState)]
        for name, state in states.items()
    }  # fmt: skip
    assert counts == {"phases 0": [4], "phases 1": [2]}


def test_arrays_that_both_phases_move_are_a_partition_of_their_own(float64):
    params = {"a": jnp.ones(2), "b": jnp.ones(2), "c": jnp.ones(2), "unread": jnp.ones(2)}
    first_phase, second_phase = [True, True, False, False], [True, False, True, False]
    groups = optimizers.groups(params, False, [first_phase, second_phase])
    assert groups == {"phases 0 1": [0], "phases 0": [1], "phases 1": [2]}
    optimizer = make_optimizer(make=lion.make, together=True, largest=0.1, decay=0.2)
    after, _ = walked(optimizer, params, lambda n: second_phase if n % 2 else first_phase, groups)
    assert (after["unread"] == 1).all()
    alone, _ = walked(
        optimizer, {"a": params["a"]}, groups={"phases 0 1": [0]}
    )  # its norm is clipped by itself
    close(after["a"], alone["a"])


def test_partitions_of_a_method_follow_from_its_phases():
    resolved = resolve(
        {
            "system": "dml_ae", "model.hidden": (4,), "model.latent_dim": 2, "loss.name": "arcface",
            "routine.name": "alternate", "routine.supervised": "metric_only",
            "optimizer.name": "tests.third_party.lion:make",
        }
    )  # fmt: skip
    method = assembly.assemble(resolved, (4, 4, 1), 3)
    assert not method.optimizer.each
    state = step.init(method, any_point(), jnp.zeros((6, 4, 4, 1)))
    paths = [
        jax.tree_util.keystr(path, simple=True, separator="/")
        for path, _ in jax.tree_util.tree_flatten_with_path(state.params)[0]
    ]
    groups = step.state_groups(method, state.params, state.kept)
    named = {name: {paths[i].split("/")[1] for i in indices} for name, indices in groups.items()}
    assert named == {"phases 0": {"metric"}, "phases 0 1": {"encoder"}, "phases 1": {"decoder"}}
    assert set(state.opt) == set(groups)


# ---------------------------------------------------------------- numbers, and what is refused


def shape_of(**options):
    config = {"system": "dml_ae"} | {path.replace("__", "."): v for path, v in options.items()}
    return resolve(config).static, resolve(config).numbers


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("optimizer__clip", (1, 2.5)),
        ("optimizer__weight_decay", (0.0, 0.1)),
        ("optimizer__warmup_steps", (10, 20)),
        ("train__average", (0.9, 0.999)),
        ("reconstruction__weight", (0.0, 2)),
    ],
)
def test_points_that_differ_in_a_number_share_a_program_but_not_with_none(path, values):
    none, low, high = (shape_of(**{path: value}) for value in (None, *values))
    dotted = path.replace("__", ".")
    assert low[0] == high[0] != none[0]
    assert dotted not in none[1]
    assert (low[1][dotted], high[1][dotted]) == tuple(map(float, values))
    assert all(type(number) is float for number in low[1].values())


def test_cohorts_are_made_accordingly(tiny):
    points = [
        point_of({"system": "dml", "optimizer.clip": clip, "data.name": "digits"})
        for clip in (None, 1.0, 2.0)
    ]
    shapes = [plan.static(p, tiny, 30) for p in points]
    assert shapes[1] == shapes[2] != shapes[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer.clip": 0.0}, "optimizer.clip must be at least 1e-12 and finite, but is 0.0"),
        ({"optimizer.weight_decay": -1.0}, "optimizer.weight_decay must be at least 0 and finite"),
        ({"optimizer.warmup_steps": 0.5}, "optimizer.warmup_steps must be at least 1 and finite"),
        ({"optimizer.schedule": "step"}, "must be one of constant, cosine, fixmatch"),
        ({"optimizer.name": "sgd", "optimizer.momentum": 1.5}, "must lie between 0 and 1"),
        ({"optimizer.name": "sgd", "optimizer.nesterov": 1}, "must be True or False, but is 1"),
        ({"optimizer.momentun": 0.5}, "momentun; there is optimizer.momentum"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_in_one_sentence(options, message):
    with pytest.raises(ConfigError) as error:
        resolve({"system": "dml"} | options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
