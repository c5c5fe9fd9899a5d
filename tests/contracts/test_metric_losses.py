"""What every metric loss promises, whoever wrote it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdml.losses import METRIC
from jaxdml.objectives.learned import learned
from jaxdml.options import defaults
from tests.losses import oracle
from tests.third_party import spring

CLASSES, DIM = 3, 4


def naive_spring(z, y, labelled, stiffness=0.1):
    rows = [i for i in range(len(y)) if labelled[i]]
    pull = [sum((z[i] - z[j]) ** 2) for i in rows for j in rows if i != j and y[i] == y[j]]
    push = [np.exp(-sum((z[i] - z[j]) ** 2)) for i in rows for j in rows if y[i] != y[j]]
    return stiffness * sum(pull) / max(1, len(pull)) + sum(push) / max(1, len(push))


def head(function, *names):
    """An oracle with class weights, as the losses that learn some are called here."""
    return lambda z, y, labelled, params, extra, **options: function(
        z, y, labelled, *(params[name] for name in names), **options
    )


def plain(function):
    return lambda z, y, labelled, params, extra, **options: function(z, y, labelled, **options)


def triplet(z, y, labelled, **options):
    kind = options.pop("distance", "euclidean")
    settings = {"margin": 0.2, "mining": "all"} | options
    return oracle.triplet(z, y, labelled, distance_kind=kind, **settings)


def contrastive(z, y, labelled, **options):
    kind = options.pop("distance", "euclidean")
    return oracle.contrastive(z, y, labelled, distance_kind=kind, **options)


def center(z, y, labelled, params, extra, **options):
    return oracle.center(z, y, labelled, extra, params["weights"], params["bias"], **options)


def adacos(z, y, labelled, params, extra, **options):
    return oracle.adacos(z, y, labelled, params["weights"], extra, **options)[0]


# the oracle of each loss; a loss that is not here has none, and fails
ORACLES = {
    "contrastive": plain(contrastive),
    "triplet": plain(triplet),
    "npair": plain(oracle.npair),
    "supcon": plain(oracle.supcon),
    "center": center,
    "sphereface": head(oracle.sphereface, "weights"),
    "normalized_softmax": head(oracle.normalized_softmax, "weights"),
    "cosface": head(oracle.cosface, "weights"),
    "arcface": head(oracle.arcface, "weights"),
    "adacos": adacos,
    "third-party": plain(naive_spring),
}
VARIANTS = [
    *((name, {}) for name in METRIC),
    ("contrastive", {"squared": False}),
    ("contrastive", {"distance": "cosine", "reduction": "mean"}),
    ("triplet", {"mining": "semihard"}),
    ("triplet", {"mining": "hard"}),
    ("triplet", {"form": "softplus", "distance": "cosine"}),
    ("triplet", {"form": "abs"}),
    ("npair", {"l2": 0.1}),
    ("npair", {"l2": 0.1, "normalize": True}),
    ("supcon", {"form": "in"}),
    ("supcon", {"temperature": 1.0, "normalize": False}),
    ("sphereface", {"m": 3}),
    ("center", {"weight": 1.0}),
    ("adacos", {"adaptive": False}),
    ("third-party", {}),
]


def every(*but):
    """All variants, but those of the losses named."""
    chosen = [variant for variant in VARIANTS if variant[0] not in but]
    return pytest.mark.parametrize(
        "variant", chosen, ids=lambda v: "-".join((v[0], *map(str, v[1].values())))
    )


each = every()


def make_loss(variant):
    name, options = variant
    return learned((spring.make if name == "third-party" else METRIC[name])(**options))


@functools.cache
def _initial_state(name, double):
    params, extra = make_loss((name, {})).init(jax.random.key(7), CLASSES, DIM)
    shift = jax.random.normal(jax.random.key(8), (CLASSES, DIM))
    return params, extra if name != "center" else extra + shift


def initial_state(variant):
    return _initial_state(variant[0], jax.config.jax_enable_x64)


def batch(seed, size=12, classes=CLASSES):
    z, y, keep = jax.random.split(jax.random.key(seed), 3)
    return (
        jax.random.normal(z, (size, DIM)),
        jax.random.randint(y, (size,), 0, classes),
        jax.random.bernoulli(keep, 0.7, (size,)),
    )


def value_of(variant):
    """`(z, y, labelled) → f32[]`, with class weights as they are at first."""
    loss, (params, extra) = make_loss(variant), initial_state(variant)
    return lambda z, y, labelled: loss.value(params, extra, z, y, labelled=labelled)[0]


@functools.cache
def _compiled(name, options):
    """`(params, extra, z, y, labelled) → value, new extra, slopes by z and by params`."""
    loss = make_loss((name, dict(options)))

    def run(params, extra, z, y, labelled):
        def value(z, params):
            return loss.value(params, extra, z, y, labelled=labelled)

        (result, new), slopes = jax.value_and_grad(value, (0, 1), has_aux=True)(z, params)
        return result, new, slopes

    return jax.jit(run)


def value_and_slopes(variant, z, y, labelled):
    name, options = variant
    return _compiled(name, tuple(options.items()))(*initial_state(variant), z, y, labelled)


def finite(tree):
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(tree))


@each
def test_compiled_and_eager_agree(variant):
    case = batch(0)
    eager = value_of(variant)(*case)
    np.testing.assert_allclose(eager, value_and_slopes(variant, *case)[0], rtol=1e-5, atol=1e-7)
    assert eager.shape == ()


@each
def test_its_matrix_products_keep_all_bits_on_every_device(variant):
    name, options = variant
    program = (
        _compiled(name, tuple(options.items())).lower(*initial_state(variant), *batch(0)).as_text()
    )
    for line in program.splitlines():
        assert "dot_general" not in line or "precision = [HIGHEST, HIGHEST]" in line


@pytest.mark.one_in(3)
@each
def test_a_batch_of_batches_equals_a_loop(variant):
    cases = [batch(seed) for seed in range(4)]
    name, options = variant
    together = jax.jit(
        jax.vmap(_compiled(name, tuple(options.items())), in_axes=(None, None, 0, 0, 0))
    )(*initial_state(variant), *map(jnp.stack, zip(*cases, strict=True)))
    for i, case in enumerate(cases):
        alone = value_and_slopes(variant, *case)
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-4, atol=1e-5),
            together,
            alone,
        )


@each
def test_it_equals_naive_loops_in_float64(variant, float64):
    params, extra = initial_state(variant)
    for seed in range(3):
        z, y, labelled = batch(seed)
        exact = ORACLES[variant[0]](
            np.asarray(z),
            np.asarray(y),
            np.asarray(labelled),
            jax.tree.map(np.asarray, params),
            jax.tree.map(np.asarray, extra),
            **variant[1],
        )
        result = value_and_slopes(variant, z, y, labelled)[0]
        assert result.dtype == np.float64
        np.testing.assert_allclose(result, exact, rtol=1e-10)


@each
def test_its_gradient_is_the_slope_of_the_naive_loops(variant, float64):
    z, y, labelled = batch(3)
    params, extra = initial_state(variant)
    by_z, by_params = value_and_slopes(variant, z, y, labelled)[2]
    ways, size = jax.random.normal(jax.random.key(0), z.shape), 1e-7

    def exact(step):
        words = jax.tree.map(lambda p: np.asarray(p + step * jnp.ones_like(p)), params)
        # AdaCos's scale follows from the batch, but is a constant to the gradient
        kept = {"adaptive": False} if variant[0] == "adacos" else {}
        state = value_and_slopes(variant, z, y, labelled)[1] if kept else extra
        return ORACLES[variant[0]](
            np.asarray(z + step * ways), np.asarray(y), np.asarray(labelled), words,
            jax.tree.map(np.asarray, state), **variant[1] | kept,
        )  # fmt: skip

    slope = (exact(size) - exact(-size)) / (2 * size)
    result = jnp.sum(by_z * ways) + sum(map(jnp.sum, jax.tree.leaves(by_params)))
    np.testing.assert_allclose(result, slope, rtol=1e-5, atol=1e-6)


@each
def test_value_and_gradient_are_finite_on_degenerate_batches(variant):
    z, y, everything = *batch(1)[:2], jnp.ones(12, bool)
    distinct = jnp.arange(12) if not initial_state(variant)[0] else jnp.arange(12) % CLASSES
    cases = {
        "no labelled rows": (z, y, ~everything),
        "one row": (z, y, jnp.arange(12) == 3),
        "one class": (z, jnp.zeros_like(y), everything),
        "all distinct": (
            z,
            distinct,
            everything if not initial_state(variant)[0] else jnp.arange(12) < 3,
        ),
        "identical": (jnp.ones_like(z), y, everything),
        "zero": (jnp.zeros_like(z), y, everything),
        "duplicates": (z[jnp.arange(12) // 2], y[jnp.arange(12) // 2], everything),
        "all zero but one": (jnp.zeros_like(z).at[2].set(1.0), y, everything),
    }
    for name, case in cases.items():
        assert finite(value_and_slopes(variant, *case)), name


@every("third-party")  # the README's example does not promise it
def test_value_and_gradient_are_finite_for_entries_of_1e15(variant):
    z, y, _ = batch(1)
    for case in (1e15 * jnp.sign(z), 1e15 * z / jnp.abs(z).max()):
        assert finite(value_and_slopes(variant, case, y, jnp.ones(12, bool)))


@each
def test_with_nothing_to_compare_the_value_is_exactly_zero(variant):
    z, y, _ = batch(2)
    value, extra, slopes = value_and_slopes(variant, z, y, jnp.zeros(12, bool))
    assert value == 0
    assert not any(leaf.any() for leaf in jax.tree.leaves(slopes))
    # and what the loss keeps from step to step stays as it was
    jax.tree.map(np.testing.assert_array_equal, extra, initial_state(variant)[1])


@each
def test_a_labelled_row_that_is_not_a_number_makes_the_value_none_either(variant):
    z, y, _ = batch(3)
    broken = z.at[0, 1].set(jnp.nan)  # the anchor of its class, of an N-pair loss
    everyone = jnp.ones(len(y), bool)
    assert not jnp.isfinite(value_of(variant)(broken, y, everyone))
    assert jnp.isfinite(value_of(variant)(broken, y, everyone.at[0].set(False)))


@every("third-party")  # the README's example does not promise it
def test_an_empty_batch_has_the_value_zero_and_an_empty_gradient(variant):
    empty = jnp.zeros((0, DIM)), jnp.zeros(0, int), jnp.zeros(0, bool)
    value, extra, (by_z, by_params) = value_and_slopes(variant, *empty)
    assert value == 0
    assert by_z.shape == (0, DIM)
    assert not any(leaf.any() for leaf in jax.tree.leaves(by_params))
    jax.tree.map(np.testing.assert_array_equal, extra, initial_state(variant)[1])


@every("third-party")  # a user's own loss is checked where the user asks for it
def test_labels_of_another_shape_are_refused(variant):
    z, y, labelled = batch(0)
    for wrong in (y[:, None], y[:-1], y[None, :]):
        with pytest.raises(ValueError, match=r"the shape of labels must be .*, but is"):
            value_of(variant)(z, wrong, labelled)


@each
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_unlabelled_rows_change_nothing_whatever_they_say(variant, seed):
    z, y, labelled = batch(seed % 97)
    other_z, other_y, _ = batch(100 + seed % 89)
    # NaN reaches no library loss; a user's own may multiply by a mask
    worst = 50.0 if variant[0] == "third-party" else (50.0, jnp.nan, jnp.inf)[seed % 3]
    changed_z = jnp.where(labelled[:, None], z, worst * other_z)
    changed_y = jnp.where(labelled, y, other_y + (-1, 0, 1000)[seed % 3])
    before = value_and_slopes(variant, z, y, labelled)
    after = value_and_slopes(variant, changed_z, changed_y, labelled)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), before, after)
    assert not after[2][0][~labelled].any()


@every("npair")  # its anchors are the first rows of their classes, by definition
def test_the_order_of_rows_changes_nothing(variant):
    z, y, labelled = batch(4)
    order = jax.random.permutation(jax.random.key(0), 12)
    np.testing.assert_allclose(
        value_and_slopes(variant, z, y, labelled)[0],
        value_and_slopes(variant, z[order], y[order], labelled[order])[0],
        rtol=1e-5,
        atol=1e-7,
    )


@pytest.mark.parametrize("name", [*METRIC, "third-party"])
def test_its_numbers_may_be_traced(name):
    make = spring.make if name == "third-party" else METRIC[name]
    z, y, labelled = batch(5)
    numbers = {option: d for option, d in defaults(make).items() if isinstance(d, float)}
    params, extra = initial_state((name, {}))

    @jax.jit
    def traced(numbers):
        return learned(make(**numbers)).value(params, extra, z, y, labelled=labelled)[0]

    np.testing.assert_allclose(
        traced(numbers), value_and_slopes((name, {}), z, y, labelled)[0], rtol=1e-5
    )
