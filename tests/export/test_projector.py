"""What the projector cannot show as it is."""

import numpy as np
import pytest

from jaxdml.export import projector
from jaxdml.export.records import Embedding


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
def test_a_plane_lies_in_three_dimensions(dimensions, tmp_path):
    z = np.random.default_rng(0).standard_normal((7, dimensions), np.float32)
    projector.write(Embedding(z, ["a\tb"] * 7, np.arange(7), None), tmp_path)
    vectors = np.loadtxt(tmp_path / "projector" / "tensors.tsv", "f")
    np.testing.assert_array_equal(vectors[:, :dimensions], z)
    assert not vectors[:, dimensions:].any()
    assert vectors.shape[1] == max(3, dimensions)
    labels = (tmp_path / "projector" / "metadata.tsv").read_text().splitlines()
    assert labels[1:] == [f"a b\t{i}" for i in range(7)]
    assert "sprite" not in (tmp_path / "projector_config.pbtxt").read_text()


@pytest.mark.parametrize("shape", [(1, 4, 6, 1), (10, 28, 28, 3), (2000, 190, 20, 1)])
def test_a_sprite_is_a_square_of_squares_in_order_that_is_not_too_large(shape):
    images = np.arange(shape[0]).reshape(-1, 1, 1, 1) % 250 + np.ones(shape, np.uint8)
    tiles = projector.thumbnails(images.astype(np.uint8))
    sprite = projector.sprite(tiles)
    assert sprite.shape[0] == sprite.shape[1] <= projector.LARGEST
    side = tiles.shape[1]
    across = sprite.shape[0] // side
    corners = sprite[::side, ::side, 0]
    assert corners.shape == (across, across)
    np.testing.assert_array_equal(corners.ravel()[: shape[0]], images[:, 0, 0, 0])
    assert not corners.ravel()[shape[0] :].any()
