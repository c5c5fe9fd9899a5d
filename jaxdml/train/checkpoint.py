"""Arrays on disk, by Orbax: written whole or not at all, in host memory on both ends.

What is saved belongs to points, not to devices: it comes back onto any number of them.
"""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp


def save(folder: Path, tree: Any) -> None:
    """Writes a tree of arrays, replacing what is there."""
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder.resolve(), tree, force=True)


def restore(folder: Path, template: Any) -> Any:
    """Reads a tree of numpy arrays that has the template's structure, shapes and dtypes.

    Raises:
      ValueError: if what is there has another structure or other shapes.
    """
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    placed = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), template
    )
    with ocp.StandardCheckpointer() as checkpointer:
        return jax.tree.map(np.asarray, checkpointer.restore(folder.resolve(), placed))
