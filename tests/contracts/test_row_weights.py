"""What every metric loss of the library promises about weights of rows, soft labels and scores."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.losses import METRIC
from jaxdml.objectives.learned import learned

CLASSES, DIM, SIZE = 3, 4, 12
VARIANTS = [
    *((name, {}) for name in METRIC),
    ("contrastive", {"reduction": "sum"}),
    ("triplet", {"mining": "semihard"}),
    ("triplet", {"mining": "hard"}),
    ("npair", {"l2": 0.1, "normalize": True}),
    ("supcon", {"form": "in"}),
]
TAKE_SOFT = ("contrastive", "supcon", "center")  # and triplets that are not hard
SCORES = ("center", "sphereface", "normalized_softmax", "cosface", "arcface", "adacos")


def named(variant):
    return "-".join((variant[0], *map(str, variant[1].values())))


def takes_soft(variant):
    name, options = variant
    return name in TAKE_SOFT or (name == "triplet" and options.get("mining") != "hard")


def every(*but):
    chosen = [variant for variant in VARIANTS if variant[0] not in but]
    return pytest.mark.parametrize("variant", chosen, ids=named)


def chosen(predicate):
    return pytest.mark.parametrize("variant", list(filter(predicate, VARIANTS)), ids=named)


each = every()
both_normalizers = pytest.mark.parametrize("normalizer", ["weights", "rows"])


@functools.cache
def state(name):
    params, extra = learned(METRIC[name]()).init(jax.random.key(7), CLASSES, DIM)
    shift = jax.random.normal(jax.random.key(8), (CLASSES, DIM))
    return params, extra + shift if name == "center" else extra


@functools.cache
def compiled(name, options, normalizer):
    loss = learned(METRIC[name](**dict(options)))

    def value_and_slopes(params, extra, z, y, labelled, weights):
        def value(z, params):
            return loss.value(
                params, extra, z, y, labelled=labelled, weights=weights, normalizer=normalizer
            )

        (result, new), slopes = jax.value_and_grad(value, (0, 1), has_aux=True)(z, params)
        return result, new, slopes

    return jax.jit(value_and_slopes)


def run(variant, z, y, labelled, weights, normalizer="weights"):
    """Value, what the loss keeps, slopes by embeddings and by class weights."""
    name, options = variant
    call = compiled(name, tuple(options.items()), normalizer)
    return call(*state(name), z, y, labelled, weights)


def batch(seed):
    z, y, keep, weigh = jax.random.split(jax.random.key(seed), 4)
    return (
        jax.random.normal(z, (SIZE, DIM)),
        jax.random.randint(y, (SIZE,), 0, CLASSES),
        jax.random.bernoulli(keep, 0.8, (SIZE,)),
        jax.random.uniform(weigh, (SIZE,), minval=0.1),
    )


def same(result, expected, rtol=1e-5, atol=1e-6):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=atol), result, expected
    )


def finite(tree):
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(tree))


@pytest.mark.one_in(3)
@each
@both_normalizers
def test_weights_of_one_are_no_weights(variant, normalizer):
    z, y, labelled, weights = batch(0)
    same(
        run(variant, z, y, labelled, jnp.ones_like(weights), normalizer),
        run(variant, z, y, labelled, None),
    )


@each
def test_a_row_of_weight_zero_is_an_unlabelled_row_whatever_stands_there(variant):
    z, y, labelled, weights = batch(1)
    dropped = jnp.arange(SIZE) % 4 == 1
    expected = run(variant, z, y, labelled & ~dropped, weights)
    weights = jnp.where(dropped, 0, weights)
    for worst in (1.0, jnp.nan, jnp.inf, 1e15):
        there = jnp.where(dropped[:, None], worst * z, z)
        result = run(variant, there, jnp.where(dropped, y + 100, y), labelled, weights)
        same(result, expected, rtol=1e-6, atol=1e-7)
        assert not result[2][0][dropped].any()


@each
def test_where_rows_are_counted_a_row_of_weight_zero_lends_no_gradient_and_no_nan(variant):
    z, y, labelled, weights = batch(1)
    dropped = jnp.arange(SIZE) % 4 == 1
    weights = jnp.where(dropped, 0, weights)
    for worst in (1.0, jnp.nan, 1e15):
        there = jnp.where(dropped[:, None], worst * z, z)
        result = run(variant, there, y, labelled, weights, "rows")
        assert finite(result)
        assert not result[2][0][dropped].any()


@each
def test_the_unit_of_the_weights_does_not_matter_to_a_mean(variant):
    z, y, labelled, weights = batch(2)
    value, _, slopes = run(variant, z, y, labelled, weights)
    for unit in (1e-20, 3.0, 1e20):
        # 1 + n of the moved centres, and a sum, know it
        scaled, _, scaled_slopes = run(variant, z, y, labelled, unit * weights)
        if "sum" not in variant[1].values():
            same((scaled, scaled_slopes), (value, slopes), rtol=1e-4)


@each
@both_normalizers
def test_values_and_gradients_are_finite_for_degenerate_batches(variant, normalizer):
    z, y, labelled, weights = batch(3)
    everyone, none = jnp.ones(SIZE, bool), jnp.zeros(SIZE)
    cases = {
        "all weights 0": (z, y, everyone, none),
        "one weight": (z, y, everyone, none.at[3].set(0.5)),
        "two weights": (z, y, everyone, none.at[jnp.array([3, 4])].set(0.5)),
        "one row": (z, y, jnp.arange(SIZE) == 3, weights),
        "no rows": (z, y, ~everyone, weights),
        "one class": (z, jnp.zeros_like(y), labelled, weights),
        "identical": (jnp.ones_like(z), y, labelled, weights),
        "zero": (jnp.zeros_like(z), y, labelled, weights),
        "huge": (1e15 * jnp.sign(z), y, labelled, weights),
        "tiny weights": (z, y, labelled, 1e-30 * weights),
    }
    for name, case in cases.items():
        assert finite(run(variant, *case, normalizer)), name
    for name in ("all weights 0", "no rows"):
        value, extra, slopes = run(variant, *cases[name], normalizer)
        assert value == 0
        assert not any(leaf.any() for leaf in jax.tree.leaves(slopes))
        same(extra, state(variant[0])[1], rtol=0, atol=0)


@every("npair")  # its anchors are the first rows of their classes, by definition
def test_the_order_of_weighted_rows_changes_nothing(variant):
    case = batch(4)
    order = jax.random.permutation(jax.random.key(0), SIZE)
    shuffled = tuple(part[order] for part in case)
    same(run(variant, *case, "rows")[:2], run(variant, *shuffled, "rows")[:2])


@pytest.mark.one_in(3)
@each
def test_compiled_eager_and_vmapped_values_agree(variant):
    name, options = variant
    cases = [batch(seed) for seed in (5, 6)]
    loss, loss_state = learned(METRIC[name](**options)), state(name)

    def value(z, y, labelled, weights):
        return loss.value(*loss_state, z, y, labelled=labelled, weights=weights, normalizer="rows")[
            0
        ]

    one_by_one = jnp.stack([run(variant, *case, "rows")[0] for case in cases])
    together = jax.jit(jax.vmap(value))(*(jnp.stack(part) for part in zip(*cases, strict=True)))
    same(together, one_by_one)
    same(value(*cases[0]), one_by_one[0])


@each
def test_a_weight_that_is_not_a_number_is_seen(variant):
    z, y, _, weights = batch(7)
    broken = run(variant, z, y, jnp.ones(SIZE, bool), jnp.full_like(weights, jnp.nan))
    assert not jnp.isfinite(broken[0])


@each
def test_weights_are_constants_to_the_gradient(variant):
    name, options = variant
    z, y, labelled, weights = batch(8)
    loss, loss_state = learned(METRIC[name](**options)), state(name)

    def value(weights):
        return loss.value(*loss_state, z, y, labelled=labelled, weights=weights)[0]

    assert not jax.grad(value)(weights).any()


@chosen(takes_soft)
def test_labels_that_are_certain_are_those_numbers_of_classes(variant):
    z, y, labelled, weights = batch(9)
    certain = jnp.eye(CLASSES)[y]
    for weighted in (weights, None):
        same(run(variant, z, certain, labelled, weighted), run(variant, z, y, labelled, weighted))
    broken = jnp.where(labelled[:, None], certain, jnp.nan)
    same(run(variant, z, broken, labelled, weights), run(variant, z, y, labelled, weights))


@chosen(lambda variant: not takes_soft(variant))
def test_a_loss_that_needs_one_class_a_row_says_which_losses_do_not(variant):
    z, y, labelled, weights = batch(9)
    with pytest.raises(ValueError, match=r"needs one class a row .* are soft: contrastive, supcon"):
        run(variant, z, jnp.eye(CLASSES)[y], labelled, weights)


@pytest.mark.parametrize("name", METRIC)
def test_another_normaliser_is_refused(name):
    with pytest.raises(ValueError, match="normalizer must be one of weights, rows, but is 'sum'"):
        run((name, {}), *batch(9)[:3], None, "sum")


@pytest.mark.parametrize("name", METRIC)
def test_an_empty_batch_of_weighted_rows_has_the_value_zero(name):
    empty = jnp.zeros((0, DIM)), jnp.zeros(0, int), jnp.zeros(0, bool), jnp.zeros(0)
    value, extra, slopes = run((name, {}), *empty)
    assert value == 0
    assert slopes[0].shape == (0, DIM)
    same(extra, state(name)[1], rtol=0, atol=0)


@pytest.mark.parametrize("name", SCORES)
def test_class_scores_are_logits_that_name_the_class_of_its_own_weights(name):
    loss, (params, extra) = learned(METRIC[name]()), state(name)
    towards = 3 * params["weights"].T / jnp.linalg.norm(params["weights"].T, axis=1, keepdims=True)
    z = jnp.concatenate([towards, jnp.zeros((1, DIM)), 1e15 * towards])
    scores = jax.jit(loss.class_scores)(params, extra, z)
    assert scores.shape == (2 * CLASSES + 1, CLASSES)
    assert finite(jax.nn.softmax(scores))
    if name != "center":  # whose weights differ in length
        assert scores[:CLASSES].argmax(axis=1).tolist() == list(range(CLASSES))
    assert loss.class_scores(params, extra, z[:0]).shape == (0, CLASSES)
    narrow = loss.class_scores(params, extra, (100 * z[:CLASSES]).astype("float16"))
    assert narrow.dtype == jnp.float32
    assert finite(narrow)


def test_class_scores_are_the_cosines_times_the_scale_of_each_loss():
    z = batch(0)[0]
    for name in SCORES:
        params, extra = state(name)
        w = np.asarray(params["weights"], np.float64)
        row = np.asarray(z[0], np.float64)
        cosine = row @ w / np.linalg.norm(row) / np.linalg.norm(w, axis=0)
        factor_by_name = {
            "sphereface": np.linalg.norm(row),
            "adacos": extra,
            "normalized_softmax": 10,
        }
        factor = factor_by_name.get(name, 64)
        expected = row @ w + params["bias"] if name == "center" else factor * cosine
        result = learned(METRIC[name]()).class_scores(params, extra, z)[0]
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_losses_without_class_weights_have_no_scores():
    assert {name for name in METRIC if learned(METRIC[name]()).class_scores is not None} == set(
        SCORES
    )
