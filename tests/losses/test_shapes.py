"""Arrays whose shapes do not agree are refused while JAX traces, and never broadcast."""

import inspect
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml import distances, distributions, losses, masks
from jaxdml.losses import kl, rows, softmax
from jaxdml.losses.classification.center import moved
from jaxdml.types import Components


def floats(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def whole(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.int32)


def mask(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.bool)


BATCH = {"embeddings": floats(4, 2), "labels": whole(4), "labelled": mask(4)}
WEIGHTED = BATCH | {"weights": floats(4)}
HEAD = WEIGHTED | {"class_weights": floats(2, 3)}
IMAGES = {"images": floats(4, 5, 6, 3), "reconstruction": floats(4, 5, 6, 3), "valid": mask(4)}
POSTERIOR = {"mean": floats(4, 2), "logvar": floats(4, 2)}
MIXTURE = Components(floats(3), floats(3, 2), floats(3, 2))


def density(z):
    return -jnp.sum(z * z, axis=1)


def sampled(estimate, **more):
    def call(mean, logvar, **others):
        return estimate(jax.random.key(0), mean, logvar, **others, **more)

    return call


def with_components(function):
    def call(log_weights, means, logvars, **others):
        return function(components=Components(log_weights, means, logvars), **others)

    return call


# what is called, and arrays whose shapes agree
CASES = {
    "contrastive": (losses.contrastive, WEIGHTED),
    "triplet": (losses.triplet, WEIGHTED),
    "npair": (losses.npair, WEIGHTED),
    "supcon": (losses.supcon, WEIGHTED),
    "center": (losses.center, HEAD | {"centres": floats(3, 2), "bias": floats(3)}),
    "moved": (moved, {"centres": floats(3, 2)} | WEIGHTED),
    "sphereface": (losses.sphereface, HEAD),
    "normalized_softmax": (losses.normalized_softmax, HEAD),
    "cosface": (losses.cosface, HEAD),
    "arcface": (losses.arcface, HEAD),
    "adacos": (losses.adacos, HEAD | {"scale": floats()}),
    "nt_xent": (
        losses.nt_xent,
        {"first": floats(4, 2), "second": floats(4, 2), "valid": mask(4)},
    ),
    "cross_entropy": (
        softmax.cross_entropy,
        {"logits": floats(4, 3), "labels": whole(4), "labelled": mask(4), "weights": floats(4)},
    ),
    "at_label": (softmax.at_label, {"values": floats(4, 3), "labels": whole(4)}),
    "log_sum_exp": (softmax.log_sum_exp, {"values": floats(4, 3), "where": mask(4, 3)}),
    "mse": (losses.mse, IMAGES),
    "bernoulli": (
        losses.bernoulli,
        {"images": floats(4, 5, 6, 3), "logits": floats(4, 5, 6, 3), "valid": mask(4)},
    ),
    "gaussian": (losses.gaussian, IMAGES | {"logvar": floats()}),
    "optimal_gaussian": (losses.optimal_gaussian, IMAGES),
    "analytic": (kl.analytic, POSTERIOR),
    "monte_carlo": (sampled(kl.monte_carlo, log_prob=density), POSTERIOR),
    "unnormalised": (with_components(sampled(kl.unnormalised)), POSTERIOR | MIXTURE._asdict()),
    "printed": (with_components(sampled(kl.printed)), POSTERIOR | MIXTURE._asdict()),
    "unit": (distances.unit, {"x": floats(4, 2)}),
    "squared_euclidean": (distances.squared_euclidean, {"x": floats(4, 2)}),
    "euclidean": (distances.euclidean, {"x": floats(4, 2)}),
    "cosine": (distances.cosine, {"x": floats(4, 2)}),
    "matmul": (distances.matmul, {"a": floats(4, 2), "b": floats(2, 3)}),
    "keep": (masks.keep, {"embeddings": floats(4, 2), "labelled": mask(4)}),
    "one_row_at_least": (masks.one_row_at_least, BATCH),
    "mean": (
        masks.mean,
        {name: floats(4, 2) for name in ("values", "weights", "counts")} | {"where": mask(4, 2)},
    ),
    "read": (rows.read, WEIGHTED),
    "pairs": (masks.pairs, {"labels": whole(4), "labelled": mask(4)}),
    "log_normal": (
        distributions.log_normal,
        {"z": floats(4, 2), "mean": floats(4, 2), "logvar": floats(4, 2)},
    ),
    "log_mixture": (
        with_components(distributions.log_mixture),
        {"z": floats(4, 2)} | MIXTURE._asdict(),
    ),
}  # fmt: skip
FREE = {  # an axis that no other argument of the function has
    ("matmul", "a", "one row more"),
    ("log_normal", "z", "a trailing axis"),  # refused for its dimension, with all that follow
    *((name, "z", "one row more") for name in ("log_normal", "log_mixture")),
    ("moved", "centres", "one row more"),
}


def changes(name, arrays):
    """Each array with a trailing axis, with a single row, and with one row more than it should."""
    for argument, array in arrays.items():
        yield argument, "a trailing axis", (*array.shape, 1)
        if array.shape and len(arrays) > 1:
            for what, rows in (("one row more", array.shape[0] + 1), ("a single row", 1)):
                free = (name, argument, "one row more") in FREE
                if not free and not (name == "log_normal" and rows == 1):
                    yield argument, what, (rows, *array.shape[1:])


@pytest.mark.parametrize("name", CASES)
def test_an_array_of_another_shape_is_refused_while_tracing(name):
    function, arrays = CASES[name]
    jax.eval_shape(function, **arrays)
    for argument, what, shape in changes(name, arrays):
        wrong = arrays | {argument: jax.ShapeDtypeStruct(shape, arrays[argument].dtype)}
        with pytest.raises(ValueError, match=r"the shape of \S+ must be .*, but is ") as error:
            jax.eval_shape(function, **wrong)
        assert str(shape) in str(error.value) or "(4, 1, 1)" in str(error.value), (argument, what)


@pytest.mark.parametrize("shape", [(4, 1), (3,), (5,), (1,), (), (1, 4)])
@pytest.mark.parametrize("name", [n for n, (_, arrays) in CASES.items() if "labels" in arrays])
def test_labels_are_one_for_each_row(name, shape):
    function, arrays = CASES[name]
    with pytest.raises(ValueError, match=rf"{name}: the shape of \S+ must be"):
        jax.eval_shape(function, **arrays | {"labels": whole(*shape)})


def test_the_message_says_both_shapes_and_where_the_expected_one_comes_from():
    z, y = jnp.array([[0.0, 0], [0, 1], [3, 0], [3, 1]]), jnp.array([[0], [0], [1], [1]])
    expected = (
        "triplet: the shape of labels must be (batch,) = (4,), as that of embeddings is "
        "(batch, dim) = (4, 2), but is (4, 1)"
    )
    for call in (losses.triplet, jax.jit(losses.triplet), jax.grad(losses.triplet)):
        with pytest.raises(ValueError, match=re.escape(expected)):
            call(z, y)
    with pytest.raises(ValueError, match=r"the shape of embeddings must be \(batch, dim\), but is"):
        losses.triplet(z[0], y[:, 0])
    with pytest.raises(ValueError, match=re.escape("mse: the shape of reconstruction must be (")):
        losses.mse(jnp.ones((2, 4, 4, 3)), jnp.ones((2, 4, 4, 1)))


def test_numbers_are_single_numbers():
    z, y = jnp.ones((4, 2)), jnp.arange(4)
    with pytest.raises(ValueError, match=r"triplet: the shape of margin must be \(\), but is"):
        losses.triplet(z, y, margin=jnp.ones(4))
    assert losses.triplet(z, y, margin=np.float32(0.5)) == losses.triplet(z, y, margin=0.5)


@pytest.mark.parametrize("shape", [(4, 1), (1,), (), (4, 4)])
def test_a_density_of_ones_own_must_give_one_number_for_each_row(shape):
    mean = jnp.zeros((4, 2))
    with pytest.raises(ValueError, match=re.escape("log_prob(z) must be (4,)")) as error:
        kl.monte_carlo(jax.random.key(0), mean, mean, lambda z: jnp.zeros(shape), samples=2)
    assert f"but is {shape}" in str(error.value)


def test_signatures_stay_as_they_are_written():
    parameters = inspect.signature(losses.triplet).parameters
    assert list(parameters)[:3] == ["embeddings", "labels", "labelled"]
    assert parameters["margin"].default == 0.2
    assert losses.triplet.__doc__.startswith("φ(")
