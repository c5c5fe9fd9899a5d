"""Mixtures of any number of components, evenly spread on a sphere, fixed or learned from there.

The thesis believed that n evenly spaced points in d dimensions could not be had (section 5.2): up
to d + 1 points are the corners of a simplex; more are spread by minimising Σ 1/‖cᵢ − cⱼ‖ (Thomson's
problem, here in any dimension).
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy  # its parts are loaded where they are first used
from jax import Array
from jax.typing import ArrayLike

from jaxdml.options import at_least
from jaxdml.priors.base import learns_nothing, mixture
from jaxdml.types import Components, Params, Prior


@functools.cache
def directions(count: int, dim: int) -> np.ndarray:
    """Unit vectors, evenly spread, f64[N, D]; the same on every call.

    Args:
      count: N.
      dim: D.

    Raises:
      ValueError: for more than two points on a line.

    >>> corners = directions(3, 2)
    >>> np.round(corners @ corners.T, 6).tolist()  # an equilateral triangle: cos 120° = −½
    [[1.0, -0.5, -0.5], [-0.5, 1.0, -0.5], [-0.5, -0.5, 1.0]]
    """
    if count <= dim + 1:
        return _simplex(count, dim)
    if dim == 1:
        raise ValueError(
            f"components must be at most 2 where latent_dim is 1, but is {count}: "
            "a line has no more directions"
        )
    pairs = np.triu_indices(count, 1)

    def energy(flat: np.ndarray) -> tuple[float, np.ndarray]:
        points = flat.reshape(count, dim)
        norm = np.linalg.norm(points, axis=1, keepdims=True)
        units = points / norm
        apart = units[pairs[0]] - units[pairs[1]]
        distance = np.linalg.norm(apart, axis=1)
        push = -apart / distance[:, None] ** 3
        slope = np.zeros_like(points)
        np.add.at(slope, pairs[0], push)
        np.add.at(slope, pairs[1], -push)
        along = slope - (slope * units).sum(axis=1, keepdims=True) * units
        return float((1 / distance).sum()), (along / norm).ravel()

    results = []
    for seed in range(5):  # the energy has local minima
        start = np.random.default_rng(seed).normal(size=count * dim)
        results.append(scipy.optimize.minimize(energy, start, jac=True, method="L-BFGS-B"))
    best = min(results, key=lambda result: result.fun).x.reshape(count, dim)
    return best / np.linalg.norm(best, axis=1, keepdims=True)


def make(
    latent_dim: int,
    classes: int,
    *,
    components: int | None = None,
    radius: ArrayLike = 3.0,
    component_std: ArrayLike = 0.5,
) -> Prior:
    """p(z) = 1/n Σ_k N(z; r c_k, s² I) with evenly spread c_k, as `prior.name = "sphere"`.

    Args:
      latent_dim: d.
      classes: how many classes there are.
      components: n ≥ 1; `None` means one for each class.
      radius: r > 0.
      component_std: s > 0.

    Raises:
      ValueError: for a value out of range.

    >>> import jax.numpy as jnp
    >>> prior = make(2, 10, components=3, radius=2.0)
    >>> prior.components({}, None).means.shape
    (3, 2)
    """
    start = _start(latent_dim, classes, components, radius, component_std)
    return mixture(learns_nothing, lambda params, encode: start)


def make_learned(
    latent_dim: int,
    classes: int,
    *,
    components: int | None = None,
    radius: ArrayLike = 3.0,
    component_std: ArrayLike = 0.5,
) -> Prior:
    """Σ_k w_k N(z; m_k, diag s_k²) with learned weights, means and widths, `learned_mixture`.

    Its first values are those of `make`, with the same options.

    Args:
      latent_dim, classes, components, radius, component_std: as for `make`.

    >>> import jax
    >>> prior = make_learned(2, 10, components=3)
    >>> {name: leaf.shape for name, leaf in prior.init(jax.random.key(0), None).items()}
    {'logits': (3,), 'means': (3, 2), 'logvars': (3, 2)}
    """
    start = _start(latent_dim, classes, components, radius, component_std)

    def init(key: Array, examples: Any) -> Params:
        return {
            "logits": jnp.zeros_like(start.log_weights),
            "means": start.means,
            "logvars": start.logvars,
        }

    def of(params: Params, encode: Any) -> Components:
        weights = jax.nn.log_softmax(params["logits"])
        return Components(weights, params["means"], params["logvars"])

    return mixture(init, of)


def _start(
    latent_dim: int,
    classes: int,
    components: int | None,
    radius: ArrayLike,
    component_std: ArrayLike,
) -> Components:
    count = classes if components is None else components
    if not isinstance(count, int) or isinstance(count, bool):
        raise ValueError(f"components must be a whole number, but is {count!r}")
    at_least("components", count, 1)
    at_least("radius", radius, 1e-6)
    at_least("component_std", component_std, 1e-6)
    dtype = jnp.result_type(float)
    means = jnp.asarray(radius, dtype) * jnp.asarray(directions(count, latent_dim), dtype)
    logvar = 2 * jnp.log(jnp.asarray(component_std, dtype))
    return Components(
        jnp.full(count, -math.log(count), dtype), means, jnp.full(means.shape, logvar)
    )


def _simplex(count: int, dim: int) -> np.ndarray:
    """`count` ≤ dim + 1 unit vectors at equal angles, whose sum is 0."""
    if count == 1:
        return np.eye(1, dim)
    centred = np.eye(count) - 1 / count  # in count − 1 dimensions, as its singular vectors show
    _, _, axes = np.linalg.svd(centred)
    corners = centred @ axes[: count - 1].T
    corners = np.pad(corners, ((0, 0), (0, dim - count + 1)))
    return corners / np.linalg.norm(corners, axis=1, keepdims=True)
