"""A picture of the views of a data set: what training may see of some of its images."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdml import augment
from jaxdml.report.figures import style, views
from jaxdml.runs.planning import loading
from jaxdml.types import Dataset

COLUMNS = ("none",) + ("weak",) * 3 + ("strong",) * 3  # policies


def figure(dataset: Dataset, invariances: tuple[str, ...]) -> style.Figure:
    """Some training images of grey or RGB, one a row, and weak and strong views of each."""
    names, columns = examples(dataset, invariances)
    return views.draw(names, columns, f"{dataset.name}: training images and views of them")


def examples(
    dataset: Dataset, invariances: tuple[str, ...], most: int = 10
) -> tuple[list[str], list[tuple[str, np.ndarray]]]:
    """Some training images and views of them.

    Args:
      dataset: where it has labels, images of different classes come first.
      invariances: which changes keep a class.
      most: how many images.

    Returns:
      the name of each image's class, and columns: the name of the view, and f32[n, H, W, C].
    """
    y, shape = np.asarray(dataset.train.y), loading.image_shape(dataset)
    rank = np.where(y < 0, len(dataset.classes), y)  # images without a label come last
    order = np.random.default_rng(0).permutation(len(y))
    _, first = np.unique(rank[order], return_index=True)
    rows = np.concatenate([order[first], np.delete(order, first)])[:most]
    rows = rows[np.argsort(rank[rows], kind="stable")]
    x = jnp.asarray(dataset.train.x[rows])
    x = x / 255 if x.dtype == jnp.uint8 else x
    view_functions = [augment.POLICIES[name](shape, invariances) for name in COLUMNS]
    images = [np.asarray(view(jax.random.key(i), x)) for i, view in enumerate(view_functions)]
    heads = ["plain" if name == "none" else name for name in COLUMNS]
    names = [dataset.classes[label] if label >= 0 else "no label" for label in y[rows]]
    return names, list(zip(heads, images, strict=True))
