"""Views, teacher, schedule, clipping, weight decay, a refresh and two batch sizes, all at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.settings import setting as settings
from jaxdml.settings.resolve import resolve
from jaxdml.train import step, streams
from tests.points import any_point
from tests.train import everything
from tests.train.everything import MEANS, WEIGHTS, Training, layout, several


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch):
    monkeypatch.setattr(settings, "EPOCH", everything.EPOCH)


def close(a, b, tolerance):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=tolerance), a, b)


VMAPPED, SPREAD = layout(1, 8), layout(4, 2)
FED = SPREAD._replace(fed=True)


@pytest.mark.parametrize(
    ("setting", "layouts"),
    [
        pytest.param(WEIGHTS, (FED,), marks=pytest.mark.slow),
        pytest.param(WEIGHTS, (VMAPPED, SPREAD, layout(1, 3)), marks=pytest.mark.slow),
        pytest.param(MEANS, (VMAPPED, SPREAD, FED), marks=pytest.mark.slow),
    ],
)
def test_eight_points_in_any_company_are_each_the_point_alone(tiny, float64, setting, layouts):
    points = several(setting)
    states, metrics = alone = Training(tiny, points, layout(1, 1)).states()
    # the setting is what it says: all that may differ does, and the teacher decides on labels
    assert (states.step == everything.STEPS).all()
    assert (states.diverged == -1).all()
    assert (states.kept["anchors"]["moved"] == everything.STEPS // everything.EPOCH + 1).all()
    confident = np.stack([of_epoch["metric.teacher.confident"] for of_epoch in metrics])
    assert ((confident > 0) & (confident < 1)).any()
    different = {name for name in points[0].setting if len({p.setting[name] for p in points}) == 8}
    assert len(different) >= 13
    for leaf in jax.tree.leaves((states.params, states.average)):
        assert len(np.unique(leaf.reshape(8, -1), axis=0)) == 8
    for placement in layouts:
        close(Training(tiny, points, placement).states(), alone, 1e-7)


class Step:
    """One supervised step of a setting, in which every term is read."""

    def __init__(self, dataset, setting):
        self.resolved, self.dataset = resolve(setting), dataset
        assemble = self.resolved.on(dataset).assemble
        self.numbers = self.resolved.numbers
        self.state = step.init(assemble(self.numbers), any_point(), jnp.asarray(dataset.train.x))

        def once(numbers, state, batches):
            method = assemble(numbers)
            phase, key = method.routine.phases[0], jax.random.key(1)
            return step.step(method, phase, state, batches, key, jnp.int32(1), everything.STEPS)

        self.once = once

    def batches(self, rows=range(7)):
        rows = np.array(rows, np.int32)
        x, y = self.dataset.train.x[rows], np.asarray(self.dataset.train.y)[rows]
        x, y, rows = jnp.asarray(x), jnp.asarray(y), jnp.asarray(rows)
        return {
            "labelled": streams.batch(x, rows, y, jnp.ones(7, bool), "labelled"),
            "all": streams.batch(x, rows, jnp.full(7, -1), jnp.ones(7, bool), "all"),
        }


@pytest.mark.slow
@pytest.mark.parametrize("setting", [WEIGHTS, MEANS])
def test_a_step_is_the_same_compiled_and_not(tiny, float64, setting):
    training_step = Step(tiny, setting)
    arguments = training_step.numbers, training_step.state, training_step.batches()
    compiled = jax.jit(training_step.once)(*arguments)
    with jax.disable_jit():
        close(training_step.once(*arguments), compiled, 1e-9)


@pytest.mark.parametrize("setting", [MEANS, pytest.param(WEIGHTS, marks=pytest.mark.slow)])
def test_batches_with_little_in_them_leave_everything_finite(tiny, setting):
    training_step = Step(tiny, setting)
    usual = training_step.batches()
    same_class, same_image = (
        training_step.batches([0, 3, 6, 9, 12, 15, 18]),
        training_step.batches([4] * 7),
    )
    absent = {
        name: batch._replace(valid=jnp.zeros(7, bool), labelled=jnp.zeros(7, bool))
        for name, batch in usual.items()
    }
    black = {name: batch._replace(x=jnp.zeros_like(batch.x)) for name, batch in usual.items()}
    degenerate = {
        "no label": usual | {"labelled": absent["labelled"]},
        "no image": usual | {"all": absent["all"]},
        "nothing": absent,
        "one class": same_class,
        "one image": same_image,
        "black": black,
    }
    once = jax.jit(training_step.once)
    for threshold in (0.0, 1.0):
        numbers = training_step.numbers | {"pseudo.threshold": threshold}
        for name, batches in degenerate.items():
            state, metrics = training_step.state, {}
            for i in range(2):  # a gradient that is not finite shows in the second
                state, metrics = once(numbers, state, batches)
                if threshold == 1.0 and i == 0:  # later, with one class ever seen, it is sure
                    assert metrics["metric.teacher.confident"] == 0
            broken = [
                jax.tree_util.keystr(path)
                for path, leaf in jax.tree_util.tree_leaves_with_path((state, metrics))
                if not np.isfinite(leaf).all()
            ]
            assert not broken, (name, threshold, broken)
            assert state.diverged.tolist() == [-1, -1, -1], (name, threshold)
