import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdml.settings import assembly
from jaxdml.settings.resolve import resolve
from jaxdml.train import epoch, step, streams
from jaxdml.train.gradients import gradients_of
from jaxdml.types import Phase, Point, Role, Routine, Term

SMALL = {"model.hidden": (16, 8), "model.latent_dim": 2, "train.batch_size": 8}


def setting(dataset, labelled=range(9), seed=3, **options):
    """A method and all else that an epoch takes."""
    resolved = resolve(SMALL | options)
    method = assembly.assemble(resolved, (4, 4, 1), 3)
    rows = jnp.array(labelled, jnp.int32)
    point = Point(
        jnp.int32(seed),
        {path: jnp.asarray(value) for path, value in resolved.numbers.items()},
        rows,
        jnp.asarray(dataset.train.y, jnp.int32)[rows],
        jnp.int32(len(labelled)),
    )
    sizes = streams.Sizes(8, len(dataset.train.y), len(labelled))
    return method, sizes, point, jnp.asarray(dataset.train.x)


def run(method, sizes, point, images, epochs=1, state=None):
    @functools.cache
    def program(pattern, steps):
        return jax.jit(
            lambda state, number: epoch.epoch(
                method, epoch.Kind(pattern, steps, sizes), state, point, images, number
            )
        )

    state = state or step.init(method, point, images)
    means = []
    for number, steps in enumerate(epoch.lengths(method.routine, sizes, epochs), 1):
        pattern = method.routine.pattern(number)
        state, metrics = program(pattern, steps)(state, jnp.int32(number))
        means.append({name: float(value) for name, value in metrics.items()})
    return state, means


def step_counts(state):
    """How many steps of Adam arrays have had."""
    return {
        int(s.count)
        for s in jax.tree.leaves(state.opt, is_leaf=lambda s: isinstance(s, optax.ScaleByAdamState))
        if isinstance(s, optax.ScaleByAdamState)
    }


def same(a, b):
    return jax.tree.all(jax.tree.map(lambda x, y: bool(jnp.array_equal(x, y)), a, b))


def test_a_pass_visits_every_image_once_and_pads_the_rest():
    rows, valid = streams.one_pass(jax.random.key(0), 30, 4, 8)
    assert sorted(np.asarray(rows)[np.asarray(valid)].tolist()) == list(range(30))
    assert valid.sum() == 30
    assert rows.shape == (4, 8)


def test_a_pass_that_is_too_short_for_the_epoch_begins_anew():
    rows, valid = streams.one_pass(jax.random.key(0), 5, 4, 8)
    assert valid.all()
    assert np.bincount(np.asarray(rows).ravel(), minlength=5).min() >= 6


def test_labelled_batches_hold_labelled_images_and_their_labels(tiny):
    _, sizes, point, images = setting(tiny, [4, 7, 20], system="dml")
    draw = streams.labelled(jax.random.key(0), point, False, 6, sizes)
    assert set(np.asarray(draw.rows).ravel().tolist()) == {4, 7, 20}
    rows, places, valid = (part[0] for part in draw)
    labels = streams.labels(point, places, "labelled")
    batch = streams.batch(images[rows], rows, labels, valid, "labelled")
    np.testing.assert_array_equal(batch.y, tiny.train.y[np.asarray(batch.row)])
    np.testing.assert_allclose(batch.x, tiny.train.x[np.asarray(batch.row)] / 255, rtol=1e-6)
    draw = streams.unlabelled(jax.random.key(0), 4, sizes)
    rows, places, valid = (part[0] for part in draw)
    labels = streams.labels(point, places, "all")
    unlabelled = streams.batch(images[rows], rows, labels, valid, "all")
    assert (unlabelled.y == -1).all()
    assert not unlabelled.labelled.any()


def test_padding_past_the_labelled_count_is_never_drawn(tiny):
    *setup, point, images = setting(tiny, [4, 7, 20], system="dml")
    longer = point._replace(
        labelled_indices=jnp.array([4, 7, 20, 0, 0, 0], jnp.int32),
        labelled_labels=jnp.pad(point.labelled_labels, (0, 3)),
    )
    assert same(run(*setup, point, images, 2)[0], run(*setup, longer, images, 2)[0])


