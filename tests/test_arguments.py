"""The decorator that holds arguments to their annotations."""

import inspect
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxdml.arguments import checked


@checked
def loss(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"],
    *,
    labelled: Bool[Array, " batch"] | None = None,
    margin: ArrayLike = 0.5,
) -> Array:
    """What it is."""
    return jnp.sum(embeddings**2 * margin) + jnp.sum(jnp.asarray(labels))


@checked
def labelled(
    embeddings: Float[Array, "batch dim"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"] | None = None,
) -> Array:
    return labels


class Pair(NamedTuple):
    left: Float[Array, "rows dim"]
    right: Float[Array, " rows"]


@checked
def paired(x: Float[Array, "some dim"], pair: Pair, scale: Float[Array, ""] | float = 1.0) -> Pair:
    return pair


@checked
def square(x: Float[Array, "n n"], *, three: Float[Array, "*rest 3"] | None = None) -> Array:
    return x


@checked
def scored(z: Float[np.ndarray, "rows dim"]) -> np.ndarray:
    return z


class Classifier:
    @checked
    def fit(self, z: Float[np.ndarray, "rows dim"], y: Int[np.ndarray, " rows"]):
        return self


def test_arrays_of_numpy_nested_lists_and_traced_ones_are_taken():
    z, y = np.ones((3, 2), np.float32), np.arange(3)
    for labels in (y, y.tolist(), tuple(y.tolist()), jnp.array(y)):
        assert loss(z, labels) == 6
    with pytest.raises(ValueError, match=r"the shape of labels must be .* but is \(3, 1\)"):
        loss(z, [[0], [1], [2]])
    many = jnp.ones((5, 3, 2))
    assert jax.vmap(loss, in_axes=(0, None))(many, jnp.array(y)).shape == (5,)
    assert jax.jit(jax.vmap(jax.grad(loss), in_axes=(0, None)))(many, jnp.array(y)).shape == (
        5,
        3,
        2,
    )
    with pytest.raises(ValueError, match=r"loss: the shape of labels .* but is \(5, 3\)"):
        jax.vmap(loss, in_axes=(0, None))(many, jnp.zeros((5, 3), int))


def test_none_and_what_has_no_shape_in_its_annotation_are_not_checked():
    assert loss(jnp.ones((3, 2)), jnp.arange(3), labelled=None, margin=np.float64(1)) == 9
    assert paired(jnp.ones((1, 2)), Pair(jnp.ones((4, 2)), jnp.ones(4)), 2).right.shape == (4,)


def test_of_a_union_of_arrays_the_one_counts_that_the_value_is_meant_to_be():
    z = jnp.ones((3, 2))
    assert labelled(z) is None
    for taken in (jnp.arange(3), np.arange(3, dtype=np.uint8), jnp.ones((3, 5)), jnp.ones(3)):
        assert labelled(z, taken) is taken
    assert labelled(z, jnp.ones((3, 5), "float16")).dtype == jnp.float32
    for wrong in (jnp.ones((3, 1), int), jnp.ones((3, 5), int), jnp.ones(2), [[0], [1], [2]]):
        with pytest.raises(ValueError, match=r"labels must be \(batch,\) = \(3,\), as that of emb"):
            labelled(z, wrong)
    with pytest.raises(ValueError, match=r"labels must be \(batch, classes\) = \(3, classes\), as"):
        labelled(z, jnp.ones((1, 5)))


def test_fields_of_a_named_tuple_are_arguments_like_others():
    x = jnp.ones((1, 2))
    message = r"paired: the shape of pair.right must be \(rows,\) = \(4,\), as that of pair.left is"
    with pytest.raises(ValueError, match=message):
        paired(x, Pair(jnp.ones((4, 2)), jnp.ones(1)))
    with pytest.raises(ValueError, match=r"pair.left must be \(rows, dim\) = \(rows, 2\), as that"):
        paired(x, Pair(jnp.ones((4, 1)), jnp.ones(4)))
    narrow = Pair(jnp.ones((4, 2), "bfloat16"), jnp.ones(4))
    assert paired(x, narrow).left.dtype == jnp.float32


def test_a_size_that_stands_twice_or_as_a_number_is_held_to():
    assert square(jnp.ones((2, 2)), three=jnp.ones((5, 7, 3))).shape == (2, 2)
    with pytest.raises(ValueError, match=r"the shape of x must be \(n, n\), but is \(2, 3\)"):
        square(jnp.ones((2, 3)))
    for shape in ((4, 5), ()):
        with pytest.raises(ValueError, match=r"the shape of three must be \(\*rest, 3\), but is"):
            square(jnp.ones((2, 2)), three=jnp.ones(shape))


def test_a_method_is_named_with_its_class():
    with pytest.raises(ValueError, match=r"Classifier.fit: the shape of y must be \(rows,\)"):
        Classifier().fit(np.ones((3, 2)), np.zeros((3, 1), int))


def test_narrow_floats_are_widened_and_wide_ones_are_handed_on_as_they_are():
    for dtype in ("float16", "bfloat16"):
        narrow = jnp.ones((3, 2), dtype)
        assert loss(narrow, jnp.arange(3)).dtype == jnp.float32
        assert jax.grad(loss)(narrow, jnp.arange(3)).dtype == dtype
        assert scored(np.asarray(narrow)).dtype == np.float64
        assert scored(narrow).dtype == np.float64
    for dtype in (np.float32, np.float64, np.int64):
        wide = np.ones((3, 2), dtype)
        assert scored(wide) is wide


def test_the_signature_and_the_docstring_stay():
    assert list(inspect.signature(loss).parameters) == [
        "embeddings",
        "labels",
        "labelled",
        "margin",
    ]
    assert (loss.__name__, loss.__doc__) == ("loss", "What it is.")
    with pytest.raises(TypeError, match="missing a required argument: 'labels'"):
        loss(jnp.ones((3, 2)))


def test_a_compiled_program_is_that_of_the_bare_function():
    z, y = jnp.ones((3, 2)), jnp.arange(3)
    bare = inspect.unwrap(loss)
    assert str(jax.make_jaxpr(loss)(z, y)) == str(jax.make_jaxpr(bare)(z, y))
