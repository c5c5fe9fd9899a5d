"""The step of the recipe `few` in PyTorch: views, the teacher's labels, student, average.

All views of a step are one resampling, and all images of the student one pass.
"""

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn import functional

from experiments.benchmark import networks
from experiments.benchmark.cases import CLASSES, LABELLED_BATCH, UNLABELLED_BATCH, Case

DIM, SCALE, THRESHOLD, AVERAGE = 64, 10.0, 0.95, 0.999
LEARNING_RATE, STEPS, WARMUP = 1e-3, 100_000, 200
# the largest shift in pixels, change of size, degrees and shear, as jaxdml.augment.policies says
WEAK, STRONG = (2.0, 0.06, 6.0, 0.06), (3.0, 0.2, 25.0, 0.35)
SQUARE = 4.0, 14.0  # the smallest and the largest side that is erased


class Network(nn.Module):
    """An encoder, and class weights on the sphere."""

    def __init__(self, encoder: str, pixels: int) -> None:
        """Makes the network of 64 dimensions."""
        super().__init__()
        self.encode = networks.encoder(encoder, pixels, DIM)
        self.weights = nn.Parameter(torch.randn(DIM, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        """Class scores f32[B, classes]: ten times the cosines."""
        z = functional.normalize(self.encode(x.flatten(1)), dim=1)
        return SCALE * z @ functional.normalize(self.weights, dim=0)


def moved(x: Tensor, weak: int) -> Tensor:
    """Images f32[B, H, W] resampled: the first `weak` of them a little, the others strongly."""
    amounts = torch.tensor([WEAK, STRONG], device=x.device)
    amounts = amounts.repeat_interleave(torch.tensor([weak, len(x) - weak], device=x.device), 0)
    side = x.shape[1]
    random = 2 * torch.rand(len(x), 6, device=x.device) - 1
    shift = random[:, :2] * amounts[:, :1] * 2 / (side - 1)
    size = 1 + random[:, 2:4] * amounts[:, 1:2]
    turn = torch.deg2rad(random[:, 4] * amounts[:, 2])
    slant = random[:, 5] * amounts[:, 3]
    cos, sin = turn.cos(), turn.sin()
    right = torch.stack([cos + slant * sin, -sin + slant * cos], 1) * size[:, :1]
    down = torch.stack([sin, cos], 1) * size[:, 1:]
    matrix = torch.cat([torch.stack([right, down], 1), shift[:, :, None]], 2)
    grid = functional.affine_grid(matrix, [len(x), 1, side, side], align_corners=True)
    return functional.grid_sample(x[:, None], grid, padding_mode="border", align_corners=True)[:, 0]


def erased(x: Tensor) -> Tensor:
    """Images f32[B, H, W] with a random square of zeros."""
    side = x.shape[1]
    centre = torch.rand(len(x), 2, device=x.device) * side - 0.5
    half = (SQUARE[0] + torch.rand(len(x), device=x.device) * (SQUARE[1] - SQUARE[0])) / 2
    pixels = torch.arange(side, device=x.device)
    inside = (pixels - centre[:, :, None]).abs() < half[:, None, None]
    return x.masked_fill(inside[:, 0, :, None] & inside[:, 1, None, :], 0.0)


def step(
    case: Case, variant: str, images: Tensor, labels: Tensor, rows: Tensor
) -> Callable[[], None]:
    """A step of one point, or of all of them in an ensemble; arguments as in `pytorch.Data`."""
    from experiments.benchmark.pytorch import compiled

    many = variant == "ensemble"
    points, device = case.points if many else 1, images.device
    side = math.isqrt(images.shape[1])
    made = [Network(case.encoder, images.shape[1]).to(device) for _ in range(points)]
    student = stack_module_state(made)[0] if many else dict(made[0].named_parameters())
    teacher = {name: leaf.detach().clone() for name, leaf in student.items()}
    skeleton = copy.deepcopy(made[0])
    optimizer = torch.optim.Adam(student.values(), LEARNING_RATE, fused=variant != "eager" or None)
    predicted = torch.full((points, CLASSES), 1 / CLASSES, device=device)

    def scores(params: dict[str, Tensor], x: Tensor) -> Tensor:
        """Of images f32[points, B, H, W], f32[points, B, classes]."""
        if many:
            return torch.func.vmap(lambda p, x: functional_call(skeleton, p, x))(params, x)
        return functional_call(skeleton, params, x[0])[None]

    def objective(
        params: dict[str, Tensor],
        average: dict[str, Tensor],
        shown: Tensor,
        y: Tensor,
        predicted: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The loss summed over points, and the teacher's shares of classes after it."""
        labelled, rest = LABELLED_BATCH * points, UNLABELLED_BATCH * points
        x = shown.float() / 255
        x = moved(torch.cat([x, x[labelled:]]), labelled + rest)
        views = x[:labelled], x[labelled : labelled + rest], erased(x[labelled + rest :])
        known, weak, strong = (view.reshape(points, -1, side, side) for view in views)
        with torch.no_grad():
            shares = scores(average, weak).softmax(-1)
            aligned = shares / (CLASSES * predicted[:, None, :].clamp_min(1e-6))
            aligned = aligned / aligned.sum(-1, keepdim=True)
            confidence, guessed = aligned.max(-1)
            sure = (confidence >= THRESHOLD).float()
            predicted = 0.99 * predicted + 0.01 * shares.mean(1)
        logits = scores(params, torch.cat([known, strong], 1))
        entropy = functional.cross_entropy(
            logits.flatten(0, 1), torch.cat([y, guessed], 1).flatten(), reduction="none"
        ).reshape(points, -1)
        of_labels = entropy[:, :LABELLED_BATCH].mean(1)
        of_guesses = (entropy[:, LABELLED_BATCH:] * sure).mean(1)
        return (of_labels + of_guesses).sum(), predicted

    value = compiled(objective, variant)
    done, used = 0, len(images)
    order = torch.empty(0, device=device)

    def train() -> None:
        nonlocal done, used, order, predicted
        drawn = rows[torch.randint(len(rows), (points, LABELLED_BATCH), device=device)]
        if used + points * UNLABELLED_BATCH > len(images):
            order, used = torch.randperm(len(images), device=device), 0
        others = order[used : used + points * UNLABELLED_BATCH]
        used += points * UNLABELLED_BATCH
        shown = images[torch.cat([drawn.flatten(), others])].reshape(-1, side, side)
        rate = LEARNING_RATE * math.cos(7 * math.pi / 16 * done / STEPS)
        optimizer.param_groups[0]["lr"] = rate * min(1, (done + 1) / WARMUP)
        optimizer.zero_grad(set_to_none=True)
        loss, predicted = value(student, teacher, shown, labels[drawn], predicted)
        loss.backward()
        optimizer.step()
        share = 1 - min(AVERAGE, (1 + done) / (10 + done))
        with torch.no_grad():
            torch._foreach_lerp_(list(teacher.values()), list(student.values()), share)
        done += 1

    return train
