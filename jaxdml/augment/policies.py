"""Policies: how strongly the views of an image differ from it.

A policy is `make(shape (H, W, C), invariances) → view`. A view gives each image random changes of
the kinds that `invariances` names, and no others. A weak view is close to the image, so that a
network still recognises it; a strong one is as far from it as its class allows (FixMatch; Sohn et
al. 2020).

Two kinds of images have magnitudes of their own. Where brightness keeps the class, images count as
photographed. Their geometry is changed less than that of drawn ones, light strokes on black.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
from jax import Array

from jaxdml.augment.affine import affine
from jaxdml.augment.brightness import brightness
from jaxdml.augment.colour import colour
from jaxdml.augment.coordinates import dropout, noise
from jaxdml.augment.erase import erase
from jaxdml.augment.invariances import INVARIANCES, fitting, is_vector
from jaxdml.augment.orientation import orientations
from jaxdml.augment.pixels import as_floats

View = Callable[[Array, Array], Array]  # (key, images f32[B, H, W, C]) → f32[B, H, W, C]


class Magnitudes(NamedTuple):
    """The largest change of each kind; 0 is none. Flips and quarter turns have no magnitude."""

    shift: float = 0.0  # share of the image's height and width
    scale: float = 0.0  # share of the size of what is shown
    rotate: float = 0.0  # degrees
    shear: float = 0.0  # pixels of width for a pixel of height
    brightness: float = 0.0  # and contrast, in [0, 1]
    colour: float = 0.0  # degrees of hue
    saturation: float = 0.0  # share
    erase: float = 0.0  # side of the square, share of the shorter side; the least is 2/7 of it
    fill: float | None = None  # of the square; None: the image's mean
    noise: float = 0.0  # standard deviation
    dropout: float = 0.0  # probability


WEAK = {
    "drawn": Magnitudes(shift=2 / 28, scale=0.06, rotate=6.0, shear=0.06, noise=0.02),
    "photographed": Magnitudes(shift=2 / 28, scale=0.05, rotate=4.0, noise=0.02),
}
_SAME = Magnitudes(scale=0.2, colour=20.0, saturation=0.35, erase=0.5, noise=0.1, dropout=0.2)
STRONG = {
    "drawn": _SAME._replace(shift=3 / 28, rotate=25.0, shear=0.35, fill=0.0),
    "photographed": _SAME._replace(shift=4 / 28, rotate=15.0, shear=0.15, brightness=0.35),
}
# further magnitudes that a declared name switches on
_WITH = {"shear": "rotate", "saturation": "colour"}


def none(shape: tuple[int, int, int], invariances: tuple[str, ...]) -> View:
    """Returns a view that leaves images as they are.

    Args:
      shape, invariances: as for `weak`; neither is read.

    >>> import jax.numpy as jnp
    >>> none((1, 1, 1), ())(jax.random.key(0), jnp.ones((1, 1, 1, 1))).item()
    1.0
    """
    return composed(shape, (), Magnitudes())


def weak(shape: tuple[int, int, int], invariances: tuple[str, ...]) -> View:
    """Returns a view that makes small changes of images, of the declared kinds.

    Args:
      shape: (H, W, C) of an image.
      invariances: which kinds of change keep the class, of `INVARIANCES`.

    >>> import jax.numpy as jnp
    >>> weak((1, 4, 1), ("noise",))(jax.random.key(0), jnp.zeros((2, 1, 4, 1))).shape
    (2, 1, 4, 1)
    """
    return composed(shape, invariances, WEAK[kind(invariances)])


def strong(shape: tuple[int, int, int], invariances: tuple[str, ...]) -> View:
    """Returns a view that changes images as far as they keep their class, in the declared kinds.

    With both `rotate` and `quarter_turns` an image gets any angle.

    Args:
      shape, invariances: as for `weak`.

    >>> import jax.numpy as jnp
    >>> strong((1, 4, 1), ("noise",))(jax.random.key(0), jnp.zeros((2, 1, 4, 1))).shape
    (2, 1, 4, 1)
    """
    magnitudes = STRONG[kind(invariances)]
    if {"rotate", "quarter_turns"} <= set(invariances):
        magnitudes = magnitudes._replace(rotate=45.0)
    return composed(shape, invariances, magnitudes)


def kind(invariances: tuple[str, ...]) -> str:
    """Which magnitudes fit `invariances`: `photographed` with brightness, else `drawn`.

    >>> kind(("shift", "brightness")), kind(("shift", "rotate"))
    ('photographed', 'drawn')
    """
    return "photographed" if "brightness" in invariances else "drawn"


def composed(
    shape: tuple[int, int, int], invariances: tuple[str, ...], magnitudes: Magnitudes
) -> View:
    """The view that makes the declared changes one after the other, by these magnitudes.

    The draws of one kind of change are the same whether or not others are declared.

    Args:
      shape: (H, W, C) of an image.
      invariances: names of `INVARIANCES`; other changes are not made.
      magnitudes: numbers, not traced ones; a change of magnitude 0 costs nothing.

    Raises:
      ConfigError: for an unknown name, or one that does not fit images of this shape.

    >>> import jax.numpy as jnp
    >>> x = jnp.zeros((2, 8, 8, 1)).at[:, 4, 4].set(1.0)
    >>> view = composed((8, 8, 1), ("shift",), Magnitudes(shift=0.25, rotate=90.0))
    >>> view(jax.random.key(0), x).shape
    (2, 8, 8, 1)
    """
    names = fitting(invariances, shape)
    off = [f for f in Magnitudes._fields if f != "fill" and _WITH.get(f, f) not in names]
    m = magnitudes._replace(**dict.fromkeys(off, 0.0))
    # In this order, as the resampling stores its result, and erasing reads that twice. Each change
    # has the name of the invariance whose place in the table seeds it.
    changes: dict[str, View] = {}
    if m.colour or m.saturation:
        changes["colour"] = functools.partial(colour, degrees=m.colour, saturation=m.saturation)
    if m.brightness:
        changes["brightness"] = functools.partial(brightness, amount=m.brightness)
    flips_and_turns = {"flip_horizontal", "flip_vertical", "quarter_turns"} & set(names)
    if flips_and_turns or m.shift or m.scale or m.rotate or m.shear:
        changes["shift"] = functools.partial(_moved, m, flips_and_turns)
    if m.erase:
        side = m.erase * min(shape[:2])
        changes["erase"] = functools.partial(
            erase, smallest=side * 2 / 7, largest=side, fill=m.fill
        )
    if m.noise:
        bounded = not is_vector(shape)
        changes["noise"] = functools.partial(noise, deviation=m.noise, bounded=bounded)
    if m.dropout:
        changes["dropout"] = functools.partial(dropout, rate=m.dropout)
    places = list(INVARIANCES)

    def view(key: Array, images: Array) -> Array:
        images = as_floats(images)
        for name, change in changes.items():
            images = change(jax.random.fold_in(key, places.index(name)), images)
        return images

    return view


def _moved(magnitudes: Magnitudes, flips_and_turns: set[str], key: Array, images: Array) -> Array:
    """Makes all declared changes that move pixels, in one resampling."""
    height, width = images.shape[1:3]
    near, far = jax.random.split(key)
    orientation = None
    if flips_and_turns:
        orientation = orientations(
            far,
            images,
            horizontal="flip_horizontal" in flips_and_turns,
            vertical="flip_vertical" in flips_and_turns,
            quarters="quarter_turns" in flips_and_turns,
        )
    return affine(
        near,
        images,
        shift=(magnitudes.shift * height, magnitudes.shift * width),
        degrees=magnitudes.rotate,
        scale=magnitudes.scale,
        shear=magnitudes.shear,
        orientation=orientation,
    )
