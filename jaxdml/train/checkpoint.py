"""States of a chunk of points on disk, by Orbax: written whole or not at all."""

from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp


def save(folder: Path, tree: Any) -> None:
    """Writes a tree of arrays, replacing what is there."""
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder.resolve(), tree, force=True)


def restore(folder: Path, template: Any) -> Any:
    """Reads a tree that has the template's structure, shapes, dtypes and shardings."""
    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore(folder.resolve(), template)


def template(tree: Any, sharding: jax.sharding.Sharding) -> Any:
    """Shapes and dtypes of `tree`, to be restored with `sharding`."""
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), tree
    )
