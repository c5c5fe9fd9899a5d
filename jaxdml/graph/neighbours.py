"""The k nearest neighbours of each embedding among the others, in blocks: exactly, unless asked.

Matrix products in float32 propose a few more candidates than k. Their distances are then found
again in float64. A bound on rounding says whether a row that was not proposed could be as near:
if so, the row is searched again, first with float64 products, and at last without products.
So the result is the same whatever library or number of threads computes the products.

Time grows with N²: 60,000 embeddings of 64 dimensions take about 10 seconds of one core.
It is shared among as many threads as the linear algebra library may have. For many more there is
an approximate search, see `jaxdml.graph.approximate`.
"""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float
from threadpoolctl import ThreadpoolController

from jaxdml.arguments import checked
from jaxdml.graph import approximate as approximately
from jaxdml.options import at_least

SPARE = 8  # candidates beyond the k nearest
SMALL = 500  # embeddings, up to which products save no time
ROWS = 256  # of a block
COLUMNS = 4096  # of a tile of a block, which stays in the cache
GROUP = 32  # columns whose minimum is compared before they are looked at one by one
MOST_THREADS = 8

T = TypeVar("T")
R = TypeVar("R")


class Neighbours(NamedTuple):
    """The nearest others of each of N embeddings, nearest first."""

    rows: np.ndarray  # i32[N, k]
    distances: np.ndarray  # f32[N, k], Euclidean


@checked
def nearest(
    embeddings: Float[np.ndarray, "rows dim"], k: int, *, approximate: bool = False
) -> Neighbours:
    """The k nearest neighbours of each embedding, but for itself; equal distances by lower row.

    Args:
      embeddings: f32[N, D], finite.
      k: at least 1. Where there are fewer than k others, all of them are neighbours.
      approximate: whether a few neighbours may be missed, for others that are a little further:
        with `jaxdml[umap]`, for hundreds of thousands of embeddings.

    Raises:
      ValueError: for a k below 1, or embeddings that are not finite.

    >>> neighbours = nearest(np.array([[0.0], [1.0], [3.0]]), 1)
    >>> neighbours.rows.tolist(), neighbours.distances.tolist()
    ([[1], [0], [1]], [[1.0], [1.0], [2.0]])
    """
    at_least("k", k, 1)
    z = np.asarray(embeddings, np.float32) + np.float32(0)  # −0 becomes 0
    if not np.isfinite(z).all():
        raise ValueError("embeddings must be finite to have neighbours")
    k = min(k, max(len(z) - 1, 0))
    if k == 0:
        return Neighbours(np.zeros((len(z), 0), np.int32), np.zeros((len(z), 0), np.float32))
    first, group = _distinct(z)
    few = z[first].astype(np.float64)
    rows, squares = _search(few, min(k, len(few) - 1), approximate)
    if len(few) < len(z):
        rows, squares = _expanded(rows, squares, group, k)
    return Neighbours(rows.astype(np.int32), np.sqrt(squares).astype(np.float32))


