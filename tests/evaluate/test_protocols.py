import jax
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, adjusted_mutual_info_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from jaxdml.evaluate import embed, protocols
from jaxdml.models.mlp import make
from jaxdml.types import ModelSpec


def embedded(per_class=4, test=90, seed=0):
    random = np.random.default_rng(seed)
    y = np.arange(test) % 3
    few = np.repeat(np.arange(3), per_class)
    return protocols.Embedded(
        random.normal(size=(test, 2)) + y[:, None], y, random.normal(size=(len(few), 2)), few
    )


def test_thesis_scores_a_third_of_the_test_set_as_plain_scikit_learn_does():
    e = embedded()
    z1, z2, y1, y2 = train_test_split(e.test, e.test_labels, test_size=1 / 3, random_state=0)
    predicted = KNeighborsClassifier(5).fit(z1, y1).predict(z2)
    scores = protocols.evaluate(e, ["thesis"], ["knn"])
    assert [s.value for s in scores] == [
        accuracy_score(y2, predicted),
        adjusted_mutual_info_score(y2, predicted),
    ]
    assert [s[:4] for s in scores] == [
        ("thesis", "knn", "mean", "accuracy"),
        ("thesis", "knn", "mean", "ami"),
    ]


def test_a_third_of_mnists_test_set_is_3334_images():
    e = protocols.Embedded(np.zeros((10_000, 1)), np.zeros(10_000), np.zeros((5, 1)), np.zeros(5))
    task = protocols.thesis(e)
    assert (len(task.fit), len(task.score)) == (6_666, 3_334)


@pytest.mark.parametrize(("per_class", "neighbours"), [(1, 1), (3, 3), (9, 5)])
def test_labelled_uses_no_more_neighbours_than_the_smallest_class_has(per_class, neighbours):
    e = embedded(per_class)
    task = protocols.labelled(e)
    assert task.neighbours == neighbours
    model = KNeighborsClassifier(neighbours).fit(e.labelled, e.labelled_labels)
    expected = accuracy_score(e.test_labels, model.predict(e.test))
    assert protocols.evaluate(e, ["labelled"], ["knn"])[0].value == expected


@pytest.mark.parametrize(
    ("z", "said"),
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
def test_embeddings_that_cannot_be_judged_are_named(z, said):
    assert embed.defect(z.astype(np.float32)) == said


def test_embeddings_do_not_depend_on_how_many_images_are_taken_at_a_time():
    model = make(ModelSpec((4, 4, 1), 3, stochastic=True, decoder=False), hidden=(8,), latent_dim=2)
    params = model.init(jax.random.key(0))
    x = np.random.default_rng(0).integers(0, 256, (23, 4, 4, 1), np.uint8)
    whole = embed.embedder(model)(params, x)
    np.testing.assert_allclose(embed.embedder(model, 7)(params, x), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(whole, model.encode(params, x / 255.0)[0], rtol=1e-5, atol=1e-6)
    assert embed.embedder(model)(params, x[:0]).shape == (0, 2)
