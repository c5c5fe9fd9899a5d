import jax
import numpy as np
import pytest

from jaxdml.models.mlp import make
from jaxdml.types import ModelSpec


def test_it_is_the_chain_of_its_layers():
    model = make(ModelSpec((2, 3, 1), 10, stochastic=False, decoder=True), hidden=(5, 4))
    params = jax.jit(model.init)(jax.random.key(0))
    x = jax.random.uniform(jax.random.key(1), (3, 2, 3, 1))
    h = np.asarray(x).reshape(3, 6)
    layers = [params["encoder"][f"Dense_{i}"] for i in range(3)]
    for i, layer in enumerate(layers):
        h = h @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])
        h = h if i == 2 else np.maximum(h, 0)
    np.testing.assert_allclose(jax.jit(model.encode)(params, x)[0], h, rtol=1e-5, atol=1e-6)
    widths = [params["decoder"][f"Dense_{i}"]["kernel"].shape for i in range(3)]
    assert widths == [(10, 4), (4, 5), (5, 6)]


@pytest.mark.parametrize("options", [{"hidden": (0,)}, {"latent_dim": 0}])
def test_a_width_below_one_is_refused(options):
    with pytest.raises(ValueError, match="must be at least 1 and finite, but is 0"):
        make(ModelSpec((8, 8, 1), 10, stochastic=False, decoder=True), **options)
