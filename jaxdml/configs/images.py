r"""A folder of your own images, few of them labelled: the recipe for few labels.

    jaxdml train --config=images --config.data.path=photos \
        --workdir=runs/photos

`photos` has a sub-folder for each class, and `unlabelled` for the rest; see
`jaxdml.data.sets.images`.
An `.npz` file with `x` and `y` does as well: `--config.data.name=arrays --config.data.path=x.npz`.
`--config=images:full` trains four times as long.

Is the recipe worth it for these images? With `jaxdml grid` in place of `jaxdml
train`, the labels alone and the images alone are trained too, and the report compares
them, raw pixels and their PCA on labelled images that none of them saw.
"""

from typing import Any

from ml_collections import ConfigDict

from jaxdml.configs import few


def get_config(effort: str = "fast") -> ConfigDict:
    """Scored as one would use it: by the labelled images, and by how the embeddings lie."""
    config = few.get_config(effort)
    few.alike(config)
    config.data.name = "images"
    config.eval.protocols = ("labelled", "scores", "retrieval")
    return config


def get_grid() -> tuple[dict[Any, Any], ...]:
    """The recipe; its network with labels alone, under the same strong views; images alone."""
    return (
        {"system": ("few",)},
        {"system": ("dml",), "loss.view": ("strong",)},
        {"system": ("ae",)},
    )
