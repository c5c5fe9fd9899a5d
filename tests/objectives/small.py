"""A small network and its step's view, for terms that read class scores of all images."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdml.types import Batch, Context, Outputs

ROWS, CLASSES, DIM, SHAPE = 6, 3, 4, (2, 3, 1)
VALID = jnp.array([True, True, False, True, True, False])


def network(seed=0, scale=1.5):
    """Weights of an embedding tanh(x W), and of class scores z C."""
    random = np.random.default_rng(seed)
    return {
        "w": jnp.array(scale * random.normal(size=(int(np.prod(SHAPE)), DIM))),
        "c": jnp.array(scale * random.normal(size=(DIM, CLASSES))),
    }


def images(seed=0, rows=ROWS):
    return jnp.array(np.random.default_rng(seed).random((rows, *SHAPE)))


def embedded(params, x):
    return jnp.tanh(x.reshape(len(x), -1) @ params["w"])


def context(params, x=None, valid=VALID, teacher=None, step=0):
    """What a term sees of one batch of all images; without a teacher the student is its own."""
    x = images() if x is None else x
    fixed = jax.lax.stop_gradient(params if teacher is None else teacher)
    of_whom = {"student": params, "teacher": fixed}
    rows = len(x)
    batch = Batch(x, jnp.full(rows, -1), jnp.zeros(rows, bool), valid, jnp.arange(rows))
    z = embedded(params, x)

    def embed(x, of="student"):
        return embedded(of_whom[of], x)

    def class_scores(z, of="student"):
        return z @ of_whom[of]["c"]

    outputs = Outputs(z, z, None, None)
    return Context(
        {"images": batch}, {"images": outputs}, jnp.int32(step), CLASSES, lambda z: z,
        encode=None, embed=embed, decode=None, class_scores=class_scores,
    )  # fmt: skip


def value(term, params, key=0, **options):
    """The loss of a term that learns and keeps nothing."""
    return term.value({}, {}, context(params, **options), jax.random.key(key))[0]


# images and which of them are valid
DEGENERATE = {
    "no valid row": (images(), jnp.zeros(ROWS, bool)),
    "one valid row": (images(), jnp.arange(ROWS) == 2),
    "all rows equal": (jnp.ones((ROWS, *SHAPE)), VALID),
    "black": (jnp.zeros((ROWS, *SHAPE)), VALID),
    "one row": (jnp.ones((1, *SHAPE)), jnp.ones(1, bool)),
}


def degenerate_values(term, scale):
    """The value of a term for each such batch and a network, after a look at its gradient."""
    sloped = jax.jit(jax.value_and_grad(lambda p, x, valid: value(term, p, x=x, valid=valid)))
    value_by_name = {}
    for name, batch in DEGENERATE.items():
        value_by_name[name], slope = sloped(network(scale=scale), *batch)
        assert jnp.isfinite(value_by_name[name]), name
        assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(slope)), name
    return value_by_name
