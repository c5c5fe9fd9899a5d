"""The picture of views of a data set."""

import dataclasses

import numpy as np

from jaxdml.report import views
from jaxdml.types import Split


def test_images_without_a_label_come_last_in_the_picture_of_views(tiny):
    y = np.where(np.arange(30) < 7, tiny.train.y, -1)
    partly = dataclasses.replace(tiny, train=Split(tiny.train.x, y))
    names, columns = views.examples(partly, ("shift",))
    labelled = [name for name in names if name != "no label"]
    assert set(labelled) == {"a", "b", "c"}
    assert names == sorted(labelled) + ["no label"] * (10 - len(labelled))
    assert [head for head, _ in columns] == ["plain"] + ["weak"] * 3 + ["strong"] * 3
    assert {images.shape for _, images in columns} == {(10, 4, 4, 1)}


def test_the_first_column_shows_the_images_themselves(tiny):
    names, columns = views.examples(tiny, ("rotate",), most=3)
    assert names == ["a", "b", "c"]
    plain, others = columns[0][1], [images for _, images in columns[1:]]
    whole = np.round(plain * 255)
    assert all((image == tiny.train.x).all(axis=(1, 2, 3)).any() for image in whole)
    assert not any((images == plain).all() for images in others)
    drawn = views.figure(tiny, ("rotate",))
    assert drawn.get_suptitle() == "tiny: training images and views of them"
