"""`model.unit_length`: losses and scores read z/‖z‖; decoder and divergence read z."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdml import losses
from jaxdml.runs.execution import execute
from jaxdml.settings import assembly
from jaxdml.settings.layers import with_embedding
from jaxdml.settings.resolve import resolve
from jaxdml.train import epoch, step
from jaxdml.types import Batch
from tests.points import any_point
from tests.runs.small import BASE
from tests.train.test_step import setting

SMALL = {"system": "mvae", "model.hidden": (8,), "model.latent_dim": 3, "prior.name": "unit"}


def terms_of(unit_length, images, zeroed=False):
    """The value of each term, and the outputs of the model, for one batch."""
    resolved = resolve(SMALL | {"model.unit_length": unit_length, "loss.on": "mean"})
    method = assembly.assemble(resolved, (4, 4, 1), 3)
    state = step.init(method, any_point(), images)
    params = state.params
    if zeroed:
        params = jax.tree.map(jnp.zeros_like, params)
    x = images[:6] / 255.0
    flags, number = jnp.ones(6, bool), jnp.arange(6)
    batches = {
        "labelled": Batch(x, number % 3, flags, flags, number),
        "all": Batch(x, -jnp.ones(6, int), ~flags, flags, number),
    }
    phase, key = method.routine.phases[0], jax.random.key(0)

    @jax.jit
    def value(params):
        total, (_, metrics) = step.objective_of(method, phase, params, state, batches, key)
        return total, metrics

    slopes, metrics = jax.grad(value, has_aux=True)(params)
    return metrics, method.model.encode(params["model"], x), number % 3, slopes


def test_the_metric_loss_reads_unit_vectors_and_the_others_the_latent(tiny, float64):
    images = jnp.asarray(tiny.train.x)
    plain, (mean, logvar), labels, _ = terms_of(False, images)
    scaled, *_ = terms_of(True, images)
    rows = np.asarray(mean)
    by_hand = np.array([row / np.sqrt(row @ row) for row in rows])
    np.testing.assert_allclose(
        scaled["metric"], losses.triplet(jnp.asarray(by_hand), labels), rtol=1e-10
    )
    np.testing.assert_allclose(plain["metric"], losses.triplet(mean, labels), rtol=1e-10)
    for name in ("reconstruction", "kl", "kl.mean"):
        np.testing.assert_array_equal(plain[name], scaled[name])
    np.testing.assert_allclose(plain["kl"], losses.kl.analytic(mean, logvar).mean(), rtol=1e-10)


def test_embeddings_of_zeros_have_finite_losses_and_slopes(tiny):
    metrics, (mean, _), _, slopes = terms_of(True, jnp.asarray(tiny.train.x), zeroed=True)
    assert not mean.any()
    assert all(jnp.isfinite(value) for value in metrics.values())
    assert all(jnp.isfinite(slope).all() for slope in jax.tree.leaves(slopes))


def test_a_model_whose_embeddings_are_left_alone_is_the_model():
    model = assembly.assemble(resolve(SMALL), (4, 4, 1), 3).model
    assert with_embedding(model) is model
    z = jnp.array([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    assert (model.embedding(z) == z).all()
    np.testing.assert_allclose(
        with_embedding(model, unit_length=True).embedding(z), [[0.6, 0.8, 0], [0, 0, 0]], rtol=1e-6
    )


def test_what_the_teacher_embeds_has_the_length_1(tiny):
    options = {"system": "dml", "model.unit_length": True, "train.average": 0.5}
    method, sizes, point, images = setting(tiny, **options)
    state, kind = step.init(method, point, images), epoch.Kind((0,), 2, sizes)
    state, _ = jax.jit(lambda state: epoch.epoch(method, kind, state, point, images, jnp.int32(1)))(
        state
    )
    context = step.context_of(method, state.params, state)
    for of in ("student", "teacher"):
        z = context.embed(images / 255.0, of=of)
        np.testing.assert_allclose(jnp.linalg.norm(z, axis=1), 1, rtol=1e-5)
        latent = context.encode(images / 255.0, of=of)[0]
        assert not np.allclose(jnp.linalg.norm(latent, axis=1), 1, rtol=1e-2)


def test_kept_embeddings_and_samples_have_the_length_1(tmp_path):
    options = {
        "system": "dml_prior", "model.unit_length": True, "eval.embeddings": ("mean", "sample"),
        "eval.baselines": (), "prior.name": "unit",
    }  # fmt: skip
    run_folder = execute.run(BASE | options, ({},), tmp_path, tmp_path)
    [result] = run_folder.results()
    assert result["status"] == "ok", result["reason"]
    assert {score["embedding"] for score in result["scores"]} == {"mean", "sample"}
    kept = run_folder.embeddings(result["point"])
    for name in ("test", "labelled", "test_sample"):
        np.testing.assert_allclose(np.linalg.norm(kept[name], axis=1), 1, rtol=1e-5)
    assert not np.allclose(kept["test"], kept["test_sample"], atol=1e-3)
