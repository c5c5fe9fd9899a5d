"""The time of a training step in bfloat16 against float32, for each encoder, in turns.

    python -m experiments.precision [--encoders=mlp,conv]

The images are noise of 28 × 28 pixels: their values do not change what a step costs.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from jaxdml.settings.resolve import resolve
from jaxdml.settings.setting import SettingOnData
from jaxdml.train import epoch, step
from jaxdml.types import Point

ENCODERS = flags.DEFINE_list("encoders", ["mlp", "conv", "conv_small"], "What is timed.")
PRECISIONS = ("float32", "bfloat16")
IMAGES, STEPS, TURNS = 6000, 10, 7


def main(_: list[str]) -> None:
    """Prints the medians, and their ratio."""
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 28, 28, 1), np.uint8)
    for encoder in ENCODERS.value:
        steps = {precision: steps_of(encoder, precision, images) for precision in PRECISIONS}
        times: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
        for _turn in range(TURNS):
            for precision, run in steps.items():
                began = time.perf_counter()
                jax.block_until_ready(run())
                times[precision].append((time.perf_counter() - began) / STEPS * 1e3)
        wide, narrow = (float(np.median(times[precision])) for precision in PRECISIONS)
        print(f"{encoder}: {wide:.2f} ms, {narrow:.2f} ms in bfloat16: × {narrow / wide:.2f}")


def steps_of(encoder: str, precision: str, images: np.ndarray) -> Callable[[], Any]:
    """Steps of `dml_ae`, compiled, and run once."""
    config = {"system": "dml_ae", "model.encoder": encoder, "train.precision": precision}
    on_data = SettingOnData(resolve(config), images.shape[1:], 10, len(images), ())
    method = on_data.assemble(on_data.setting.numbers)
    labelled = jnp.arange(IMAGES // 10)
    point = Point(jnp.int32(0), {}, labelled, labelled % 10, jnp.int32(len(labelled)))
    kind = epoch.Kind(method.routine.pattern(1), STEPS, on_data.sizes())
    state = jax.jit(lambda x: step.init(method, point, x))(images)
    run = jax.jit(lambda state, x: epoch.epoch(method, kind, state, point, x, jnp.int32(1)))
    x = jax.device_put(images)
    jax.block_until_ready(run(state, x))
    return lambda: run(state, x)


if __name__ == "__main__":
    app.run(main)
