import jax
import jax.numpy as jnp
import numpy as np

from jaxdml import losses


def test_the_weight_of_lengths_shortens_embeddings_that_are_normalised_too(float64):
    z = jnp.array(np.random.default_rng(0).normal(size=(6, 3)))
    y = jnp.array([0, 0, 1, 1, 2, 2])

    @jax.jit
    def slope(l2):
        return jax.grad(lambda z: losses.npair(z, y, normalize=True, l2=l2))(z)

    np.testing.assert_allclose(slope(1.0) - slope(0.0), 2 * z / 6, atol=1e-12)
