"""What is timed: a step of training of a system, with an encoder, for one point or for many.

Images are random bytes of 28 × 28 pixels that lie in memory, 12,800 of them in ten classes. All
contestants of a case train the same network with the same loss on batches of the same size.
"""

import itertools
from typing import NamedTuple

import numpy as np

PIXELS = (28, 28, 1)
IMAGES, CLASSES = 12_800, 10
LABELLED_BATCH, UNLABELLED_BATCH = 64, 192  # of the recipe
BATCH = 128  # of all others


class Layer(NamedTuple):
    """The matrix product that a layer makes of an image."""

    rows: int  # of an image: one for each output pixel
    inputs: int
    outputs: int


class Pass(NamedTuple):
    """Images that go through layers in a step."""

    images: int
    layers: tuple[Layer, ...]
    backward: bool = True  # whether gradients come back


class Case(NamedTuple):
    """A system, its encoder, how many labels it has, and how many points are trained together."""

    system: str  # "ae", "dml", joint "dml_ae" or "few"
    encoder: str  # "mlp", "conv" or "resnet"
    labelled: int
    passes: tuple[Pass, ...]
    points: int = 1
    steps: int = 100  # of a turn
    precision: str = "float32"  # of the products: or "bfloat16", with sums in float32

    @property
    def flops(self) -> int:
        """Operations of the products of a step of one point, a multiplication and a sum each."""
        return sum(
            2 * each.images * layer.rows * layer.inputs * layer.outputs * times
            for each in self.passes
            for i, layer in enumerate(each.layers)
            # forwards; for the kernel; for what the layer read, which images need not
            for times in [1 + each.backward * (2 if i else 1)]
        )


def dense(*widths: int) -> tuple[Layer, ...]:
    """The products of dense layers.

    >>> dense(784, 10)
    (Layer(rows=1, inputs=784, outputs=10),)
    """
    return tuple(Layer(1, *pair) for pair in itertools.pairwise(widths))


def convolution(side: int, inputs: int, outputs: int, kernel: int = 3) -> Layer:
    """The product of a convolution that gives side × side pixels."""
    return Layer(side * side, kernel * kernel * inputs, outputs)


def mirrored(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The products of the decoder that has an encoder's layers in reverse."""
    return tuple(Layer(rows, outputs, inputs) for rows, inputs, outputs in reversed(layers))


def _conv(outputs: int) -> tuple[Layer, ...]:
    images = convolution(14, 1, 32), convolution(7, 32, 64)
    return (*images, *dense(7 * 7 * 64, 256, outputs))


MLP, CONV = dense(784, 512, 256, 10), _conv(10)
RESNET = (
    convolution(28, 1, 16),
    *(convolution(28, 16, 16), convolution(28, 16, 16)),
    *(convolution(14, 16, 32, kernel=1), convolution(14, 16, 32), convolution(14, 32, 32)),
    *(convolution(7, 32, 64, kernel=1), convolution(7, 32, 64), convolution(7, 64, 64)),
    *dense(64, 64),
)


def _recipe(layers: tuple[Layer, ...]) -> tuple[Pass, ...]:
    """Labelled images and strong views through the network, weak views through the teacher."""
    student = Pass(LABELLED_BATCH + UNLABELLED_BATCH, layers)
    return student, Pass(UNLABELLED_BATCH, layers, backward=False)


AE = Case("ae", "mlp", 60, (Pass(BATCH, MLP + mirrored(MLP)),))
DML = Case("dml", "mlp", 6000, (Pass(BATCH, MLP),))
JOINT = Case("dml_ae", "mlp", 6000, (*AE.passes, *DML.passes))
CONVOLUTIONS = Case("ae", "conv", 60, (Pass(BATCH, CONV + mirrored(CONV)),), steps=60)
RECIPE = Case("few", "conv", 60, _recipe(_conv(64)), steps=60)
DEEPER = Case("few", "resnet", 60, _recipe(RESNET), steps=8)

CASES: dict[str, Case] = {
    "ae": AE,
    "dml 60 labels": DML._replace(labelled=60),
    "dml 6000 labels": DML,
    "dml_ae joint 6000 labels": JOINT,
    "conv ae": CONVOLUTIONS,
    "few conv": RECIPE,
    "few resnet": DEEPER,
    "dml 8 points": DML._replace(points=8, steps=50),
    "dml 64 points": DML._replace(points=64),
    "dml_ae joint 8 points": JOINT._replace(points=8, steps=50),
    "dml_ae joint 64 points": JOINT._replace(points=64),
    "conv ae 8 points": CONVOLUTIONS._replace(points=8, steps=20),
    "few conv 8 points": RECIPE._replace(points=8, steps=10),
    "few conv 64 points": RECIPE._replace(points=64, steps=10),
    "few resnet 8 points": DEEPER._replace(points=8, steps=2),
    "few resnet 64 points": DEEPER._replace(points=64, steps=2),
}


def images() -> tuple[np.ndarray, np.ndarray]:
    """The images of all cases, u8[N, 28, 28, 1], and their classes, i32[N]."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (IMAGES, *PIXELS), np.uint8)
    return x, random.integers(0, CLASSES, IMAGES).astype(np.int32)
