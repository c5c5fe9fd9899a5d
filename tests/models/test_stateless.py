"""What a user's own encoder may be, and what is said of one that cannot be trained."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from jaxdml.models.stateless import output_shape
from jaxdml.options import ConfigError
from jaxdml.runs.execution import execute
from jaxdml.settings.resolve import resolve
from jaxdml.types import ModelSpec
from tests.third_party import encoders

ENCODERS = "tests.third_party.encoders"
STATISTICS = (
    "keeps batch_stats, but training moves parameters only: "
    "use nn.GroupNorm or nn.LayerNorm instead"
)
RANDOM = (
    "draws random numbers, but an embedding must follow from parameters and image: leave it out "
    "or set deterministic=True, and regularise by augmented views or weight decay"
)
REFUSED = {
    "batch_norm": f"BatchNorm at BatchNorm_0 in the encoder {STATISTICS}",
    "frozen_batch_norm": f"BatchNorm at BatchNorm_0 in the encoder {STATISTICS}",
    "undecided_batch_norm": f"BatchNorm at norm in the encoder {STATISTICS}",
    "block": f"BatchNorm at Block_0/BatchNorm_0 in the encoder {STATISTICS}",
    "dropout": f"Dropout at Dropout_0 in the encoder {RANDOM}",
    "undecided_dropout": f"Dropout at Dropout_0 in the encoder {RANDOM}",
    "noise": f"Encoder in the encoder {RANDOM}",
    "counter": "Encoder in the encoder keeps counts, but training moves parameters only: "
    "make it a parameter, or a field of the module",
    "pair": "the encoder must give one array, but gives a tuple",
}


@pytest.mark.default_variants("mvae-group_norm")
@pytest.mark.parametrize(
    ("system", "between"),
    [("dml", "layer_norm"), ("mvae", "group_norm"), ("dml", "deterministic_dropout")],
)
def test_an_encoder_of_a_user_trains_with_layer_and_group_normalisation(system, between, tmp_path):
    options = {
        "system": system,
        "model.encoder": ENCODERS + ":make",
        "model.between": between,
        "data.name": "tests.third_party.blobs:make",
        "train.epochs": 1,
        "eval.protocols": ("thesis",),
    }
    [result] = execute.run(options, ({},), tmp_path, tmp_path).results()
    assert result["status"] == "ok", result["reason"]


@pytest.mark.parametrize("between", REFUSED)
@pytest.mark.parametrize("system", ["dml", "mvae"])
def test_one_that_is_no_function_of_its_parameters_is_refused_with_the_configuration(
    system, between
):
    options = {"system": system, "model.encoder": ENCODERS + ":make", "model.between": between}
    with pytest.raises(ConfigError) as error:
        resolve(options)
    assert str(error.value) == "model.encoder: " + REFUSED[between]


def test_a_decoder_is_checked_where_it_is_read():
    path = ENCODERS + ":make_decoder"
    assert resolve({"system": "dml", "model.encoder": path})
    with pytest.raises(ConfigError) as error:
        resolve({"system": "dml_ae", "model.encoder": path})
    message = f"model.encoder: BatchNorm at BatchNorm_0 in the decoder {STATISTICS}"
    assert str(error.value) == message


def test_an_encoder_without_the_log_variance_that_a_system_asks_for_is_refused():
    path = ENCODERS + ":make_forgetful"
    assert resolve({"system": "dml", "model.encoder": path})
    with pytest.raises(ConfigError) as error:
        resolve({"system": "vae", "model.encoder": path})
    assert str(error.value) == (
        "model.encoder: the encoder must give 6 values for an image, the mean and then the "
        "log-variance, but gives an array of shape (1, 3) for a batch of one"
    )


def test_an_encoder_that_needs_larger_images_than_a_configuration_is_checked_on_passes():
    options = {"system": "dml", "model.encoder": ENCODERS + ":make"}
    assert resolve(options | {"model.between": "large_images_only"})
    spec = ModelSpec((14, 14, 1), 10, stochastic=False, decoder=False)
    model = encoders.make(spec, between="large_images_only")
    params = jax.eval_shape(model.init, jax.random.key(0))
    x = jax.ShapeDtypeStruct((2, 14, 14, 1), jnp.float32)
    assert jax.eval_shape(model.encode, params, x)[0].shape == (2, 3)


def test_a_module_may_hold_a_number_that_differs_between_points():
    assert resolve({"system": "dml_ae", "model.encoder": ENCODERS + ":make_slope"})
    spec = ModelSpec((3, 3, 1), 10, stochastic=False, decoder=False)
    x = jnp.ones((2, 3, 3, 1))
    params = jax.jit(encoders.make_slope(spec).init)(jax.random.key(0))

    @jax.jit
    @jax.vmap
    def embeddings(slope):
        return encoders.make_slope(spec, slope=slope).encode(params, x)[0]

    several = embeddings(jnp.array([0.1, 0.9]))
    assert several.shape == (2, 2, 3)
    assert not jnp.allclose(several[0], several[1])


def test_a_module_is_traced_once_and_computes_nothing():
    traced = []

    class Counted(nn.Module):
        @nn.compact
        def __call__(self, x):
            traced.append(x.shape)
            return nn.Dense(2)(x)

    assert output_shape("encoder", Counted(), (4,)) == (1, 2)
    calls = len(traced)
    assert output_shape("encoder", Counted(), (4,)) == (1, 2)
    assert len(traced) == calls == 2  # once for its parameters, once with them
    assert output_shape("encoder", Counted(), (5,)) == (1, 2)
    assert len(traced) == 4
