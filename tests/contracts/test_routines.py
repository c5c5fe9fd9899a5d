"""What every routine promises: which terms read which stream, in phases that are the same for all
points of a cohort, with weights that may be traced.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml import config, systems
from jaxdml.options import defaults
from jaxdml.routines import ROUTINES
from jaxdml.train import step, streams
from jaxdml.types import Images, Point, Term
from tests.third_party import thirds

MAKES = {**ROUTINES, "third-party": thirds.make}
DOTTED = {"third-party": "tests.third_party.thirds:make"}
each = pytest.mark.parametrize("name", MAKES)
METRIC = (Term("metric", print),)
UNSUPERVISED = (Term("reconstruction", print), Term("kl", print, lambda step: 3.0 * step))


def numbers(name):
    return {o: d for o, d in defaults(MAKES[name]).items() if isinstance(d, float)}


def weights(name, numbers, at):
    routine = MAKES[name](METRIC, UNSUPERVISED, **numbers)
    return [[jnp.asarray(t.weight(at), float) for t, _ in p.terms] for p in routine.phases]


@each
def test_its_phases_hold_the_terms_on_their_streams_and_its_pattern_names_phases(name):
    routine = MAKES[name](METRIC, UNSUPERVISED)
    read = {(term.name, stream) for phase in routine.phases for term, stream in phase.terms}
    assert {("metric", "labelled"), ("reconstruction", "all"), ("kl", "all")} <= read
    assert not any(term == "metric" and stream != "labelled" for term, stream in read)
    for phase in routine.phases:
        assert phase.terms
        assert phase.length in ("all", "labelled")
    seen = set()
    for epoch in range(1, 25):
        pattern = routine.pattern(epoch)
        assert pattern
        assert pattern == routine.pattern(epoch)
        seen |= set(pattern)
    assert seen == set(range(len(routine.phases)))


@each
def test_weights_are_the_same_compiled_and_for_many_points_at_once(name):
    given, at = numbers(name), jnp.int32(5)
    eager = weights(name, given, at)
    compiled = jax.jit(lambda n, at: weights(name, n, at))(given, at)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), eager, compiled)
    if not given:
        return
    several = {option: jnp.array([value, 0.5 * value]) for option, value in given.items()}
    together = jax.vmap(lambda n: weights(name, n, at))(several)
    halved = weights(name, {option: 0.5 * value for option, value in given.items()}, at)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[0], b, rtol=1e-6), together, eager)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-6), together, halved)


@each
@pytest.mark.usefixtures("compile_quickly")
def test_six_epochs_train_what_each_phase_reads_and_nothing_else(name, tiny):
    resolved = config.resolve(
        {
            "system": "mvae", "routine.name": DOTTED.get(name, name), "model.hidden": (8,),
            "model.latent_dim": 2, "train.batch_size": 8, "prior.pseudo_inputs": 3,
        }
    )  # fmt: skip
    model, routine, _ = systems.assemble(resolved, (4, 4, 1), 3)
    point = Point(
        jnp.int32(0),
        {path: jnp.asarray(value) for path, value in config.numbers(resolved).items()},
        jnp.arange(9),
        jnp.int32(9),
    )
    images = Images(jnp.asarray(tiny.train.x), jnp.asarray(tiny.train.y))
    sizes = streams.Sizes(8, 30, None)
    run = jax.jit(step.epoch, static_argnums=(0, 1, 2, 3))
    state = step.init(model, routine, point.seed, images)
    for epoch in range(1, 7):
        pattern = routine.pattern(epoch)
        after, metrics = run(model, routine, pattern, sizes, state, point, images, jnp.int32(epoch))
        read = {term.name for i in set(pattern) for term, _ in routine.phases[i].terms}
        assert set(metrics) >= read
        assert all(jnp.isfinite(value) for value in metrics.values())
        same = jax.tree.map(
            lambda a, b: bool((a == b).all()), (state.params, state.opt), (after.params, after.opt)
        )
        for part in same:  # parameters, and their optimizer's state
            moved = {
                "encoder": not any(jax.tree.leaves(part["model"]["encoder"])),
                "decoder": not any(jax.tree.leaves(part["model"]["decoder"])),
                "prior": not any(jax.tree.leaves(part["terms"]["kl"])),
            }
            assert moved == {
                "encoder": True, "decoder": "reconstruction" in read, "prior": "kl" in read
            }  # fmt: skip
        state = after
    assert state.diverged.tolist() == [-1, -1, -1]
