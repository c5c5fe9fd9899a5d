"""What a source of labels is: the records of `sources`."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jax import Array
from jax.typing import ArrayLike

from jaxdml.types import InitContext, Metrics, Role


class Rows(NamedTuple):
    """Rows for a metric loss."""

    embeddings: Array  # f32[B, D]
    labels: Array  # i32[B], or the probabilities of classes, f32[B, C]
    mask: Array  # bool[B], False for rows that take part in nothing
    weights: Array | None  # f32[B], ≥ 0; `None`: 1 each


class SourceRefresh(NamedTuple):
    """What a source does between epochs, on the host, as `jaxdml.types.Refresh` for a term.

    It changes what the source keeps, in the same shapes and dtypes.
    """

    due: Callable[[int], bool]  # whether it happens after this epoch; 0 is before the first
    update: Callable[..., Any]  # (kept, corpus, seed) → kept


class Source(NamedTuple):
    """One source of labels.

    `rows(kept, context, embedding, key) → (Rows, kept, metrics)`; `embedding(outputs) → f32[B, D]`
    is what the loss reads of a model's outputs. Its kept state begins as `init(context)`.
    """

    roles: Mapping[str, Role]
    rows: Callable[..., tuple[Rows, Any, Metrics]]
    init: Callable[[InitContext], Any] = lambda context: {}
    weight: ArrayLike = 1.0  # λ of its rows' mean loss
    needs: tuple[str, ...] = ()
    soft: bool = False  # whether its labels are probabilities of classes
    refresh: SourceRefresh | None = None
