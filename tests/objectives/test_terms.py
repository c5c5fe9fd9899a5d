import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml import losses
from jaxdml.losses import KL
from jaxdml.objectives import kl, metric, reconstruction
from jaxdml.objectives.label_sources import sources
from jaxdml.priors import PRIORS
from jaxdml.types import Batch, Context, InitContext, Outputs

INIT = InitContext(None, 4, 3, 2, jnp.ones(3))
TRUE = {"true": sources.make_true()}


def batch(valid):
    x = jnp.ones((4, 2, 2, 1))
    return Batch(x, jnp.array([0, 0, 1, 1]), valid, valid, jnp.arange(4))


def outputs():
    mean = jnp.array([[0.0, 1.0], [2.0, -1.0], [9.0, 9.0], [0.5, 0.5]])
    return Outputs(mean + 0.1, mean, jnp.full((4, 2), -1.0), jnp.zeros((4, 2, 2, 1)))


def context(rows, of):
    names = ("images", "labelled")
    batches, out = dict.fromkeys(names, rows), dict.fromkeys(names, of)
    rest = dict.fromkeys(("encode", "embed", "decode", "class_scores"))
    return Context(batches, out, jnp.int32(0), 3, lambda z: z, **rest)


def evaluate(term, params=None, valid=(True, True, False, True), kept=None):
    first = term.init(jax.random.key(0), INIT)
    return term.value(
        first[0] if params is None else params,
        first[1] if kept is None else kept,
        context(batch(jnp.array(valid)), outputs()),
        jax.random.key(1),
    )


def unit_prior(latent_dim, classes):
    return PRIORS["unit"](latent_dim, classes)


def kl_term(**options):
    return kl.make(KL["analytic"](), unit_prior, **options)


def test_the_divergence_is_averaged_over_valid_rows_and_tells_mean_and_width():
    value, _, metrics = evaluate(kl_term())
    rows = losses.kl.analytic(outputs().mean, outputs().logvar)
    np.testing.assert_allclose(value, rows[jnp.array([0, 1, 3])].mean(), rtol=1e-6)
    np.testing.assert_allclose(metrics["mean"], 5 / 6, rtol=1e-6)
    np.testing.assert_allclose(metrics["std"], np.exp(-0.5), rtol=1e-6)


def test_free_bits_cost_nothing_and_have_no_slope():
    value, *_ = evaluate(kl_term())
    for free, expected in ((0.5 * value, value), (2 * value, 2 * value)):
        result, *_ = evaluate(kl_term(free_bits=free))
        np.testing.assert_allclose(result, expected, rtol=1e-6)

    def of(shift, free):
        moved = outputs()._replace(mean=outputs().mean + shift)
        term = kl_term(free_bits=free)
        return term.value({}, {}, context(batch(jnp.ones(4, bool)), moved), None)[0]

    assert jax.grad(of)(0.1, 0.0) != 0
    assert jax.grad(of)(0.1, 1e3) == 0


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [2, 2, 2, 2, 2, 2]),
        ("warmup", [0, 0.5, 1, 1.5, 2, 2]),
        ("cyclical", [0, 1, 2, 2, 0, 1]),
    ],
)
def test_beta_follows_its_schedule(schedule, expected):
    term = kl_term(beta=2.0, schedule=schedule, schedule_steps=100.0)
    weights = [float(term.weight(jnp.int32(step))) for step in (0, 25, 50, 75, 100, 125)]
    np.testing.assert_allclose(weights, expected, atol=1e-6)


def test_a_metric_loss_reads_the_sample_or_the_mean_of_labelled_rows():
    def sums(embeddings, labels, *, labelled):
        return jnp.where(labelled[:, None], embeddings, 0).sum()

    rows = outputs().mean[jnp.array([0, 1, 3])]
    on_mean, _, metrics = evaluate(metric.make(sums, TRUE, False, on="mean"))
    on_sample, *_ = evaluate(metric.make(sums, TRUE, False))
    np.testing.assert_allclose(on_mean, rows.sum(), rtol=1e-6)
    np.testing.assert_allclose(on_sample, rows.sum() + 0.6, rtol=1e-6)
    np.testing.assert_allclose(
        metrics["spread"],
        np.sqrt(((rows - rows.mean(axis=0, keepdims=True)) ** 2).sum() / 3),
        rtol=1e-5,
    )


def test_a_learned_variance_is_a_parameter_of_its_term():
    term = reconstruction.make(losses.RECONSTRUCTION["gaussian"]())
    value, *_ = evaluate(term, params={"logvar": jnp.asarray(0.3)})
    exact = losses.gaussian(jnp.ones((3, 2, 2, 1)), jnp.zeros((3, 2, 2, 1)), 0.3)
    np.testing.assert_allclose(value, exact, rtol=1e-6)


def test_centres_are_kept_and_moved_by_wen_s_rule_and_not_by_gradients():
    term = metric.make(losses.METRIC["center"](), TRUE, False)
    params, kept = term.init(jax.random.key(0), INIT)
    assert set(params) == {"weights", "bias"}
    _, after, _ = evaluate(term, kept=kept)
    after = after["loss"]
    z = outputs().z
    np.testing.assert_allclose(after[0], 0.5 * (z[0] + z[1]) / 3, rtol=1e-5)
    np.testing.assert_allclose(after[1], 0.5 * z[3] / 2, rtol=1e-5)
    assert not after[2].any()


def test_an_estimate_below_zero_is_not_cut_off():
    """The printed form, minimised, runs away from the prior: as a term too."""
    term = kl.make(KL["printed"](), unit_prior)
    value, *_ = evaluate(term)
    assert value < 0

    def of(mean):
        moved = outputs()._replace(mean=mean)
        rows = batch(jnp.ones(4, bool))
        return term.value({}, {}, context(rows, moved), jax.random.key(0))[0]

    mean = outputs().mean
    assert (jax.grad(of)(mean) * mean).sum() < -1  # descent leads outwards
