"""Rows of images: of the data, reconstructions, samples, pseudo-inputs, nearest neighbours."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle


class Row(NamedTuple):
    """Images in a row, with a name."""

    name: str
    images: np.ndarray  # f32[n, H, W, C] in [0, 1], or u8
    wrong: np.ndarray | None = None  # bool[n]: these have a frame


def rows(image_rows: Sequence[Row], heads: Sequence[str] = (), apart: bool = False) -> Figure:
    """One figure, one row below the other, as one large image.

    Args:
      image_rows: at least one; images of one size.
      heads: what stands above the columns.
      apart: whether the first column stands apart, as a query does from its neighbours.

    >>> figure = rows([Row("a", np.zeros((3, 8, 8, 1))), Row("b", np.ones((2, 8, 8, 1)))])
    >>> figure.axes[0].images[0].get_array().shape
    (17, 26)
    """
    height, width = image_rows[0].images.shape[1:3]
    gap = max(1, width // 14)
    columns = max(len(row.images) for row in image_rows)
    tops = [i * (height + gap) for i in range(len(image_rows))]
    lefts = [j * (width + gap) + (2 * gap if apart and j else 0) for j in range(columns)]
    size = tops[-1] + height, lefts[-1] + width
    sheet = np.ones((*size, image_rows[0].images.shape[3]))
    for row, top in zip(image_rows, tops, strict=True):
        scale = 255 if row.images.dtype == np.uint8 else 1
        for image, left in zip(row.images, lefts, strict=False):
            sheet[top : top + height, left : left + width] = image / scale
    inch = 0.68 / width  # of a pixel
    margin = 0.2 + 0.068 * max(len(line) for row in image_rows for line in row.name.split("\n"))
    above = 0.4 if heads else 0.05
    inches = margin + inch * size[1] + 0.05, above + inch * size[0] + 0.05
    figure = Figure(figsize=inches, dpi=110)
    axis = figure.add_axes(
        (
            margin / inches[0],
            0.05 / inches[1],
            inch * size[1] / inches[0],
            inch * size[0] / inches[1],
        )
    )
    axis.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axis.set_axis_off()
    for row, top in zip(image_rows, tops, strict=True):
        axis.text(
            -gap, top + height / 2, row.name, fontsize=8, ha="right", va="center", clip_on=False
        )
        for left, wrong in zip(lefts, row.wrong if row.wrong is not None else (), strict=False):
            if wrong:
                look: dict[str, Any] = {"ec": "#d62f00", "lw": 2.5, "ls": "--", "clip_on": False}
                axis.add_patch(
                    Rectangle((left - 0.5, top - 0.5), width, height, fill=False, **look)
                )
    for head, left in zip(heads, lefts, strict=False):
        axis.text(left + width / 2, -gap, head, fontsize=8, ha="center", va="bottom", clip_on=False)
    return figure