def _distinct(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first row of each group of equal embeddings, ascending, and the group of each row."""
    data = np.ascontiguousarray(z).view(np.dtype((np.void, z.itemsize * z.shape[1])))[:, 0]
    _, first, group = np.unique(data, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return first[order], rank[group]


def _search(z: np.ndarray, k: int, approximate: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows i64[N, k] and squared distances f64[N, k] of distinct embeddings f64[N, D]."""
    rows, squares = np.zeros((len(z), k), np.int64), np.zeros((len(z), k))
    todo = np.arange(len(z))
    many = k and len(z) > SMALL and k + SPARE < len(z) - 1
    if many and approximate:
        todo = approximately.fill(z, rows, squares)
    elif many:
        # float32 holds the difference of embeddings that are far from 0 and near to each other
        centred = z - z.mean(axis=0).astype(np.float32)
        scale = 2.0 ** -np.ceil(np.log2(np.abs(centred).max()))
        for dtype in (np.float32, np.float64):
            todo = _by_products(z * scale, (centred * scale).astype(dtype), todo, rows, squares)
        squares /= scale**2
    everything = np.arange(len(z))
    for row in todo if k else ():
        distance = _squares(z, z[row])
        distance[row] = np.inf
        near = everything[distance <= np.partition(distance, k - 1)[k - 1]]
        rows[row] = near[np.argsort(distance[near], kind="stable")[:k]]
        squares[row] = distance[rows[row]]
    return rows, squares


def _by_products(
    z: np.ndarray, centred: np.ndarray, todo: np.ndarray, rows: np.ndarray, squares: np.ndarray
) -> np.ndarray:
    """Fills in the neighbours of rows `todo`, and returns those that rounding leaves open."""
    k, (count, dim) = rows.shape[1], z.shape
    rounding = (dim + 8) * float(np.finfo(centred.dtype).eps)  # of a product, for lengths of 1
    lengths = np.square(centred.astype(np.float64)).sum(axis=1)
    table = np.zeros((-(-count // COLUMNS) * COLUMNS, dim + 1), centred.dtype)
    table[:count, :dim], table[:count, dim], table[count:, dim] = centred, lengths, np.inf
    blocks = [todo[start : start + ROWS] for start in range(0, len(todo), ROWS)]

    def fill(mine: list[np.ndarray]) -> list[np.ndarray]:
        values = np.empty((min(ROWS, len(todo)), len(table)), table.dtype)
        left = []
        for block in mine:
            near, limit = _candidates(table, block, k + SPARE, values[: len(block)])
            near.sort(axis=1)  # of equal distances the lower row comes first
            exact = _squares(z[near], z[block, None])
            order = np.argsort(exact, axis=1, kind="stable")[:, :k]
            rows[block] = np.take_along_axis(near, order, axis=1)
            squares[block] = np.take_along_axis(exact, order, axis=1)
            # another row b of at most twice the length of a is off by 5 |a|² at most; a longer one
            # is at least |b| / 2 away, so that its error is a share of its distance
            limit = (limit + lengths[block] * (1 - 5 * rounding)) * (1 - 4 * rounding)
            left.append(block[~(squares[block, -1] < limit)])
        return left

    left = [todo[:0]]
    for several in _in_threads(fill, blocks):
        left += several
    return np.sort(np.concatenate(left))


def _in_threads(function: Callable[[list[T]], R], tasks: list[T]) -> list[R]:
    """What `function` makes of each share of the tasks, on as many threads as BLAS may have now.

    BLAS itself has one meanwhile: its own threads wait for each other at each small product.
    """
    libraries = _libraries()
    blas_threads = [
        library["num_threads"] for library in libraries.info() if library["user_api"] == "blas"
    ]
    threads = max(1, min([MOST_THREADS, len(tasks), *blas_threads]))
    with libraries.limit(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, [tasks[i::threads] for i in range(threads)]))


@functools.cache
def _libraries() -> ThreadpoolController:
    """Returns a controller of the threads of BLAS, which sees what is loaded when it is made."""
    return ThreadpoolController()


def _candidates(
    table: np.ndarray, rows: np.ndarray, count: int, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The columns [R, count] with the least |b|² − 2ab for rows a, and the largest of these values.

    The smallest `count` values lie in the `count` groups of columns with the smallest minima.
    All values are written to `values`.
    """
    left_factor = np.concatenate(
        [-2 * table[rows, :-1], np.ones((len(rows), 1), table.dtype)], axis=1
    )
    least = np.empty((len(rows), len(table) // GROUP), table.dtype)
    across = COLUMNS // GROUP  # column j of a tile is in its group j % across
    for number, start in enumerate(range(0, len(table), COLUMNS)):
        tile = values[:, start : start + COLUMNS]
        np.matmul(left_factor, table[start : start + COLUMNS].T, out=tile)
        inside = np.flatnonzero((rows >= start) & (rows < start + COLUMNS))
        tile[inside, rows[inside] - start] = np.inf
        grouped = tile.reshape(len(rows), GROUP, across)
        np.min(grouped, axis=1, out=least[:, number * across : (number + 1) * across])
    groups = np.argpartition(least, min(count, least.shape[1]) - 1, axis=1)[:, :count]
    first = groups // across * COLUMNS + groups % across
    members = (first[:, :, None] + across * np.arange(GROUP)).reshape(len(rows), -1)
    member_values = np.take_along_axis(values, members, axis=1)
    order = np.argpartition(member_values, count - 1, axis=1)[:, :count]
    limit = np.take_along_axis(member_values, order[:, -1:], axis=1)[:, 0].astype(np.float64)
    return np.take_along_axis(members, order, axis=1), limit


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances of the last axis, in float64."""
    difference = a - b
    return np.einsum("...d,...d->...", difference, difference)


def _expanded(
    near: np.ndarray, squares: np.ndarray, group: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The neighbours of rows, from those of the groups of equal rows to which they belong.

    Args:
      near, squares: of G groups, i64[G, ≤ k] and f64[G, ≤ k].
      group: i64[N], of each row.
      k: neighbours of a row.
    """
    count, groups = len(group), len(near)
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group, minlength=groups)
    start = np.cumsum(sizes) - sizes
    at = np.arange(k + 1)
    there = at < sizes[:, None]
    members = np.where(
        there, order[np.minimum(start[:, None] + at, count - 1)], count
    )  # [G, k + 1]
    rows, row_squares = np.empty((count, k), np.int64), np.empty((count, k))
    for begin in range(0, groups, ROWS):
        block = np.arange(begin, min(begin + ROWS, groups))
        sources = np.concatenate([block[:, None], near[block]], axis=1)
        distance = np.concatenate([np.zeros((len(block), 1)), squares[block]], axis=1)
        others = members[sources].reshape(len(block), -1)  # `count`: nobody
        apart = np.where(others < count, np.repeat(distance, k + 1, axis=1), np.inf)
        first = np.lexsort((others, apart))[:, : k + 1]
        others, apart = (np.take_along_axis(a, first, axis=1) for a in (others, apart))
        of_group = order[start[begin] : start[block[-1]] + sizes[block[-1]]]
        mine = group[of_group] - begin
        is_self = others[mine] == of_group[:, None]
        is_self[~is_self.any(axis=1), k] = True  # the row comes later: the last is one too many
        rows[of_group] = others[mine][~is_self].reshape(-1, k)
        row_squares[of_group] = apart[mine][~is_self].reshape(-1, k)
    return rows, row_squares
