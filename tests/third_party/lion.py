"""An optimizer as a user writes it, outside the package: a chain of optax that sees all arrays."""

import optax


def make(learning_rate, *, largest: float = 1.0, decay: float = 0.0):
    return optax.chain(
        optax.clip_by_global_norm(largest), optax.lion(learning_rate, weight_decay=decay)
    )
