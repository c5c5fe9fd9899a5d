"""Labels from several sources: the teacher's, and rows of both in one loss."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.losses import METRIC
from jaxdml.objectives import metric
from jaxdml.objectives.label_sources import sources
from jaxdml.objectives.label_sources.sources import Rows
from jaxdml.options import ConfigError
from jaxdml.settings import assembly
from jaxdml.settings.resolve import resolve
from jaxdml.train import step
from jaxdml.types import Batch, Context, InitContext, Outputs
from tests.losses import weighted_oracle
from tests.objectives import oracle
from tests.points import any_point

CLASSES, DIM, LABELLED, IMAGES = 3, 2, 4, 6
INIT = InitContext(None, 10, CLASSES, DIM, jnp.ones(CLASSES))
TRUE_LABELS = jnp.array([0, 1, 1, 2])


def embedded(x):
    """A linear network without parameters: two sums of pixels."""
    return jnp.stack([x[:, 0].sum(axis=(1, 2)), x[:, 1].sum(axis=(1, 2))], axis=1)


def images(key, count):
    return jax.random.normal(jax.random.key(key), (count, 2, 2, 1))


WEAK, STRONG, PLAIN = (functools.partial(images, key) for key in (1, 2, 3))
SCORES = jnp.array([[4.0, 0, 0], [0, 1, 0], [0, 0, 6], [9, 9, 0], [0, 5, 0], [3, 0, 0]])
VALID = jnp.array([True, True, True, True, True, False])


def context(shift=0.0, labels=None, scores=SCORES, valid=VALID, rows=IMAGES):
    """A step's view: the labelled batch, and all images under a weak and a strong change.

    `shift` moves what the student says, so that gradients can be asked for. Class scores are told.
    """
    all_rows = jnp.ones(LABELLED, bool)
    number = jnp.arange(rows)
    unknown = jnp.full(rows, -1) if labels is None else labels
    batches = {
        "labelled": Batch(PLAIN(LABELLED), TRUE_LABELS, all_rows, all_rows, jnp.arange(LABELLED)),
        "weak": Batch(WEAK(rows), unknown, jnp.zeros(rows, bool), valid, number),
        "strong": Batch(STRONG(rows), unknown, jnp.zeros(rows, bool), valid, number),
    }

    def outputs_of(batch):
        z = embedded(batch.x) + shift
        return Outputs(z, z, None, None)

    def embed(x, of="student"):
        return embedded(x) + (shift if of == "student" else 0.0)

    def class_scores(z, of="student"):
        return scores + (0 * z.sum() if of == "teacher" else jnp.nan)

    rest = {"encode": None, "embed": embed, "decode": None, "class_scores": class_scores}
    outputs = {name: outputs_of(batch) for name, batch in batches.items()}
    return Context(batches, outputs, jnp.int32(0), CLASSES, lambda z: z, **rest)


def taught(threshold=0.9, **options):
    source = sources.make_teacher(threshold=threshold, **options)
    kept = source.init(INIT)
    rows, _, metrics = source.rows(kept, context(), lambda outputs: outputs.z, jax.random.key(0))
    return rows, metrics


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("sharpness", [None, 1.0, 2.5])
def test_the_teacher_labels_as_a_naive_loop_does(threshold, sharpness, float64):
    rows, metrics = taught(threshold, sharpness=sharpness)
    labels, weights, confidences = oracle.teacher_labels(SCORES.tolist(), threshold, sharpness)
    np.testing.assert_allclose(rows.labels, labels, rtol=1e-10)
    np.testing.assert_array_equal(rows.weights, weights)
    np.testing.assert_array_equal(rows.mask, VALID)
    np.testing.assert_allclose(rows.embeddings, embedded(STRONG(IMAGES)))
    there = np.asarray(VALID)
    assert float(metrics["confident"]) == pytest.approx(weights[there].mean())
    assert float(metrics["confidence"]) == pytest.approx(confidences[there].mean())


def test_a_threshold_and_a_sharpness_may_be_traced(float64):
    def weights(threshold, sharpness):
        rows, _ = taught(threshold, sharpness=sharpness)
        return rows.weights, rows.labels

    numbers = jnp.array([0.4, 0.95]), jnp.array([1.0, 3.0])
    together = jax.jit(jax.vmap(weights))(*numbers)
    for i, (threshold, sharpness) in enumerate(zip(*numbers, strict=True)):
        alone = weights(float(threshold), float(sharpness))
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 1.2},
        {"weight": -1.0},
        {"sharpness": 0.0},
        {"alignment": "true"},
        {"thresholds": "none"},
    ],
)
def test_an_option_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        sources.make_teacher(**options)


# ---------------------------------------------------------------- rows of several sources


def two_sources(weight=0.7, threshold=0.9):
    teacher = sources.make_teacher(threshold=threshold, weight=weight)
    return {"true": sources.make_true(), "teacher": teacher}


def parts(weight):
    return {
        name: (
            source.rows(source.init(INIT), context(), lambda o: o.z, jax.random.key(0))[0],
            source.weight,
        )
        for name, source in two_sources(weight).items()
    }


@pytest.mark.parametrize("normalizer", ["rows", "weights"])
def test_rows_are_joined_with_the_weight_of_their_source(normalizer, float64):
    rows = sources.joined(parts(0.7), normalizer)
    sure = [1, 0, 1, 0, 1, 1]
    total, each = LABELLED + 5, {"rows": (LABELLED, 5), "weights": (LABELLED + 5,) * 2}[normalizer]
    expected = [total / each[0]] * LABELLED + [0.7 * total / each[1] * s for s in sure]
    np.testing.assert_allclose(rows.weights, expected)
    assert rows.labels.tolist() == [0, 1, 1, 2, 0, 1, 2, 0, 1, 0]
    assert rows.mask.tolist() == [True] * 4 + VALID.tolist()


def test_hard_and_soft_labels_are_joined_as_distributions(float64):
    hard = Rows(jnp.zeros((2, 1)), jnp.array([2, 0]), jnp.ones(2, bool), None)
    soft = Rows(jnp.ones((1, 1)), jnp.array([[0.2, 0.3, 0.5]]), jnp.ones(1, bool), jnp.ones(1))
    rows = sources.joined({"true": (hard, 1.0), "teacher": (soft, 1.0)}, "weights")
    np.testing.assert_allclose(rows.labels, [[0, 0, 1], [1, 0, 0], [0.2, 0.3, 0.5]])


def test_a_source_without_a_row_counts_nothing_and_stays_finite():
    none = Rows(jnp.zeros((3, 1)), jnp.zeros(3, int), jnp.zeros(3, bool), None)
    two_rows = Rows(jnp.ones((2, 1)), jnp.zeros(2, int), jnp.ones(2, bool), None)
    for normalizer in ("rows", "weights"):
        rows = sources.joined({"true": (none, 1.0), "teacher": (two_rows, 1.0)}, normalizer)
        assert jnp.isfinite(rows.weights).all()
        np.testing.assert_allclose(rows.weights[3:], 1.0)


def joined_by_hand(weight, normalizer):
    """Embeddings, labels, weights, and what each row adds to the denominator."""
    z = np.concatenate([embedded(PLAIN(LABELLED)), embedded(STRONG(IMAGES))])
    labels, sure, _ = oracle.teacher_labels(SCORES.tolist(), 0.9)
    y = np.concatenate([TRUE_LABELS, labels])
    there = np.concatenate([np.ones(LABELLED), VALID])
    w = there * np.concatenate([np.ones(LABELLED), weight * sure])
    if normalizer == "rows":
        each = np.repeat([LABELLED, int(VALID.sum())], [LABELLED, IMAGES])
        w, n = w * there.sum() / each, there
    else:
        n = w
    return z, np.eye(CLASSES)[y], w, n


@pytest.mark.parametrize("normalizer", ["rows", "weights"])
@pytest.mark.parametrize("name", ["supcon", "center", "arcface"])
def test_a_loss_of_two_sources_equals_naive_loops_over_its_rows(name, normalizer, float64):
    term = metric.make(METRIC[name](), two_sources(), True, normalizer=normalizer)
    params, kept = term.init(jax.random.key(0), INIT)
    params, kept = jax.tree.map(lambda leaf: leaf.astype(float), (params, kept))
    result, _, metrics = jax.jit(lambda: term.value(params, kept, context(), jax.random.key(1)))()
    state = () if name == "supcon" else jax.tree.map(np.asarray, (params, kept["loss"]))
    exact = getattr(weighted_oracle, name)(*joined_by_hand(0.7, normalizer), *state)
    np.testing.assert_allclose(result, exact, rtol=1e-10)
    assert {"teacher.confident", "teacher.confidence", "spread"} == set(metrics)


def test_by_rows_a_loss_is_the_sum_of_the_means_of_its_sources(float64):
    """FixMatch: the mean over labelled rows, and λ times that over all images of a batch."""
    term = metric.make(METRIC["cosface"](), two_sources(0.7), True)
    params, kept = term.init(jax.random.key(0), INIT)
    result = term.value(params, kept, context(), jax.random.key(1))[0]
    loss, expected = METRIC["cosface"](), 0.0
    for rows, weight in parts(0.7).values():
        weights = np.ones(LABELLED) if rows.weights is None else np.asarray(rows.weights)
        there = np.flatnonzero(rows.mask)
        for i in there:
            row = rows.embeddings[i][None], rows.labels[i][None]
            value = loss.value(params, {}, *row, labelled=jnp.ones(1, bool))[0]
            expected += weight * weights[i] * float(value) / len(there)
    assert float(result) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", ["supcon", "center", "arcface", "triplet"])
def test_jit_changes_nothing_and_labels_of_all_images_are_never_read(name, float64):
    term = metric.make(METRIC[name](), two_sources(), True)
    params, kept = term.init(jax.random.key(0), INIT)

    def value(labels):
        return term.value(params, kept, context(labels=labels), jax.random.key(1))[0]

    with_labels, other = (jax.jit(value)(jnp.array(y)) for y in ([2, 2, 2, 1, 0, 1], [-1] * IMAGES))
    np.testing.assert_array_equal(with_labels, other)
    assert np.isfinite(with_labels)
    if name == "arcface":  # each operation by itself takes long to compile: once is enough
        np.testing.assert_allclose(value(jnp.zeros(IMAGES, int)), with_labels, rtol=1e-12)


def test_a_teacher_that_is_never_sure_leaves_the_labelled_rows_alone(float64):
    true = {"true": sources.make_true()}
    for name in ("arcface", "cosface"):
        alone = metric.make(METRIC[name](), true, False)
        params, kept = alone.init(jax.random.key(0), INIT)
        expected = alone.value(params, kept, context(), jax.random.key(1))[0]
        both_sources = metric.make(METRIC[name](), two_sources(threshold=1.0), True)
        kept = both_sources.init(jax.random.key(0), INIT)[1]
        unsure = context(scores=jnp.zeros((IMAGES, CLASSES)))
        result = both_sources.value(params, kept, unsure, jax.random.key(1))[0]
        np.testing.assert_allclose(result, expected, rtol=1e-10)


@pytest.mark.parametrize("name", ["supcon", "center", "arcface"])
def test_padding_alone_is_finite_and_so_is_its_slope(name):
    term = metric.make(METRIC[name](), {"teacher": sources.make_teacher(threshold=0.0)}, True)
    params, kept = term.init(jax.random.key(0), INIT)

    def value(shift):
        nothing = context(shift, valid=jnp.zeros(IMAGES, bool))
        return term.value(params, kept, nothing, jax.random.key(1))[0]

    assert all(jnp.isfinite(result) for result in jax.jit(jax.value_and_grad(value))(0.0))


def test_the_student_learns_from_the_strong_view_alone(tiny):
    """A weak view of another brightness gives the same gradient while the labels are the same."""
    options = {
        "system": "dml", "loss.name": "cosface", "loss.sources": ("teacher",), "seed": 1,
        "pseudo.threshold": 0.0, "model.hidden": (8,), "model.latent_dim": 2,
    }  # fmt: skip
    method = assembly.assemble(resolve(options), (4, 4, 1), 3)
    x = jnp.asarray(tiny.train.x[:6]) / 255
    flags, number = jnp.ones(6, bool), jnp.arange(6)
    batches = {"all": Batch(x, -jnp.ones(6, int), ~flags, flags, number)}
    state = step.init(method, any_point(), tiny.train.x)
    phase = method.routine.phases[0]

    def slope(weak, strong):
        views = {"weak": lambda key, x: weak * x, "strong": lambda key, x: strong * x}
        changed = method._replace(views=views)
        objective = functools.partial(step.objective_of, changed, phase)
        return jax.jit(jax.grad(lambda p: objective(p, state, batches, jax.random.key(0))[0]))(
            state.params
        )

    def differ(a, b):
        return any(jax.tree.leaves(jax.tree.map(lambda x, y: not jnp.array_equal(x, y), a, b)))

    assert not differ(slope(1.0, 1.0), slope(1.001, 1.0))
    assert differ(slope(1.0, 1.0), slope(1.0, 1.1))


def test_a_source_is_named_once_and_not_like_a_section():
    def resolved(*named):
        return resolve({"system": "dml", "loss.name": "supcon", "loss.sources": named})

    with pytest.raises(ConfigError, match=r"loss.sources names true twice: .* like true2=true"):
        resolved("true", "true")
    with pytest.raises(ConfigError, match=r"loss.sources: train is a section of its own"):
        resolved("true", "train=teacher")
    result = resolved("true", "teacher", "sharp=teacher")
    assert {"pseudo.threshold", "sharp.threshold"} <= result.keys()
    with pytest.raises(ConfigError, match=r"loss.sources is empty: name a source"):
        resolved()


@pytest.mark.parametrize("options", [{"loss.name": "npair"}, {"loss.mining": "hard"}])
def test_soft_labels_are_refused_before_anything_is_compiled(options):
    soft = {"system": "few", "loss.name": "triplet", "pseudo.sharpness": 2.0}
    resolve(soft)
    with pytest.raises(ConfigError, match="needs one class a row"):
        resolve(soft | options)