def test_an_epoch_equals_a_plain_loop_with_optax(tiny, float64):
    method, sizes, point, images = setting(tiny, system="dml_ae", **{"routine.alpha": 0.3})
    start, model = step.init(method, point, images), method.model
    ours, _ = run(method, sizes, point, images)

    key = jax.random.fold_in(jax.random.split(jax.random.key(point.seed))[1], 1)
    labelled_key, all_key, _ = jax.random.split(key, 3)
    labelled = streams.labelled(labelled_key, point, False, 4, sizes).rows
    everything, valid = streams.one_pass(all_key, 30, 4, 8)
    labelled, everything, valid = map(np.asarray, (labelled, everything, valid))
    x, y = np.asarray(images) / 255.0, np.asarray(tiny.train.y)
    from jaxdml.losses import triplet

    @jax.jit
    @jax.grad
    def slope(params, x_labelled, y_labelled, x_all):
        z, _ = model.encode(params, x_labelled)
        back = model.decode(params, model.encode(params, x_all)[0])
        return 0.7 * triplet(z, y_labelled) + 0.3 * jnp.mean(
            jnp.sum((x_all - back) ** 2, axis=(1, 2, 3))
        )

    optimizer = optax.adam(1e-3)
    params, opt = start.params["model"], optimizer.init(start.params["model"])
    update = jax.jit(optimizer.update)
    for i in range(4):
        rows = everything[i][valid[i]]  # padding left out by hand
        gradient = slope(params, x[labelled[i]], y[labelled[i]], x[rows])
        updates, opt = update(gradient, opt)
        params = optax.apply_updates(params, updates)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12),
        ours.params["model"],
        params,
    )


def test_an_array_without_a_gradient_stands_still_and_so_do_its_moments(tiny):
    options = {"routine.name": "alternate", "routine.supervised": "metric_only"}
    setup = setting(tiny, system="dml_ae", **options, **{"routine.first": "unsupervised"})
    after_one, _ = run(*setup, 1)
    after_two, _ = run(*setup, 2)  # the second has no reconstruction
    one, two = after_one.params["model"], after_two.params["model"]
    assert same(one["decoder"], two["decoder"])
    for name, one_state in after_one.opt.items():
        assert same(one_state, after_two.opt[name]) == name.startswith("model/decoder")
    assert not same(one["encoder"], two["encoder"])
    assert after_two.step == 8
    assert step_counts(after_two) == {4, 8}


def test_what_a_phase_reads_is_found_from_its_gradient():
    params = {name: jnp.ones(2) for name in "abcd"}

    def compiled(p):
        return jax.jit(lambda p: {"x": p["a"] + p["c"], "y": p["b"]})(p)["x"].sum(), p["d"]

    def masked(p):
        return jnp.sum(jnp.where(p["b"] > 0, p["a"] * p["c"], 0)), None

    def fixed(p):
        return jnp.sum(p["a"] * p["c"] + jax.lax.stop_gradient(p["b"]) * p["a"]), None

    for function in (compiled, masked, fixed):
        for transformed in (lambda f: f, jax.jit, jax.checkpoint):
            assert gradients_of(transformed(function), params)[2] == [True, False, True, False]


def test_a_longer_training_with_the_same_seed_begins_alike_and_another_seed_does_not(tiny):
    setup = setting(tiny, system="dml_ae")
    assert run(*setup, epochs=1)[1] == run(*setup, epochs=3)[1][:1]
    other = setting(tiny, seed=4, system="dml_ae")
    assert run(*setup)[1] != run(*other)[1]


def test_training_lowers_the_loss(tiny):
    for options in ({"system": "ae"}, {"system": "dml"}, {"system": "dml_ae"}):
        _, means = run(*setting(tiny, **options), epochs=30)
        assert means[-1]["loss"] < 0.5 * means[0]["loss"]


