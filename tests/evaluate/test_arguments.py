"""Scores take embeddings and labels whose shapes agree, of any float."""

import numpy as np
import pytest

from jaxdml.evaluate import classifiers, embed, neighbours, protocols, score
from jaxdml.evaluate.scores import clustering, retrieval

RANDOM = np.random.default_rng(0)
Y = np.arange(40) % 4
Z = (300 * np.eye(4)[Y] + 40 * RANDOM.normal(size=(40, 4))).astype(np.float16)  # squares overflow


def knn(z, y):
    return classifiers.predict(classifiers.CLASSIFIERS["knn"](classifiers.Options()), z, y, z[::-1])


def scores(z, y):
    rows = np.arange(20)
    embedded = protocols.Embedded(z, y, z[rows], y[:20], z, y, class_scores=z, labelled_rows=rows)
    all_scores = score.evaluate({"mean": embedded}, protocols.PROTOCOLS, ["knn", "linear"])
    return {score[:4]: score.value for score in all_scores}


FUNCTIONS = {
    "retrieve": retrieval.retrieve,
    "cluster": clustering.cluster,
    "predict": knn,
    "KNeighbors.fit": lambda z, y: neighbours.KNeighbors(3).fit(z, y).predict(z[::-1]),
    "embedded": scores,
}
WRONG = {
    "a trailing axis": Y[:, None],
    "fewer labels": Y[:-1],
    "more labels": np.append(Y, 0),
    "a single label": Y[:1],
    "a matrix": np.tile(Y, (40, 1)),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_labels_of_another_shape_are_refused(name, what):
    z = Z.astype(np.float32)
    FUNCTIONS[name](z, Y)
    with pytest.raises(ValueError, match=rf"{name}: the shape of \S+ must be .*, but is") as error:
        FUNCTIONS[name](z, WRONG[what])
    if name != "embedded":
        assert f"but is {WRONG[what].shape}" in str(error.value)


@pytest.mark.parametrize("part", ["test", "labelled", "train"])
def test_each_part_of_what_is_scored_has_one_label_a_row_and_the_same_dimensions(part):
    embedded = protocols.Embedded(Z, Y, Z, Y, Z, Y)
    changed = {
        f"{part}_labels": Y[1:],
        part: Z[:, :3] if part != "test" else Z[:, :3].ravel(),
    }
    for name, array in changed.items():
        with pytest.raises(ValueError, match=rf"embedded: the shape of {name} must be"):
            score.evaluate({"mean": embedded._replace(**{name: array})}, ["cluster"], [])


def test_other_arrays_of_another_shape_are_refused_too():
    z = Z.astype(np.float32)
    with pytest.raises(ValueError, match=r"accuracy: the shape of clusters must be \(rows,\)"):
        clustering.accuracy(Y, Y[:, None])
    with pytest.raises(ValueError, match=r"draw: the shape of logvar must be \(rows, dim\)"):
        embed.draw(z, z[:, :1], (0, 1))
    with pytest.raises(ValueError, match=r"nearest: the shape of z must be \(rows, dim\)"):
        neighbours.nearest(z[0], 1)
    with pytest.raises(ValueError, match=r"predict: the shape of scored must be \(scored, dim\)"):
        classifiers.predict(None, z, Y, z[:, :1])
    fitted = neighbours.KNeighbors(1).fit(z, Y)
    with pytest.raises(ValueError, match=r"the shape of z must be \(40, 4\), with as many dim"):
        fitted.predict(z[:, :1])
    with pytest.raises(ValueError, match=r"defect: the shape of embeddings must be"):
        embed.defect(z[0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float16_embeddings_score_as_the_same_values_in_float64(name):
    result, exact = (FUNCTIONS[name](Z.astype(dtype), Y) for dtype in (np.float16, np.float64))
    np.testing.assert_equal(result, exact)


def test_other_float16_arrays_give_what_float64_gives():
    wide = Z.astype(np.float64)
    np.testing.assert_equal(neighbours.nearest(Z, 5), neighbours.nearest(wide, 5))
    np.testing.assert_equal(embed.draw(Z, 0 * Z, (0, 1)), embed.draw(wide, 0 * wide, (0, 1)))
    far = np.array([[-60000.0], [60000.0]], np.float16)  # their extent overflows
    assert embed.defect(far) is None
