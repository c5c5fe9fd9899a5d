import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml import losses, terms
from jaxdml.losses import KL
from jaxdml.priors import PRIORS
from jaxdml.types import Batch, Model, Outputs

MODEL = Model(None, None, None, None, latent_dim=2)


def batch(valid):
    x = jnp.ones((4, 2, 2, 1))
    return Batch(x, jnp.array([0, 0, 1, 1]), valid, valid, jnp.arange(4))


def outputs():
    mean = jnp.array([[0.0, 1.0], [2.0, -1.0], [9.0, 9.0], [0.5, 0.5]])
    return Outputs(mean + 0.1, mean, jnp.full((4, 2), -1.0), jnp.zeros((4, 2, 2, 1)))


def evaluate(term, params=None, valid=(True, True, False, True), extra=None):
    own, first = term.init(jax.random.key(0), None)
    return term.value(
        {"model": {}, "terms": {term.name: own if params is None else params}},
        first if extra is None else extra,
        MODEL,
        outputs(),
        batch(jnp.array(valid)),
        jax.random.key(1),
    )


def kl_term(**options):
    return terms.kl_term(KL["analytic"](), PRIORS["unit"](2, 3), **options)


def test_the_divergence_is_averaged_over_valid_rows_and_tells_mean_and_width():
    value, _, metrics = evaluate(kl_term())
    rows = losses.kl.analytic(outputs().mean, outputs().logvar)
    np.testing.assert_allclose(value, rows[jnp.array([0, 1, 3])].mean(), rtol=1e-6)
    np.testing.assert_allclose(metrics["mean"], 5 / 6, rtol=1e-6)
    np.testing.assert_allclose(metrics["std"], np.exp(-0.5), rtol=1e-6)


def test_free_bits_cost_nothing_and_have_no_slope():
    value, *_ = evaluate(kl_term())
    for free, expected in ((0.5 * value, value), (2 * value, 2 * value)):
        found, *_ = evaluate(kl_term(free_bits=free))
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def of(shift, free):
        moved = outputs()._replace(mean=outputs().mean + shift)
        term = kl_term(free_bits=free)
        params = {"model": {}, "terms": {"kl": {}}}
        return term.value(params, {}, MODEL, moved, batch(jnp.ones(4, bool)), None)[0]

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
    found = [float(term.weight(jnp.int32(step))) for step in (0, 25, 50, 75, 100, 125)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_metric_loss_reads_the_sample_or_the_mean_of_labelled_rows():
    def sums(embeddings, labels, *, labelled):
        return jnp.where(labelled[:, None], embeddings, 0).sum()

    rows = outputs().mean[jnp.array([0, 1, 3])]
    on_mean, _, metrics = evaluate(terms.metric_term(sums, MODEL, 3, on="mean"))
    on_sample, *_ = evaluate(terms.metric_term(sums, MODEL, 3))
    np.testing.assert_allclose(on_mean, rows.sum(), rtol=1e-6)
    np.testing.assert_allclose(on_sample, rows.sum() + 0.6, rtol=1e-6)
    np.testing.assert_allclose(
        metrics["spread"],
        np.sqrt(((rows - rows.mean(axis=0, keepdims=True)) ** 2).sum() / 3),
        rtol=1e-5,
    )


def test_a_learned_variance_is_a_parameter_of_its_term():
    term = terms.reconstruction_term(losses.RECONSTRUCTION["gaussian"](), MODEL, 3)
    value, *_ = evaluate(term, params={"logvar": jnp.asarray(0.3)})
    exact = losses.gaussian(jnp.ones((3, 2, 2, 1)), jnp.zeros((3, 2, 2, 1)), 0.3)
    np.testing.assert_allclose(value, exact, rtol=1e-6)


def test_centres_are_kept_and_moved_by_wen_s_rule_and_not_by_gradients():
    term = terms.metric_term(losses.METRIC["center"](), MODEL, 3)
    params, centres = term.init(jax.random.key(0), None)
    assert set(params) == {"weights", "bias"}
    _, after, _ = evaluate(term, extra=centres)
    z = outputs().z
    np.testing.assert_allclose(after[0], 0.5 * (z[0] + z[1]) / 3, rtol=1e-5)
    np.testing.assert_allclose(after[1], 0.5 * z[3] / 2, rtol=1e-5)
    assert not after[2].any()


def test_an_estimate_below_zero_is_not_cut_off():
    """The printed form, minimised, runs away from the prior: as a term too."""
    term = terms.kl_term(KL["printed"](), PRIORS["unit"](2, 3))
    value, *_ = evaluate(term)
    assert value < 0

    def of(mean):
        moved = outputs()._replace(mean=mean)
        params = {"model": {}, "terms": {"kl": {}}}
        rows = batch(jnp.ones(4, bool))
        return term.value(params, {}, MODEL, moved, rows, jax.random.key(0))[0]

    mean = outputs().mean
    assert (jax.grad(of)(mean) * mean).sum() < -1  # descent leads outwards
