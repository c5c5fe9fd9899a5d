import dataclasses

import jax
import numpy as np
import pytest

from jaxdml.settings import assembly
from jaxdml.settings.resolve import resolve
from jaxdml.train import feed, population, streams
from jaxdml.train import programs as compiled
from jaxdml.types import Split
from tests.third_party.shelf import Shelf

COMMON = {"model.hidden": (8,), "model.latent_dim": 2, "train.batch_size": 7}
STEPS = 5  # of thirty images


def make_programs(layout, image=(4, 4, 1), images=30, **options):
    """What trains a system, and its configuration."""
    resolved = resolve(COMMON | options)

    def assemble(numbers):
        return assembly.assemble({**resolved, **numbers}, image, 3)

    per_batch = options.get("train.classes_per_batch")
    sizes = streams.Sizes(7, images, None, (per_batch, 3) if per_batch else None)
    return compiled.programs(assemble, sizes, layout), assemble, resolved.numbers


def point_batch(numbers, count, layout):
    points = [numbers | {"train.learning_rate": 1e-3 * (1 + i)} for i in range(count)]
    y = np.arange(30) % 3
    return population.stack(range(count), points, [np.arange(9)] * count, y, 9, layout)


def trained(dataset, layout, count, epochs=2, **options):
    """States of some points after some epochs, and their metrics."""
    programs, assemble, numbers = make_programs(layout, **options)
    images, points = population.place_images(dataset, layout), point_batch(numbers, count, layout)
    states, history = programs.init(points, images), []
    for number in range(1, epochs + 1):
        pattern = assemble(numbers).routine.pattern(number)
        states, metrics = programs.epoch(pattern, STEPS)(states, points, images, np.int32(number))
        history.append(population.unstack(metrics, count, layout))
    return population.unstack(states, count, layout), history


def shelved(dataset):
    return dataclasses.replace(dataset, train=Split(Shelf(dataset.train.x), dataset.train.y))


ALTERNATE = {"system": "dml_ae", "routine.name": "alternate"}
TURNS = {"routine.name": "alternate", "routine.every": "batch"}
VAMP = {"system": "mvae", "loss.name": "supcon", "prior.pseudo_inputs": 4}
BALANCED = {"system": "dml", "train.sampler": "balanced", "train.classes_per_batch": 2}


@pytest.mark.parametrize(
    ("options", "width", "rounds", "double"),
    [
        pytest.param(TURNS | VAMP, 2, 2, True, marks=pytest.mark.slow),
        (BALANCED, 1, 1, False),
        pytest.param(ALTERNATE, 1, 1, False, marks=pytest.mark.slow),
        pytest.param(ALTERNATE | TURNS, 1, 1, False, marks=pytest.mark.slow),
        pytest.param(VAMP, 2, 2, True, marks=pytest.mark.slow),
    ],
)
def test_images_from_the_host_train_the_same(tiny, monkeypatch, options, width, rounds, double):
    layout = population.layout(width, rounds)
    count = layout.chunk - 1  # one place is left
    one_step = width * rounds * 7 * 16  # bytes of a stream
    monkeypatch.setattr(feed, "BLOCK", 6 * one_step)
    with jax.enable_x64(double):
        expected = trained(tiny, layout, count, **options)
        dataset = shelved(tiny)
        result = trained(dataset, layout._replace(fed=True), count, **options)
    # one program of a single point is the same; others round differently
    tolerance = 1e-12 if double else 1e-6
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance),
        result,
        expected,
    )
    assert dataset.train.x.most <= 5 * 7  # of a point


@pytest.mark.slow
def test_an_epoch_is_cut_into_blocks_that_are_about_equally_long(tiny, monkeypatch):
    layout = population.layout(1)._replace(fed=True)
    programs, _, numbers = make_programs(layout, system="dml_ae")
    images, points = population.place_images(tiny, layout), point_batch(numbers, 4, layout)
    epoch, blocks = programs.epoch((0,), STEPS), []

    def spy(states, point_batch, rows, x, number, first):
        blocks.append((int(first), x["all"].shape))
        return epoch.block(states, point_batch, rows, x, number, first)

    for most, room, first in ((1, 1, [0, 1, 2, 3, 4]), (4, 3, [0, 3]), (9, 5, [0])):
        blocks.clear()
        monkeypatch.setattr(feed, "BLOCK", most * 2 * 7 * 16)
        states = programs.init(points, images)
        states, metrics = epoch._replace(block=spy)(states, points, images, np.int32(1))
        # nothing is done with what stands past the last step
        assert (np.asarray(states.step) == STEPS).all()
        assert (np.asarray(states.diverged) == -1).all()
        assert np.isfinite(metrics["loss"]).all()
        assert blocks == [(start, (4, room, 7, 4, 4, 1)) for start in first]


def test_pseudo_inputs_begin_as_training_images(tiny):
    layout = population.layout(1)._replace(fed=True)
    programs, _, numbers = make_programs(layout, **VAMP)
    dataset = shelved(tiny)
    images = population.place_images(dataset, layout)
    states = programs.init(point_batch(numbers, 2, layout), images)
    pseudo_inputs = population.unstack(states.params["terms"]["kl"]["pseudo_inputs"], 2, layout)
    image_bytes = {image.tobytes() for image in tiny.train.x}
    for point in pseudo_inputs:
        images = [np.round(255 * image).astype(np.uint8).tobytes() for image in point]
        assert len(set(images)) == 4
        assert set(images) <= image_bytes
    assert dataset.train.x.most == 4


@pytest.mark.slow
def test_a_set_of_any_size_takes_two_blocks_on_a_device(tiny):
    """A million photographs: 12 GB, of which none is ever looked at."""
    x = np.broadcast_to(np.uint8(0), (1_000_000, 64, 64, 3))
    y = np.broadcast_to(np.int32(0), len(x))
    dataset = dataclasses.replace(tiny, train=Split(x, y))
    needed, steps = {}, -(-len(x) // 7)
    for fed in (False, True):
        layout = population.layout(1)._replace(fed=fed)
        programs, _, numbers = make_programs(layout, (64, 64, 3), len(x), system="ae")
        points = point_batch(numbers, 4, layout)
        images = population.described(dataset, layout)
        needed[fed] = compiled.compile_all(programs, [((0,), steps)], points, images, layout)
        if fed:
            ahead = programs.epoch((0,), steps).ahead(points, images)
    assert needed[False] > x.size
    assert feed.BLOCK / 2 < ahead <= feed.BLOCK
    assert 2 * ahead < needed[True] < 2 * ahead + 64 * 2**20