def test_two_phases_in_one_epoch_take_turns(tiny):
    method, sizes, point, images = setting(
        tiny, system="dml_ae", **{"routine.name": "alternate", "routine.supervised": "metric_only"}
    )
    by_batch = method.routine._replace(pattern=lambda epoch: (0, 1))
    assert epoch.count_steps(by_batch, sizes, 3) == {"supervised": 6, "unsupervised": 6}
    state, [means] = run(method._replace(routine=by_batch), sizes, point, images)
    assert {"metric", "reconstruction", "loss"} <= set(means)
    assert step_counts(state) == {2, 4}  # the decoder has half of the steps


def test_turns_of_batches_go_on_from_epoch_to_epoch(tiny):
    options = {"routine.name": "alternate", "routine.every": "batch", "routine.turns": (1, 5)}
    setup = setting(tiny, system="dml_ae", **options, **{"routine.supervised": "metric_only"})
    counts = epoch.count_steps(setup[0].routine, setup[1], 4)
    assert counts == {"supervised": 3, "unsupervised": 13}
    state, means = run(*setup, 4)  # four steps an epoch
    # steps 0, 6 and 12 are supervised: none of the third epoch, 8 to 11
    assert [not np.isnan(mean["metric"]) for mean in means] == [True, True, False, True]
    assert step_counts(state) == {13, 16}


def test_what_a_term_keeps_must_stay_finite(tiny):
    def evaluate(params, kept, context, key):
        return 0.0 * context.outputs["images"].z.sum(), {"kept": kept["kept"] * 1e20}, {}

    term = own_term(evaluate, lambda key, context: ({}, {"kept": jnp.ones(())}))
    state, _ = run(*with_term(tiny, term))
    assert state.diverged[0] == 1


def test_steps_are_counted_by_phase(tiny):
    options = {"routine.name": "alternate", "routine.labelled_steps": "pass"}
    method, sizes, *_ = setting(tiny, range(9), system="dml_ae", **options)
    assert epoch.count_steps(method.routine, sizes, 5) == {"supervised": 6, "unsupervised": 8}


def counting(value, learns=True):
    """A term that learns one number and counts its steps in `extra`."""

    def evaluate(params, kept, context, key):
        number = params["number"] if learns else 0.0
        return value(number, kept["steps"]), {"steps": kept["steps"] + 1}, {}

    first = {"number": jnp.ones(())} if learns else {}
    return own_term(evaluate, lambda key, context: (first, {"steps": jnp.zeros((), jnp.int32)}))


def own_term(value, init):
    return Term("own", "unsupervised", {"images": Role("all")}, value, init)


def with_term(tiny, term):
    method, sizes, point, images = setting(tiny, system="ae")
    routine = Routine((Phase("own", (term,)),), lambda epoch: (0,))
    return method._replace(routine=routine), sizes, point, images


def test_a_term_may_learn_and_may_keep_what_gradients_do_not_move(tiny):
    state, _ = run(*with_term(tiny, counting(lambda number, steps: (number - 3.0) ** 2)), epochs=2)
    assert state.kept["own"]["steps"] == 8
    assert state.params["terms"]["own"]["number"] == pytest.approx(1.008, abs=1e-4)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (lambda number, steps: jnp.where(steps == 5, jnp.nan, number), (2, 5, 0)),
        (lambda number, steps: jnp.where(steps == 0, jnp.inf, number), (1, 0, 0)),
        (
            lambda number, steps: jnp.sqrt(0 * number),
            (1, 0, 1),
        ),  # the value is fine, the slope is not
    ],
    ids=["value in the second epoch", "first step", "gradient"],
)
def test_the_first_non_finite_value_is_named_where_it_arises(tiny, value, expected):
    state, _ = run(*with_term(tiny, counting(value)), epochs=3)
    assert tuple(state.diverged.tolist()) == expected


def test_a_healthy_training_has_not_diverged(tiny):
    state, _ = run(*setting(tiny, system="dml_ae"), epochs=3)
    assert state.diverged.tolist() == [-1, -1, -1]
