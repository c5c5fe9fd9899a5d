"""The files of TensorBoard's embedding projector: vectors, labels, and images as one sprite."""

import io
from pathlib import Path

import numpy as np

from jaxdml.export.records import Embedding

FEWEST = 3  # dimensions: of fewer, the projector's own analysis is NaN, and nothing is drawn
LARGEST = 8192  # pixels of a sprite's side, that the projector shows


def write(embedding: Embedding, into: Path) -> None:
    """Writes `projector_config.pbtxt`, and the folder `projector` that it points to."""
    projector_folder = into / "projector"
    projector_folder.mkdir(parents=True)
    z = np.pad(embedding.z, ((0, 0), (0, max(0, FEWEST - embedding.z.shape[1]))))
    np.savetxt(projector_folder / "tensors.tsv", z, fmt="%.9g", delimiter="\t")
    rows = zip(embedding.classes, embedding.rows, strict=True)
    labels = ["class\timage", *(f"{_plain(name)}\t{row}" for name, row in rows)]
    (projector_folder / "metadata.tsv").write_text("\n".join(labels) + "\n", "utf-8")
    lines = [
        'tensor_name: "embedding"',
        'tensor_path: "projector/tensors.tsv"',
        'metadata_path: "projector/metadata.tsv"',
    ]
    if embedding.images is not None:
        tiles = thumbnails(embedding.images)
        (projector_folder / "sprite.png").write_bytes(_png(sprite(tiles)))
        side = f"single_image_dim: {tiles.shape[1]}"
        lines += ["sprite {", '  image_path: "projector/sprite.png"', f"  {side}", f"  {side}", "}"]
    config = "\n".join(["embeddings {", *(f"  {line}" for line in lines), "}"])
    (into / "projector_config.pbtxt").write_text(config + "\n", "utf-8")


def thumbnails(images: np.ndarray) -> np.ndarray:
    """u8[N, S, S, C], so small that a sprite has room for all: squares, black where they had none.

    >>> thumbnails(np.ones((5, 2, 3, 1), np.uint8))[0, :, :, 0].tolist()
    [[1, 1, 1], [1, 1, 1], [0, 0, 0]]
    """
    count, height, width, _ = images.shape
    step = -(-max(height, width) * columns(count) // LARGEST)
    small = images[:, ::step, ::step]
    side = max(small.shape[1:3])
    return np.pad(small, ((0, 0), *((0, side - s) for s in small.shape[1:3]), (0, 0)))


def columns(count: int) -> int:
    """How many images a row of a square sprite of so many has.

    >>> columns(4), columns(5)
    (2, 3)
    """
    return int(np.ceil(np.sqrt(count)))


def sprite(tiles: np.ndarray) -> np.ndarray:
    """u8[N, S, S, C] as one square, u8[k S, k S, C], row after row."""
    count, side, _, channels = tiles.shape
    k = columns(count)
    full = np.pad(tiles, ((0, k * k - count), (0, 0), (0, 0), (0, 0)))
    grid = full.reshape(k, k, side, side, channels).transpose(0, 2, 1, 3, 4)
    return grid.reshape(k * side, k * side, channels)


def _png(image: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(buffer, "PNG")
    return buffer.getvalue()


def _plain(name: str) -> str:
    """Without what would end a cell, or that a terminal would obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())
