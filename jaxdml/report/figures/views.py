"""Images, one a row, and beside each the views of it that training would see."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from jaxdml.report.figures import images


def draw(names: Sequence[str], columns: Sequence[tuple[str, np.ndarray]], title: str) -> Figure:
    """One row for each image; the first column, the image itself, stands apart.

    Args:
      names: of the rows, like the images' classes.
      columns: for each what stands above it, and f32[n, H, W, C] in [0, 1].
      title: of the figure.

    >>> x = np.zeros((2, 8, 8, 1))
    >>> figure = draw(["cat", "dog"], [("plain", x), ("weak", x), ("strong", x)], "views")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['cat', 'dog', 'plain', 'weak', 'strong']
    """
    heads, arrays = zip(*columns, strict=True)
    rows = [images.Row(name, np.stack(row)) for name, *row in zip(names, *arrays, strict=True)]
    figure = images.rows(rows, heads, apart=True)
    figure.suptitle(title, fontsize=9, y=0.995)
    return figure
