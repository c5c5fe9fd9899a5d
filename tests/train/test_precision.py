"""`train.precision=bfloat16`: what a training keeps is float32, and so is what is scored of it."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdml.evaluate import embed
from jaxdml.options import ConfigError
from jaxdml.runs.planning.points import point, with_stored_ids
from jaxdml.settings.resolve import resolve
from jaxdml.settings.setting import SettingOnData
from jaxdml.train import epoch, step
from jaxdml.types import Point
from tests.estimator.small import IMAGES, embedder

SMALL = {
    "system": "mvae",
    "loss.name": "arcface",
    "prior.pseudo_inputs": 4,
    "model.hidden": (8,),
    "model.latent_dim": 3,
    "train.average": 0.9,
    "train.batch_size": 6,
}
POINT = Point(jnp.int32(0), {}, jnp.arange(9), jnp.arange(9) % 3, jnp.int32(9))


def on_data(**changes):
    options = {path.replace("__", "."): value for path, value in changes.items()}
    return SettingOnData(resolve(SMALL | options), (4, 4, 1), 3, 12, ())


def test_parameters_optimizer_average_losses_and_metrics_are_float32():
    narrow = on_data(train__precision="bfloat16")
    method = narrow.assemble(narrow.setting.numbers)
    images = jnp.zeros((12, 4, 4, 1), jnp.uint8)
    state = jax.eval_shape(lambda x: step.init(method, POINT, x), images)
    kind = epoch.Kind((0,), 2, narrow.sizes())

    def run(state, x):
        return epoch.epoch(method, kind, state, POINT, x, jnp.int32(1))

    assert "bf16" in str(jax.make_jaxpr(run)(state, images))
    after, metrics = jax.eval_shape(run, state, images)
    for tree in (state, after, metrics):
        floats = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
        assert floats
        assert {leaf.dtype for leaf in floats} == {jnp.dtype("float32")}
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, after)


def test_the_same_parameters_are_scored_alike_whatever_they_were_trained_in():
    narrow, wide = on_data(train__precision="bfloat16"), on_data()
    params = jax.jit(wide.method.model.init)(jax.random.key(0))
    x = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1), np.uint8)
    embedded = [embed.encoder(one.method.model)(params, x) for one in (narrow, wide)]
    for one, other in zip(*embedded, strict=True):
        np.testing.assert_array_equal(one, other)
    trained_with = narrow.assemble(narrow.setting.numbers).model.encode(params, x / np.float32(255))
    assert 1e-6 < np.abs(trained_with[0] - embedded[0][0]).max() < 0.05


def test_the_default_is_what_runs_before_it_were_trained_in():
    plain = point({"system": "dml_ae"})
    before = json.loads(json.dumps(dict(plain.setting)))
    assert before.pop("train.precision") == "float32"
    stored = {"0123456789ab": before}
    narrow = point({"system": "dml_ae", "train.precision": "bfloat16"})
    [first, explicit, other] = with_stored_ids(
        [plain, point({"system": "dml_ae", "train.precision": "float32"}), narrow], stored
    )
    assert first.id == explicit.id == "0123456789ab"
    assert other.id == narrow.id != plain.id
    assert resolve(before) == plain.setting
    assert plain.setting.static != narrow.setting.static  # they are no points of one program
    program = str(jax.make_jaxpr(on_data().method.model.init)(jax.random.key(0)))
    assert "bf16" not in program


@pytest.mark.parametrize("value", ["float16", "BFLOAT16", ""])
def test_another_precision_is_refused_in_one_sentence(value):
    message = f"train.precision must be one of float32, bfloat16, but is {value!r}"
    with pytest.raises(ConfigError, match=f"^{message}$"):
        resolve({"system": "ae", "train.precision": value})


def test_an_embedder_trains_in_it_and_exports_what_it_embeds(tmp_path):
    pytest.importorskip("flatbuffers")
    one = embedder(5, method="ae", options={"train.precision": "bfloat16"}).fit(IMAGES)
    embeddings = one.transform(IMAGES)
    assert embeddings.dtype == np.float32
    one.export(tmp_path / "encoder", "uint8")
    exported = jax.export.deserialize(bytearray((tmp_path / "encoder").read_bytes()))
    np.testing.assert_allclose(exported.call(IMAGES[..., None]), embeddings, rtol=1e-5, atol=1e-6)
    assert "bf16" not in exported.mlir_module()
