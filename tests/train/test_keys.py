"""Random numbers follow from seed, step and names: a further part changes no draw of another."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml import objectives
from jaxdml.settings import assembly
from jaxdml.settings.resolve import resolve
from jaxdml.train import step, streams
from tests.points import any_point
from tests.third_party import spy
from tests.train.everything import DRAWN

SMALL = {
    "system": "mvae",
    "loss.name": "arcface",  # it draws its class weights
    "loss.sources": ("true", "spied"),
    "model.hidden": (8,),
    "model.latent_dim": 3,
    "prior.pseudo_inputs": 4,  # these are drawn too
    "routine.name": "joint",
    "routine.alpha": 0.5,
}
TERMS = ("metric", "reconstruction", "kl")
SPY = "spy=tests.third_party.spy:make"


@pytest.fixture(scope="module", autouse=True)
def spied():
    """A source of labels that tells its key, and adds no row."""

    def make():
        true = objectives.SOURCES["true"]()

        def rows(kept, context, embedding, key):
            source_rows, kept, _ = true.rows(kept, context, embedding, key)
            return (
                source_rows._replace(mask=jnp.zeros_like(source_rows.mask)),
                kept,
                spy.numbers(key),
            )

        return true._replace(rows=rows)

    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(objectives.SOURCES, "spied", make)
        yield


def one_step(dataset, terms, **options):
    """The first state, and what the terms of its first step say."""
    options = {path.replace("__", "."): value for path, value in options.items()}
    resolved = resolve(SMALL | {"terms": terms} | options)
    method = assembly.assemble(resolved, (4, 4, 1), 3, ("shift", "noise"))
    state = step.init(method, any_point(5), jnp.asarray(dataset.train.x))
    x, rows, valid = jnp.asarray(dataset.train.x[:8]), jnp.arange(8), jnp.ones(8, bool)
    y = jnp.asarray(dataset.train.y[:8])
    batches = {
        "labelled": streams.batch(x, rows, y, valid, "labelled"),
        "all": streams.batch(x, rows, jnp.full(8, -1), valid, "all"),
    }
    phase, key = method.routine.phases[0], jax.random.key(9)
    _, (_, metrics) = step.objective_of(method, phase, state.params, state, batches, key)
    return state, metrics


@pytest.fixture(scope="module")
def alone(tiny, spied):
    """Without a further part; the spy sees weak views, and other terms plain images."""
    return one_step(tiny, (*TERMS, SPY), spy__seen="weak")


ADDED = {
    "a term that draws": {"terms": (*TERMS, SPY, DRAWN)},
    "it stands first": {"terms": (DRAWN, *TERMS, SPY)},
    "another order": {"terms": ("kl", SPY, "reconstruction", "metric")},
    "a second metric loss": {"terms": (*TERMS, SPY, "proxies=metric"), "proxies__name": "cosface",
                             "proxies__weight": 0.0},
    "a view of a term": {"terms": (*TERMS, SPY, "drawn2=" + DRAWN.partition("=")[2]),
                         "drawn2__view": "strong"},
    "a second strong view": {"terms": (*TERMS, SPY, "contrast")},
    "a source": {"terms": (*TERMS, SPY), "loss__sources": ("teacher", "true", "spied")},
}  # fmt: skip


@pytest.mark.default_variants(
    "it stands first",
    "another order",
    "a second metric loss",
    "a view of a term",
    "a second strong view",
)
@pytest.mark.parametrize("added", ADDED.values(), ids=ADDED)
def test_a_further_part_changes_no_draw_of_another(tiny, alone, added):
    together = one_step(tiny, **added, spy__seen="weak")
    # the first parameters, of the model and of terms, and what they keep
    assert_contained(alone[0].params, together[0].params)
    np.testing.assert_array_equal(together[0].kept["spy"]["first"], alone[0].kept["spy"]["first"])
    # keys of a term, of a source; the images of a view; the model's samples
    drawn = [f"spy.{name}" for name in ("key0", "key1", "pixels", "sample")]
    for name in [*drawn, "metric.spied.key0", "metric.spied.key1", "reconstruction", "kl"]:
        np.testing.assert_array_equal(together[1][name], alone[1][name], name)


def assert_contained(part, whole):
    """All arrays of a tree stand in another one, as they are."""
    there = dict(jax.tree_util.tree_leaves_with_path(whole))
    for path, leaf in jax.tree_util.tree_leaves_with_path(part):
        np.testing.assert_array_equal(there[path], leaf, jax.tree_util.keystr(path))


def test_a_second_strong_view_is_another_draw_and_leaves_the_first_as_it_was(tiny):
    spies = ("spy0=tests.third_party.spy:make", "spy2=tests.third_party.spy:make")
    view_by_path = {"spy0__seen": "strong", "spy2__seen": "strong2"}
    _, alone = one_step(tiny, spies[:1], spy0__seen="strong", system="ae")
    _, together = one_step(tiny, (*spies, "contrast"), **view_by_path, system="ae")
    assert together["spy0.pixels"] != together["spy2.pixels"]
    for name in ("pixels", "sample", "key0", "key1"):
        np.testing.assert_array_equal(alone[f"spy0.{name}"], together[f"spy0.{name}"])


def test_parts_of_different_names_draw_different_numbers(tiny):
    spies = (SPY, "other=tests.third_party.spy:make")
    _, spy_metrics = one_step(tiny, (*TERMS, *spies), other__seen="weak")
    keys = {
        (float(spy_metrics[f"{n}.key0"]), float(spy_metrics[f"{n}.key1"])) for n in ("spy", "other")
    }
    assert len(keys) == 2
    assert spy_metrics["spy.sample"] != spy_metrics["other.sample"]
    assert spy_metrics["spy.pixels"] != spy_metrics["other.pixels"]
