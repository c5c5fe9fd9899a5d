import jax
import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier

from jaxdml.evaluate import embed, protocols, score
from jaxdml.models.mlp import make
from jaxdml.types import ModelSpec
from tests.third_party.shelf import Shelf


def embedded(per_class=4, test=90, seed=0):
    random = np.random.default_rng(seed)
    y = np.arange(test) % 3
    few = np.repeat(np.arange(3), per_class)
    return protocols.Embedded(
        random.normal(size=(test, 2)) + y[:, None], y, random.normal(size=(len(few), 2)), few
    )


def test_a_third_of_mnists_test_set_is_3334_images():
    e = protocols.Embedded(np.zeros((10_000, 1)), np.zeros(10_000), np.zeros((5, 1)), np.zeros(5))
    task = protocols.thesis(e)
    assert (len(task.fit), len(task.score)) == (6_666, 3_334)


@pytest.mark.parametrize(("per_class", "neighbours"), [(1, 1), (3, 3), (9, 5)])
def test_labelled_uses_no_more_neighbours_than_the_smallest_class_has(per_class, neighbours):
    e = embedded(per_class)
    model = KNeighborsClassifier(neighbours).fit(e.labelled, e.labelled_labels)
    expected = accuracy_score(e.test_labels, model.predict(e.test))
    assert score.evaluate({"mean": e}, ["labelled"], ["knn"])[0].value == expected


def test_no_protocol_asks_for_more_neighbours_than_there_are():
    e = embedded(per_class=4, test=12)
    e = e._replace(train=e.labelled[:2], train_labels=e.labelled_labels[[0, 4]])
    for protocol, most in (("thesis", 8), ("labelled", 4), ("full", 2)):
        assert protocols.find_protocol(protocol).task(e).most_neighbours == most
        assert len(score.evaluate({"mean": e}, [protocol], ["knn"])) == 3


def test_full_fits_all_training_images_and_scores_the_whole_test_set():
    e = embedded()
    e = e._replace(train=10 * e.test[:30], train_labels=e.test_labels[:30])
    task = protocols.full(e)
    np.testing.assert_array_equal(task.fit, 10 * e.test[:30])
    np.testing.assert_array_equal(task.fit_labels, e.test_labels[:30])
    np.testing.assert_array_equal(task.score, e.test)
    np.testing.assert_array_equal(task.score_labels, e.test_labels)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (np.full((9, 2), 0.3), "constant embeddings"),
        (np.full((9, 2), 1e8) + np.arange(9)[:, None], "constant embeddings"),
        (np.zeros((9, 2)), "constant embeddings"),
        (np.array([[0.0], [np.inf]]), "non-finite embeddings"),
        (np.array([[0.0], [np.nan]]), "non-finite embeddings"),
        (1e-9 * np.eye(3), None),
        (np.zeros((1, 2)), None),
    ],
)
def test_embeddings_that_cannot_be_judged_are_named(z, message):
    assert embed.defect(z.astype(np.float32)) == message


def small(stochastic):
    spec = ModelSpec((4, 4, 1), 3, stochastic=stochastic, decoder=False)
    model = make(spec, hidden=(8,), latent_dim=2)
    return model, model.init(jax.random.key(0))


def test_embeddings_are_found_in_full_precision_on_every_device():
    model, params = small(stochastic=False)
    precisions = []

    def encode(params, x):
        precisions.append(jax.config.jax_default_matmul_precision)
        return model.encode(params, x)

    embed.encoder(model._replace(encode=encode))(params, np.zeros((3, 4, 4, 1), np.uint8))
    assert precisions == ["highest"]


def test_embeddings_do_not_depend_on_how_many_images_are_taken_at_a_time():
    model, params = small(stochastic=True)
    x = np.random.default_rng(0).integers(0, 256, (23, 4, 4, 1), np.uint8)
    whole = embed.encoder(model)(params, x)
    for in_batches, at_once, exact in zip(
        embed.encoder(model, 7)(params, x), whole, model.encode(params, x / 255.0), strict=True
    ):
        np.testing.assert_allclose(in_batches, at_once, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(at_once, exact, rtol=1e-5, atol=1e-6)
    assert [z.shape for z in embed.encoder(model)(params, x[:0])] == [(0, 2), (0, 2)]


def test_no_more_images_are_taken_at_a_time_than_a_batch_holds(monkeypatch):
    model, params = small(stochastic=True)
    x = np.random.default_rng(0).integers(0, 256, (23, 4, 4, 1), np.uint8)
    monkeypatch.setattr(embed, "MOST_VALUES", 5 * 16)
    for rows in (None, np.array([22, 0, 7, 7, 1, 3])):
        shelf = Shelf(x)
        chosen = x if rows is None else x[rows]
        for encoded, exact in zip(
            embed.encoder(model)(params, shelf, rows),
            model.encode(params, chosen / 255.0),
            strict=True,
        ):
            np.testing.assert_allclose(encoded, exact, rtol=1e-5, atol=1e-6)
        assert shelf.most == 5


def test_a_deterministic_encoder_has_no_variance():
    model, params = small(stochastic=False)
    mean, logvar = embed.encoder(model, 2)(params, np.ones((3, 4, 4, 1), np.float32))
    assert mean.shape == (3, 2)
    assert logvar is None


def test_a_sample_has_the_mean_and_the_variance_of_the_posterior():
    random = np.random.default_rng(0)
    mean = np.repeat(random.normal(size=(1, 3)), 40_000, axis=0).astype(np.float32)
    logvar = np.repeat([[-2.0, 0.0, 3.0]], 40_000, axis=0).astype(np.float32)
    z = embed.draw(mean, logvar, (5, 0))
    assert z.dtype == np.float32
    np.testing.assert_allclose((z.mean(0) - mean[0]) / np.exp(logvar[0] / 2), 0, atol=0.02)
    np.testing.assert_allclose(z.var(axis=0), np.exp(logvar[0]), rtol=0.02)
    np.testing.assert_allclose(np.corrcoef(z.T), np.eye(3), atol=0.02)


def test_a_sample_is_the_same_for_the_same_seed_only():
    mean, logvar = np.zeros((9, 2), np.float32), np.zeros((9, 2), np.float32)
    z = embed.draw(mean, logvar, (1, 0))
    np.testing.assert_array_equal(z, embed.draw(mean, logvar, (1, 0)))
    np.testing.assert_array_equal(z[:4], embed.draw(mean[:4], logvar[:4], (1, 0)))
    assert (z != embed.draw(mean, logvar, (1, 1))).all()
    assert (z != embed.draw(mean, logvar, (2, 0))).all()
    endless = embed.draw(mean, np.full((9, 2), 1e4, np.float32), (1, 0))
    assert embed.defect(endless) == "non-finite embeddings"
