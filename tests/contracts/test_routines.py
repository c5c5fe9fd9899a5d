"""What every routine promises: which terms read which stream, in phases that are the same for all
points of a cohort, with weights that may be traced.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.options import defaults
from jaxdml.routines import ROUTINES
from jaxdml.settings import assembly
from jaxdml.settings.resolve import resolve
from jaxdml.train import epoch as epochs
from jaxdml.train import step, streams
from jaxdml.types import Point, Role, Term
from tests.third_party import thirds

MAKES = {**ROUTINES, "third-party": thirds.make}
DOTTED = {"third-party": "tests.third_party.thirds:make"}
each = pytest.mark.parametrize("name", MAKES)
METRIC = (Term("metric", "supervised", {"labelled": Role("labelled")}, print),)
IMAGES = {"images": Role("all")}
UNSUPERVISED = (
    Term("reconstruction", "unsupervised", IMAGES, print),
    Term("kl", "unsupervised", IMAGES, print, weight=lambda step: 3.0 * step),
)


def by_path(tree):
    """Arrays by names like `model/encoder/Dense_0/kernel`."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(p, simple=True, separator="/"): leaf for p, leaf in leaves}


def numbers(name):
    return {o: d for o, d in defaults(MAKES[name]).items() if isinstance(d, float)}


def weights(name, numbers, at):
    routine = MAKES[name](METRIC, UNSUPERVISED, **numbers)
    return [[jnp.asarray(t.weight(at), float) for t in p.terms] for p in routine.phases]


@each
def test_its_phases_hold_the_terms_on_their_streams_and_its_pattern_names_phases(name):
    routine = MAKES[name](METRIC, UNSUPERVISED)
    read = {
        (term.name, role.stream)
        for phase in routine.phases
        for term in phase.terms
        for role in term.roles.values()
    }
    assert {("metric", "labelled"), ("reconstruction", "all"), ("kl", "all")} <= read
    assert not any(term == "metric" and stream != "labelled" for term, stream in read)
    for phase in routine.phases:
        assert phase.terms
        assert phase.length in ("all", "labelled")
    phase_numbers = set()
    for epoch in range(1, 25):
        pattern = routine.pattern(epoch)
        assert pattern
        assert pattern == routine.pattern(epoch)
        phase_numbers |= set(pattern)
    assert phase_numbers == set(range(len(routine.phases)))


@each
def test_weights_are_the_same_compiled_and_for_many_points_at_once(name):
    value_by_option, at = numbers(name), jnp.int32(5)
    eager = weights(name, value_by_option, at)
    compiled = jax.jit(lambda n, at: weights(name, n, at))(value_by_option, at)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), eager, compiled)
    if not value_by_option:
        return
    several = {option: jnp.array([value, 0.5 * value]) for option, value in value_by_option.items()}
    together = jax.vmap(lambda n: weights(name, n, at))(several)
    halved = weights(name, {option: 0.5 * value for option, value in value_by_option.items()}, at)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[0], b, rtol=1e-6), together, eager)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-6), together, halved)


@pytest.mark.default_variants("alternate", "joint", "pretrain_joint")
@each
def test_six_epochs_train_what_each_phase_reads_and_nothing_else(name, tiny):
    resolved = resolve(
        {
            "system": "mvae", "routine.name": DOTTED.get(name, name), "model.hidden": (8,),
            "model.latent_dim": 2, "train.batch_size": 8, "prior.pseudo_inputs": 3,
        }
    )  # fmt: skip
    method = assembly.assemble(resolved, (4, 4, 1), 3)
    routine = method.routine
    point = Point(
        jnp.int32(0),
        {path: jnp.asarray(value) for path, value in resolved.numbers.items()},
        jnp.arange(9),
        jnp.asarray(tiny.train.y[:9], jnp.int32),
        jnp.int32(9),
    )
    images = jnp.asarray(tiny.train.x)
    sizes = streams.Sizes(8, 30, None)
    state = step.init(method, point, images)

    @functools.cache  # a program for each pattern
    def trained(pattern):
        return jax.jit(
            lambda state, number: epochs.epoch(
                method, epochs.Kind(pattern, 4, sizes), state, point, images, number
            )
        )

    for epoch in range(1, 7):
        pattern = routine.pattern(epoch)
        after, metrics = trained(pattern)(state, jnp.int32(epoch))
        read = {term.name for i in set(pattern) for term in routine.phases[i].terms}
        assert set(metrics) >= read
        assert all(jnp.isfinite(value) for value in metrics.values())
        expected = {"model/encoder": True, "model/decoder": "reconstruction" in read,
                    "terms/kl": "kl" in read}  # fmt: skip
        for part in ("params", "opt"):  # parameters, and their optimizer's state
            before, now = by_path(getattr(state, part)), by_path(getattr(after, part))
            for name, moves in expected.items():
                changed = [bool((now[p] != before[p]).any()) for p in now if p.startswith(name)]
                assert changed
                assert set(changed) == {moves}
        state = after
    assert state.diverged.tolist() == [-1, -1, -1]
