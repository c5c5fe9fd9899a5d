"""The networks of `jaxdml.models` in PyTorch, with dense layers that begin as they do there."""

import math

import torch
from torch import Tensor, nn

CUT_OFF = 0.87962566103423978  # the deviation of a unit normal distribution that is cut off at 2
LAYOUT = torch.channels_last  # of convolutions: the faster one


def encoder(name: str, pixels: int, outputs: int) -> nn.Module:
    """From f32[B, pixels] to f32[B, outputs]: `mlp`, or `conv` or `resnet` of 28 × 28 pixels."""
    made = {"mlp": _dense, "conv": _conv, "resnet": _resnet}[name](pixels, outputs).apply(_begin)
    return made if name == "mlp" else made.to(memory_format=LAYOUT)


def decoder(name: str, pixels: int, inputs: int) -> nn.Module:
    """From f32[B, inputs] to f32[B, pixels], of the encoders `mlp` and `conv`."""
    if name == "mlp":
        return nn.Sequential(
            nn.Linear(inputs, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(),
            nn.Linear(512, pixels),
        ).apply(_begin)  # fmt: skip
    return nn.Sequential(
        nn.Linear(inputs, 256), nn.ReLU(), nn.Linear(256, 7 * 7 * 64), nn.ReLU(),
        nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 3, stride=2, padding=1, output_padding=1), nn.Flatten(),
    ).apply(_begin).to(memory_format=LAYOUT)  # fmt: skip


def _begin(module: nn.Module) -> None:
    """Weights of variance 1 / inputs, cut off at two deviations, and no biases: as Flax does it."""
    if isinstance(module, nn.Linear):
        deviation = 1 / math.sqrt(module.in_features) / CUT_OFF
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        nn.init.zeros_(module.bias)


def _dense(pixels: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(pixels, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, outputs)
    )


def _conv(pixels: int, outputs: int) -> nn.Module:
    side = math.isqrt(pixels)
    return nn.Sequential(
        nn.Unflatten(1, (1, side, side)),
        nn.Conv2d(1, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(side // 4 * (side // 4) * 64, 256), nn.ReLU(),
        nn.Linear(256, outputs),
    )  # fmt: skip


class _NormReLU(nn.Sequential):
    def __init__(self, width: int) -> None:
        super().__init__(nn.GroupNorm(8, width), nn.ReLU())


class _Block(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = _NormReLU(inputs), _NormReLU(width)
        self.first = nn.Conv2d(inputs, width, 3, stride, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        same = stride == 1 and inputs == width
        self.shortcut = None if same else nn.Conv2d(inputs, width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first_norm(x)
        if self.shortcut is not None:
            x = self.shortcut(h)
        return x + self.second(self.second_norm(self.first(h)))


def _resnet(pixels: int, outputs: int) -> nn.Module:
    side = math.isqrt(pixels)
    return nn.Sequential(
        nn.Unflatten(1, (1, side, side)), nn.Conv2d(1, 16, 3, padding=1),
        _Block(16, 16, 1), _Block(16, 32, 2), _Block(32, 64, 2),
        _NormReLU(64), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, outputs),
    )  # fmt: skip
