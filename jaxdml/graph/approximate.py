"""Approximate nearest neighbours of many embeddings, by nearest-neighbour descent.

W. Dong, M. Charikar, K. Li, Efficient k-nearest neighbor graph construction for generic similarity
measures, WWW 2011, as the library PyNNDescent has it, which comes with `jaxdml[umap]`. The time
grows little faster than N, where that of an exact search grows with N².
"""

import importlib
from typing import Any

import numpy as np

from jaxdml.options import ConfigError

BLOCK = 4096  # rows whose distances are found again together
SEED = 0


def fill(z: np.ndarray, rows: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Fills in the neighbours of all rows.

    PyNNDescent proposes them; their distances are found again in float64.

    Args:
      z: distinct embeddings, f64[N, D].
      rows: i64[N, k], to be written.
      squares: of the distances, f64[N, k], to be written.

    Returns:
      The rows for which too few were found, i64.

    Raises:
      ConfigError: if PyNNDescent is not installed.
    """
    k = rows.shape[1]
    proposed = _descent()(
        z.astype(np.float32),
        n_neighbors=k + 1,  # each row is its own neighbour there
        random_state=SEED,
        compressed=False,
    ).neighbor_graph[0]
    todo = [np.zeros(0, np.int64)]
    for start in range(0, len(z), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(z)))
        near = np.sort(proposed[block], axis=1)  # of equal distances the lower row comes first
        difference = z[near] - z[block, None]
        exact = np.einsum("nkd,nkd->nk", difference, difference)
        exact[(near < 0) | (near == block[:, None])] = np.inf
        order = np.argsort(exact, axis=1, kind="stable")[:, :k]
        rows[block] = np.take_along_axis(near, order, axis=1)
        squares[block] = np.take_along_axis(exact, order, axis=1)
        todo.append(block[~np.isfinite(squares[block]).all(axis=1)])
    return np.concatenate(todo)


def _descent() -> Any:
    try:
        return importlib.import_module("pynndescent").NNDescent
    except ModuleNotFoundError as error:
        raise ConfigError(
            "approximate neighbours need PyNNDescent: pip install 'jaxdml[umap]'"
        ) from error
