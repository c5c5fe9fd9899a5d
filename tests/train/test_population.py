import re

import jax
import numpy as np
import pytest

from jaxdml.settings import assembly
from jaxdml.settings.resolve import resolve
from jaxdml.train import checkpoint, population, streams
from jaxdml.train import programs as compiled

COLLECTIVES = re.compile(r"all-reduce|all-gather|collective-permute|all-to-all|reduce-scatter")


def trained(dataset, seeds, width, devices=4, rounds=1, epochs=2, images=30):
    """Parameters by seed, after some epochs, of points that travel together."""
    resolved = resolve(
        {"system": "dml_ae", "model.hidden": (8,), "model.latent_dim": 2, "train.batch_size": 8}
    )
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:devices]), (population.AXIS,))
    layout = population.Layout(mesh, width, rounds)

    def assemble(numbers):
        return assembly.assemble({**resolved, **numbers}, (4, 4, 1), 3)

    programs = compiled.programs(assemble, streams.Sizes(8, images, None), layout)
    placed = population.place_images(dataset, layout)
    params_by_seed = {}
    for start in range(0, len(seeds), layout.chunk):
        chunk = seeds[start : start + layout.chunk]
        numbers = [resolved.numbers | {"train.learning_rate": 1e-3 * (1 + s)} for s in chunk]
        labelled = [np.arange(3 + s) for s in chunk]
        point_batch = population.stack(chunk, numbers, labelled, dataset.train.y, 12, layout)
        states = programs.init(point_batch, placed)
        for number in range(1, epochs + 1):
            pattern = assemble(numbers[0]).routine.pattern(number)
            program = programs.epoch(pattern, -(-images // 8))
            states, _ = program(states, point_batch, placed, np.int32(number))
        params = population.unstack(states.params, len(chunk), layout)
        for i, seed in enumerate(chunk):
            params_by_seed[seed] = jax.tree.map(lambda leaf, i=i: leaf[i], params)
    return params_by_seed


def close(a, b, tolerance):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=tolerance), a, b)


@pytest.fixture(scope="module")
def alone(tiny):
    """Each point alone on one device: chunks of one."""
    with jax.enable_x64(True):
        return trained(tiny, [0, 1, 2, 3, 4], 1, devices=1)


@pytest.mark.parametrize(
    ("seeds", "width", "devices", "rounds"),
    [
        ([4, 2, 0, 3, 1], 2, 2, 2),  # all of it at once
        pytest.param(*([0, 1, 2, 3, 4], 1, 4, 1), marks=pytest.mark.slow),
        pytest.param(*([0, 1, 2, 3, 4], 3, 1, 1), marks=pytest.mark.slow),
        pytest.param(*([0, 1, 2, 3, 4], 2, 4, 1), marks=pytest.mark.slow),
        pytest.param(*([4, 2, 0, 3, 1], 8, 1, 1), marks=pytest.mark.slow),
        pytest.param(*([4, 2, 0, 3, 1], 1, 2, 4), marks=pytest.mark.slow),
        pytest.param(*([3, 1, 4, 2, 0], 2, 1, 2), marks=pytest.mark.slow),
    ],
)
def test_company_order_width_rounds_and_devices_change_nothing(
    tiny, alone, seeds, width, devices, rounds
):
    with jax.enable_x64(True):
        together = trained(tiny, seeds, width, devices, rounds)
    for seed in seeds:
        close(together[seed], alone[seed], 1e-7)


@pytest.mark.slow
def test_a_step_in_float32_depends_on_nothing_else_either(tiny):
    options = {"epochs": 1, "images": 8}  # a single batch
    alone = trained(tiny, [0, 1, 2], 1, devices=1, **options)
    for layout in ({"width": 1}, {"width": 3, "devices": 1}, {"width": 2, "rounds": 2}):
        together = trained(tiny, [2, 0, 1], **layout, **options)
        for seed, params in alone.items():
            close(together[seed], params, 1e-5)


def test_points_lie_on_all_devices_and_exchange_nothing(tiny):
    resolved = resolve({"system": "dml_ae", "model.hidden": (16,), "train.batch_size": 8})
    layout = population.layout(1)
    assert layout.mesh.size == 4

    def assemble(numbers):
        return assembly.assemble({**resolved, **numbers}, (4, 4, 1), 3)

    programs = compiled.programs(assemble, streams.Sizes(8, 30, None), layout)
    numbers, labelled = [resolved.numbers] * 4, [np.arange(3)] * 4
    points = population.stack(range(4), numbers, labelled, tiny.train.y, 3, layout)
    images = population.place_images(tiny, layout)
    states = programs.init(points, images)
    leaf = states.params["model"]["encoder"]["Dense_0"]["kernel"]
    assert len({shard.device for shard in leaf.addressable_shards}) == 4
    text = programs.epoch((0,), 4).lower(states, points, images, np.int32(1)).compile().as_text()
    assert not COLLECTIVES.search(text)


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    tree = {"a": np.arange(6.0, dtype=np.float32).reshape(3, 2), "b": {"c": np.arange(3)}}
    checkpoint.save(tmp_path / "x", tree)
    back = checkpoint.restore(tmp_path / "x", jax.eval_shape(lambda: tree))
    jax.tree.map(np.testing.assert_array_equal, back, tree)
    assert isinstance(back["a"], np.ndarray)
