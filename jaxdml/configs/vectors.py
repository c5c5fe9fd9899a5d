r"""Vectors, few of them labelled: the rows of a table, or embeddings of somebody else's network.

    jaxdml train --config=vectors --config.data.path=cells.csv \
        --config.data.label=kind --workdir=runs/cells

The table, CSV or Parquet, has a column of labels, which may be empty; every other column holds
numbers. See `jaxdml.data.sets.table`.
An `.npz` file with `x` of shape (N, d) and `y` does as well: `--config.data.name=arrays
--config.data.path=x.npz`.
`--config=vectors:full` trains four times as long.
"""

from typing import Any

from ml_collections import ConfigDict

from jaxdml.configs import few
from jaxdml.settings.systems import FEW_VECTORS


def get_config(effort: str = "fast") -> ConfigDict:
    """The recipe for few labels, as it is on vectors."""
    config = few.get_config(effort)
    few.alike(config, FEW_VECTORS)
    config.system = "few_vectors"
    config.data.name = "table"
    config.data.label = "label"
    config.prior.within = False  # pseudo-inputs are vectors too
    config.eval.protocols = ("labelled", "scores", "retrieval")
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """The recipe; its network with labels alone; and vectors alone."""
    return ({"system": ("few_vectors",)}, {"system": ("dml",)}, {"system": ("ae",)})
