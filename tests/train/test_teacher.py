"""The teacher is an exponential average of all parameters, and can be what is scored."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.runs.execution import execute, rescoring
from jaxdml.runs.planning import cohort_setup, loading
from jaxdml.runs.planning import plan as planning
from jaxdml.runs.planning.points import point as point_of
from jaxdml.runs.storage import files
from jaxdml.settings import assembly
from jaxdml.settings.resolve import resolve
from jaxdml.train import checkpoint, epoch, step, streams, teacher
from jaxdml.types import Method, Point
from tests.runs.small import BASE


def method_with(average):
    return Method(None, None, None, (1, 1, 1), 2, {}, average)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999, 1.0])
def test_the_average_equals_a_naive_loop_with_its_fast_start(share, float64):
    values = np.random.default_rng(0).normal(size=(200, 3))
    method = method_with(share)
    average = teacher.first(method, {"w": jnp.asarray(values[0])})
    moved = jax.jit(lambda a, p, t: teacher.moved(method, a, p, t))
    expected = [float(v) for v in values[0]]
    for t in range(len(values) - 1):
        average = moved(average, {"w": jnp.asarray(values[t + 1])}, jnp.int32(t))
        a = min(share, (1 + t) / (10 + t))
        expected = [a * e + (1 - a) * v for e, v in zip(expected, values[t + 1], strict=True)]
    np.testing.assert_allclose(average["w"], expected, rtol=1e-12)


def test_without_an_average_the_student_teaches_and_no_gradient_flows():
    params = {"w": jnp.ones(2)}
    assert teacher.first(method_with(None), params) == {}
    assert teacher.moved(method_with(None), {}, params, jnp.int32(3)) == {}

    def value(p):
        return jnp.sum(teacher.of({}, p)["w"] * p["w"])

    assert jax.grad(value)(params)["w"].tolist() == [1.0, 1.0]  # of the second factor alone


def setting(dataset, **options):
    resolved = resolve(
        {"model.hidden": (8,), "model.latent_dim": 2, "train.batch_size": 8} | options
    )
    method = assembly.assemble(resolved, (4, 4, 1), 3)
    rows = jnp.arange(9, dtype=jnp.int32)
    labels = jnp.asarray(dataset.train.y, jnp.int32)[rows]
    point = Point(jnp.int32(1), resolved.numbers, rows, labels, jnp.int32(9))
    sizes = streams.Sizes(8, 30, 9)
    images = jnp.asarray(dataset.train.x)
    return method, sizes, point, images, step.init(method, point, images)


def test_an_epoch_averages_what_its_steps_pass_through(tiny, float64):
    """One epoch of four steps, and four epochs of one: the same steps, seen in between."""
    options = {"system": "dml_ae", "train.average": 0.5, "loss.name": "cosface"}
    method, sizes, point, images, state = setting(tiny, **options)
    kind = epoch.Kind((0,), 4, sizes)
    batches = epoch.draw(method.routine, kind, point, jnp.int32(1))
    key = epoch._epoch_keys(point.seed, jnp.int32(1))[2]
    phase = method.routine.phases[0]
    params_by_step, walked = [state.params], state
    take_step = jax.jit(
        lambda state, drawn, key: step.step(method, phase, state, drawn, key, jnp.int32(1))
    )
    for i in range(4):
        drawn = {
            s: streams.batch(
                images[d.rows[i]], d.rows[i], streams.labels(point, d.places[i], s), d.valid[i], s
            )
            for s, d in batches.items()
        }
        walked, _ = take_step(walked, drawn, jax.random.fold_in(key, i))
        params_by_step.append(walked.params)
    average = params_by_step[0]
    for t, params in enumerate(params_by_step[1:]):
        a = min(0.5, (1 + t) / (10 + t))
        average = jax.tree.map(lambda e, p, a=a: a * e + (1 - a) * p, average, params)
    ended, _ = epoch.epoch(method, kind, state, point, images, jnp.int32(1))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-9), ended.average, average)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-9), ended.params, params_by_step[-1]
    )


@pytest.mark.slow
def test_the_teacher_s_class_scores_use_averaged_class_weights(tiny, float64):
    options = {"system": "dml", "train.average": 0.9, "loss.name": "cosface"}
    method, *_, state = setting(tiny, **options)
    state = state._replace(average=jax.tree.map(lambda leaf: leaf + 0.3, state.params))
    context = step.context_of(method, state.params, state)
    x = jax.random.uniform(jax.random.key(0), (5, 4, 4, 1))
    for of, params in (("student", state.params), ("teacher", state.average)):
        z = context.embed(x, of=of)
        np.testing.assert_allclose(z, method.model.encode(params["model"], x)[0])
        term = step.scorer(method.routine)
        expected = term.class_scores(params["terms"]["metric"], state.kept["metric"], z)
        np.testing.assert_allclose(context.class_scores(z, of=of), expected)

    def through(params, of):
        context = step.context_of(method, params, state)
        return context.class_scores(context.embed(x, of=of), of=of).sum()

    slopes = jax.tree.leaves(jax.grad(through)(state.params, "teacher"))
    assert not any(slope.any() for slope in slopes)
    assert any(slope.any() for slope in jax.tree.leaves(jax.grad(through)(state.params, "student")))


# ---------------------------------------------------------------- what is scored


OPTIONS = {"system": "dml", "train.average": 0.9, "loss.name": "cosface", "train.epochs": 3}


def run(path, scored):
    return execute.run(BASE | OPTIONS | {"eval.parameters": scored}, ({},), path, path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher")
    return {scored: run(path / scored, scored) for scored in ("last", "average")}


def embeddings(run_folder):
    [result] = run_folder.results()
    with np.load(run_folder.point(result["point"]) / "embeddings.npz") as kept:
        return result, {name: kept[name] for name in kept.files}


@pytest.mark.slow
@pytest.mark.parametrize("scored", ["last", "average"])
def test_embeddings_are_those_of_the_parameters_that_are_scored(runs, scored):
    run_folder = runs[scored]
    result, kept = embeddings(run_folder)
    dataset = loading.loader(run_folder.path)(result["config"])
    final = run_folder.checkpoints / result["checkpoint"]["path"]
    point = point_of(result["config"])
    [members] = planning.plan([point], loading.loader(run_folder.path)).cohorts
    setup = cohort_setup.setup_of(members, dataset)
    template = setup.template(1)
    stored = {
        "last": checkpoint.restore(final, template.params),
        "average": checkpoint.restore(
            final.with_name("final_kept"), {"average": template.average, "kept": template.kept}
        )["average"],
    }
    embeddings_by_weights = {}
    for name, params in stored.items():
        model = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), params["model"])
        images = streams.pixels(jnp.asarray(dataset.test.x))
        embeddings_by_weights[name] = np.asarray(setup.model.encode(model, images)[0])
    np.testing.assert_allclose(kept["test"], embeddings_by_weights[scored], rtol=1e-4, atol=1e-5)
    assert not np.allclose(
        embeddings_by_weights["last"], embeddings_by_weights["average"], rtol=1e-3
    )


def test_training_is_the_same_whichever_is_scored(runs):
    (last, _), (average, _) = embeddings(runs["last"]), embeddings(runs["average"])
    assert last["point"] == average["point"]
    histories = [
        files.read_csv(runs[s].point(last["point"]) / "history.csv") for s in ("last", "average")
    ]
    assert histories[0] == histories[1]


@pytest.mark.parametrize("scored", ["last", "average"])
def test_scores_after_a_reload_are_those_of_the_run(runs, scored):
    run_folder = runs[scored]
    result, before = embeddings(run_folder)
    rescoring.rescore(run_folder.path, run_folder.path)  # from its checkpoint
    again, after = embeddings(run_folder)
    assert again["scores"] == result["scores"]
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values, rtol=1e-6)
