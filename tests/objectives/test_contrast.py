"""The contrast of two strong views: what it reads and learns, and the second view."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.objectives import contrast
from jaxdml.options import ConfigError
from jaxdml.settings import assembly
from jaxdml.settings.resolve import resolve
from jaxdml.train import step, streams
from jaxdml.types import Batch, Context, InitContext, Outputs
from tests.losses import oracle
from tests.points import any_point
from tests.third_party import mirror

INIT = InitContext(None, 10, 3, 4, jnp.ones(3))
VALID = jnp.array([True, True, False, True, True])
FIRST, SECOND = np.random.default_rng(0).normal(size=(2, 5, 4))


def value(term, params, first=FIRST, valid=VALID):
    rows = jnp.arange(5)
    batch = Batch(jnp.zeros((5, 2, 2, 1)), rows, ~valid, valid, rows)
    outputs = {
        name: Outputs(jnp.full((5, 4), jnp.nan), jnp.asarray(z), None, None)  # samples are not read
        for name, z in {"first": first, "second": SECOND}.items()
    }
    rest = dict.fromkeys(("encode", "embed", "decode", "class_scores"))
    batches = dict.fromkeys(outputs, batch)
    context = Context(batches, outputs, jnp.int32(0), 3, lambda z: 2 * z + 1, **rest)
    return term.value(params, {}, context, jax.random.key(1))[0]


def test_without_a_projection_it_contrasts_embeddings(float64):
    term = contrast.make(temperature=0.3)
    assert term.init(jax.random.key(0), INIT) == ({}, {})
    exact = oracle.nt_xent(2 * FIRST + 1, 2 * SECOND + 1, VALID, temperature=0.3)
    assert float(value(term, {})) == pytest.approx(exact, rel=1e-12)


@pytest.mark.slow
def test_a_projection_is_two_layers_of_its_own_which_learn(float64):
    term = contrast.make(projection=7)
    params, _ = term.init(jax.random.key(0), INIT)
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)  # biases too

    def projected(z):
        hidden, out = params["hidden"], params["out"]
        rows = []
        for row in 2 * z + 1:
            layer = np.maximum(row @ np.asarray(hidden["kernel"]) + np.asarray(hidden["bias"]), 0)
            rows.append(layer @ np.asarray(out["kernel"]) + np.asarray(out["bias"]))
        return np.array(rows)

    result, slopes = jax.value_and_grad(lambda params: value(term, params))(params)
    exact = oracle.nt_xent(projected(FIRST), projected(SECOND), VALID)
    assert float(result) == pytest.approx(exact, rel=1e-12)
    assert params["hidden"]["kernel"].shape == (4, 7)
    assert params["out"]["kernel"].shape == (7, 7)
    assert all(leaf.any() for leaf in jax.tree.leaves(slopes))


@pytest.mark.parametrize("projection", [None, 3])
def test_compiled_it_is_the_same_and_for_many_temperatures_a_loop(projection, float64):
    params, _ = contrast.make(projection=projection).init(jax.random.key(0), INIT)

    def of(temperature):
        return value(contrast.make(temperature=temperature, projection=projection), params)

    numbers = jnp.array([0.1, 0.5])
    np.testing.assert_allclose(
        jax.jit(jax.vmap(of))(numbers), [of(float(n)) for n in numbers], rtol=1e-12
    )


def test_value_and_gradient_are_finite_however_little_a_batch_holds():
    term = contrast.make(projection=3)
    params, _ = term.init(jax.random.key(0), INIT)
    sloped = jax.jit(
        jax.value_and_grad(lambda params, z, valid: value(term, params, z, valid), (0, 1))
    )
    for z in (FIRST, 0 * FIRST, np.ones_like(FIRST)):
        for valid in (VALID, jnp.zeros(5, bool), jnp.arange(5) == 1):
            result, slopes = sloped(params, jnp.asarray(z), valid)
            assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((result, slopes)))
            assert (result > 0) == (valid.sum() > 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "contrast.temperature must be at least"),
        ({"projection": 0}, "contrast.projection must be at least 1"),
        ({"projection": "wide"}, "contrast.projection must be a whole number, but is 'wide'"),
        ({"view": "weak"}, "contrast.view=weak changes nothing: the term chooses its views itself"),
        ({"view": "strong2"}, "contrast.view must be one of plain, weak, strong"),
    ],
)
def test_a_mistake_is_named(options, message):
    options = {f"contrast.{option}": value for option, value in options.items()}
    with pytest.raises(ConfigError, match=message):
        resolve({"system": "dml", "terms": ("metric", "contrast")} | options)


# ---------------------------------------------------------------- views

CONTRAST = {
    "system": "dml", "terms": ("metric", "contrast"), "loss.name": "supcon",
    "loss.sources": ("true", "teacher"), "model.hidden": (8,), "model.latent_dim": 2,
}  # fmt: skip


def test_a_teacher_s_rows_and_the_first_view_share_a_pass_of_the_network(tiny):
    method = assembly.assemble(resolve(CONTRAST), (4, 4, 1), 3, ("shift",))
    state = step.init(method, any_point(), tiny.train.x)
    x, rows, flags = jnp.asarray(tiny.train.x[:6]), jnp.arange(6), jnp.ones(6, bool)
    y = jnp.asarray(tiny.train.y[:6])
    batches = {name: streams.batch(x, rows, y, flags, name) for name in ("labelled", "all")}
    passes = []

    def apply(*arguments):
        passes.append(1)
        return method.model.apply(*arguments)

    watched = method._replace(model=method.model._replace(apply=apply))
    [phase] = method.routine.phases
    jax.eval_shape(
        lambda params: step.objective_of(watched, phase, params, state, batches, jax.random.key(0))[
            0
        ],
        state.params,
    )
    assert len(passes) == 4  # labelled; all images: weak, strong, and a second strong view


def test_the_second_view_has_the_policy_of_the_first():
    resolved = resolve(CONTRAST | {"augment.strong": "tests.third_party.mirror:make"})
    views = assembly.assemble(resolved, (4, 4, 1), 3, ("shift",)).views
    assert set(views) == {"weak", "strong", "strong2"}
    x = jax.random.uniform(jax.random.key(0), (2, 4, 4, 1))
    exact = mirror.make((4, 4, 1), ())(jax.random.key(1), x)
    for name in ("strong", "strong2"):
        np.testing.assert_array_equal(views[name](jax.random.key(1), x), exact)
