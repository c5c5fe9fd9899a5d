"""The source of labels that a graph gives: kept for each image, looked up, made anew in time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.graph import propagate
from jaxdml.losses import METRIC
from jaxdml.objectives import metric
from jaxdml.objectives.label_sources import propagated, sources
from jaxdml.objectives.label_sources.source import Source, SourceRefresh
from jaxdml.runs.execution import execute
from jaxdml.runs.storage import files
from jaxdml.settings import assembly, parts
from jaxdml.settings.resolve import resolve
from jaxdml.train import step
from jaxdml.types import Batch, Context, Corpus, InitContext, Outputs, Role

IMAGES, CLASSES, DIM = 10, 3, 2
INIT = InitContext(None, IMAGES, CLASSES, DIM, jnp.ones(3))
ROWS = jnp.array([7, 0, 3, 3, 9])
VALID = jnp.array([True, True, True, True, False])
Z = jnp.arange(10.0).reshape(5, 2)
RANDOM = np.random.default_rng(0)
CORPUS = Corpus(
    RANDOM.normal(size=(IMAGES, DIM)).astype(np.float32),
    np.array([2, 5, 6]),
    np.array([1, 0, 1], np.int32),
    CLASSES,
)


def context(shift=0.0):
    flags = jnp.zeros(5, bool)
    batch = Batch(jnp.zeros((5, 1, 1, 1)), -jnp.ones(5, jnp.int32), flags, VALID, ROWS)
    outputs = {"strong": Outputs(Z + shift, Z + shift, None, None)}
    return Context(
        {"strong": batch}, outputs, jnp.int32(0), CLASSES, lambda z: z,
        encode=None, embed=None, decode=None, class_scores=None,
    )  # fmt: skip


def kept(dtype=np.float32):
    labels = np.arange(IMAGES, dtype=np.int32) % CLASSES
    return {"labels": labels, "weights": np.linspace(0, 0.9, IMAGES).astype(dtype)}


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.0])
def test_labels_and_confidences_are_looked_up_by_row(threshold, float64):
    source = propagated.make_propagated(threshold=threshold)
    state = jax.tree.map(jnp.asarray, kept(np.float64))
    result, after, metrics = source.rows(state, context(), lambda o: o.z, jax.random.key(0))
    weights = [state["weights"][r] if state["weights"][r] >= threshold else 0 for r in ROWS]
    assert result.labels.tolist() == [state["labels"][r] for r in ROWS]
    np.testing.assert_allclose(result.weights, weights)
    np.testing.assert_array_equal(result.mask, VALID)
    np.testing.assert_array_equal(result.embeddings, Z)
    assert after is state
    there = np.asarray(VALID)
    assert float(metrics["confident"]) == pytest.approx((np.array(weights) > 0)[there].mean())
    assert float(metrics["confidence"]) == pytest.approx(state["weights"][ROWS][there].mean())


def test_before_the_first_refresh_no_row_has_a_weight():
    source = propagated.make_propagated()
    result = source.rows(source.init(INIT), context(), lambda o: o.z, jax.random.key(0))[0]
    assert not result.weights.any()


@pytest.mark.parametrize("shares", propagated.SHARES)
@pytest.mark.parametrize("method", ["poisson", "spreading"])
def test_a_refresh_keeps_what_the_graph_says(method, shares):
    source = propagated.make_propagated(method=method, neighbours=3, shares=shares)
    after = source.refresh.update(kept(), CORPUS, (0, 1))
    shares_by_option = {
        "none": None,
        "uniform": np.full(3, 1 / 3),
        "labelled": np.array([2, 3, 1]) / 6,
    }
    reference = propagate(*CORPUS, method=method, neighbours=3, shares=shares_by_option[shares])
    np.testing.assert_array_equal(after["labels"], np.maximum(reference.labels, 0))
    np.testing.assert_array_equal(after["weights"], reference.confidence)
    assert {name: a.dtype for name, a in after.items()} == {
        name: a.dtype for name, a in kept().items()
    }
    assert after["labels"][CORPUS.labelled_indices].tolist() == [1, 0, 1]
    assert after["weights"][CORPUS.labelled_indices].tolist() == [1, 1, 1]


def test_an_image_that_no_label_reaches_has_the_weight_0():
    apart = np.concatenate([RANDOM.normal(size=(15, 2)) + 1e4 * i for i in range(2)])
    corpus = CORPUS._replace(embeddings=apart.astype(np.float32))
    after = propagated.make_propagated().refresh.update(kept(), corpus, (0, 1))
    assert not after["weights"][15:].any()
    assert not after["labels"][15:].any()


@pytest.mark.parametrize(
    ("every", "first", "epochs"), [(1, 1, [1, 2, 3, 4, 5, 6]), (2, 0, [0, 2, 4, 6]), (3, 2, [2, 5])]
)
def test_it_is_refreshed_when_it_is_due(every, first, epochs):
    refresh = propagated.make_propagated(every=every, first=first).refresh
    assert [epoch for epoch in range(7) if refresh.due(epoch)] == epochs


@pytest.mark.parametrize(
    "options",
    [
        {"method": "voting"}, {"neighbours": 0}, {"every": 0}, {"first": -1}, {"threshold": 1.1},
        {"weight": -1.0}, {"shares": "true"},
    ],
)  # fmt: skip
def test_an_option_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        propagated.make_propagated(**options)


# ---------------------------------------------------------------- in a term


def counting(every):
    """A source that keeps how often it was refreshed."""
    refresh = SourceRefresh(lambda epoch: epoch % every == 0, lambda kept, corpus, seed: kept + 1)
    return Source({}, None, lambda context: jnp.int32(0), refresh=refresh)


def test_a_term_refreshes_those_of_its_sources_that_are_due():
    several = {"true": sources.make_true(), "two": counting(2), "three": counting(3)}
    metric_term = metric.make(METRIC["supcon"](), several, False)
    assert [epoch for epoch in range(1, 9) if metric_term.refresh.due(epoch)] == [2, 3, 4, 6, 8]
    params, state = metric_term.init(jax.random.key(0), INIT)
    for epoch in range(9):
        if metric_term.refresh.due(epoch):
            params, state = metric_term.refresh.update(params, state, CORPUS, (0, epoch))
    assert {name: int(s) for name, s in state["sources"].items() if name != "true"} == {
        "two": 5, "three": 3,
    }  # fmt: skip
    assert metric.make(METRIC["supcon"](), {"true": sources.make_true()}, False).refresh is None


@pytest.mark.parametrize("name", ["supcon", "center", "arcface", "triplet"])
@pytest.mark.parametrize("weights", [0.0, 0.5])
def test_a_loss_of_these_rows_is_finite_and_so_is_its_slope(name, weights):
    metric_term = metric.make(METRIC[name](), {"propagated": propagated.make_propagated()}, False)
    params, state = metric_term.init(jax.random.key(0), INIT)
    state["sources"]["propagated"]["weights"] += weights

    def value(shift):
        return metric_term.value(params, state, context(shift), jax.random.key(1))[0]

    assert all(jnp.isfinite(found) for found in jax.jit(jax.value_and_grad(value))(0.0))


def test_class_scores_are_read_by_the_sources_that_need_them_only():
    def scored(*named):
        resolved = resolve({"system": "dml", "loss.name": "supcon", "loss.sources": named})
        return parts.scored(parts.instances(resolved)), "loss.class_scores" in resolved

    assert scored("true", "propagated") == (False, False)
    assert scored("true", "propagated", "teacher") == (True, True)


def test_its_options_have_a_section_of_their_own():
    resolved = resolve(
        {"system": "dml", "loss.name": "supcon", "loss.sources": ("true", "propagated"),
         "propagated.every": 3}
    )  # fmt: skip
    options = {path: value for path, value in resolved.items() if path.startswith("propagated.")}
    assert options == {
        "propagated.method": "poisson", "propagated.neighbours": 10, "propagated.every": 3,
        "propagated.first": 1, "propagated.threshold": 0.0, "propagated.weight": 1.0,
        "propagated.shares": "none",
    }  # fmt: skip
    method = assembly.assemble(resolved, (4, 4, 1), 3)
    [term] = step.terms(method.routine).values()
    assert set(term.roles.values()) == {Role("labelled"), Role("all", "strong")}


def test_a_training_learns_from_the_labels_of_its_graph(tmp_path):
    options = {
        "system": "dml", "loss.name": "supcon", "loss.sources": ("true", "propagated"),
        "data.name": "tests.third_party.blobs:make", "data.labelled_count": 9,
        "propagated.neighbours": 5, "propagated.every": 2, "model.hidden": (8,),
        "model.latent_dim": 2, "train.epochs": 4, "train.batch_size": 8, "train.average": 0.9,
        "eval.protocols": ("labelled",), "eval.baselines": (),
    }  # fmt: skip
    run_folder = execute.run(options, ({"propagated.threshold": (0.0, 0.9)},), tmp_path, tmp_path)
    for result in run_folder.results():
        assert result["status"] == "ok", result["reason"]
        history = files.read_csv(run_folder.point(result["point"]) / "history.csv")
        sure = [float(row["metric.propagated.confidence"]) for row in history]
        rows = [float(row["metric.propagated.confident"]) for row in history]
        assert sure[0] == rows[0] == 0  # until the first epoch has ended
        assert min(sure[1:]) > 0
        assert (rows[1] < 1) == (result["config"]["propagated.threshold"] > 0)
