"""Conjugate gradients for several right-hand sides (Hestenes, Stiefel 1952), in NumPy."""

from collections.abc import Callable

import numpy as np


def conjugate_gradients(
    apply: Callable[[np.ndarray], np.ndarray],
    right: np.ndarray,
    tolerance: float,
    iterations: int = 2000,
) -> np.ndarray:
    """The solution x f64[N, C] of A x = b for each column; all columns share the products with A.

    A column is done when its residual is at most `tolerance` times as long as its b.

    Args:
      apply: x → A x, for a symmetric A that is positive semi-definite, with b in its range.
      right: b, f64[N, C].
      tolerance: > 0.
      iterations: the most products with A.

    >>> a = np.array([[2.0, 1.0], [1.0, 3.0]])
    >>> conjugate_gradients(lambda x: a @ x, np.array([[3.0], [4.0]]), 1e-12).round(6).tolist()
    [[1.0], [1.0]]
    """
    x, residual = np.zeros_like(right), right.copy()
    direction = residual.copy()
    squares = (residual**2).sum(axis=0)
    enough = tolerance**2 * squares
    for _ in range(iterations):
        going = squares > enough
        if not going.any():
            break
        product = apply(direction)
        curvature = (direction * product).sum(axis=0)
        going &= curvature > 0
        step = np.where(going, squares / np.where(going, curvature, 1), 0)
        x += step * direction
        residual -= step * product
        before, squares = squares, np.where(going, (residual**2).sum(axis=0), 0)
        direction = residual + np.where(going, squares / np.where(going, before, 1), 0) * direction
    return x
