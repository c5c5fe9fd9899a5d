"""The same trainings in PyTorch, as someone who wants speed would write them.

    eager        plain Adam, hard triplets by pytorch-metric-learning: as the thesis did it
    fused        Adam in one pass over the parameters, hard triplets by hand
    compiled     the same, and the loss compiled by `torch.compile`
    cuda graphs  the same, compiled with `mode="reduce-overhead"`
    ensemble     all points in one program by `torch.func`, with one fused Adam

Images lie on the device as bytes. Products on a GPU may round their factors to eleven bits (TF32),
as JAX's do there; on a CPU both have full float32. In bfloat16 networks run under `torch.autocast`.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn import functional

from experiments.benchmark import cases, networks, pytorch_recipe
from experiments.benchmark.cases import BATCH, Case

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
MARGIN, LEARNING_RATE = 0.2, 1e-3
Turn = Callable[[int], None]


class Data(NamedTuple):
    """What is trained on, on the device."""

    images: Tensor  # u8[N, pixels]
    labels: Tensor  # i64[N]
    rows: Tensor  # i64[L], of the images whose labels are used


def variants(case: Case) -> tuple[str, ...]:
    """The ways to train a case that are tried."""
    graphs = ("cuda graphs",) if DEVICE.type == "cuda" else ()
    alone = ("fused", "compiled", *graphs)
    return ("eager", *alone) if case.points == 1 else (*alone, "ensemble")


def training(case: Case, variant: str) -> tuple[Turn, dict[str, float]]:
    """A function that trains so many steps of all points of a case.

    Points that follow each other are timed as more steps of one point.
    """
    torch.set_float32_matmul_precision("high")
    x, y = cases.images()
    data = Data(
        torch.from_numpy(x.reshape(len(x), -1)).to(DEVICE),
        torch.from_numpy(y).long().to(DEVICE),
        torch.arange(case.labelled, device=DEVICE),
    )
    at_once = case.points if variant == "ensemble" else 1
    if case.system == "few":
        step = pytorch_recipe.step(case, variant, *data)
    elif variant == "ensemble":
        step = _step_of_many(case, data)
    else:
        objective = Objective(case.system, case.encoder, x[0].size, variant).to(DEVICE)
        step = step_of_one(objective, variant, data)

    def turn(steps: int) -> None:
        for _ in range(steps * case.points // at_once):
            # what `autocast` casts anew in each step it would keep while it is entered
            with torch.autocast(DEVICE.type, torch.bfloat16, enabled=case.precision != "float32"):
                step()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()

    return turn, {}


class Objective(nn.Module):
    """Networks, and ½ squared error + ½ hard triplets of margin 0.2, or one of the two."""

    def __init__(
        self, system: str, encoder: str, pixels: int, variant: str, unit: bool = False
    ) -> None:
        """Makes the networks of `ae`, `dml` or joint `dml_ae`.

        With `unit` triplets are of embeddings of length 1.
        """
        super().__init__()
        self.unit = unit
        self.encode = networks.encoder(encoder, pixels, 10)
        self.decode = None if system == "dml" else networks.decoder(encoder, pixels, 10)
        self.labelled = system != "ae"
        self.triplets = _by_library() if variant == "eager" else hard_triplets

    def forward(self, batch: Tensor | None, labelled: Tensor | None, y: Tensor | None) -> Tensor:
        """The loss of u8[B, pixels] without labels, and of others with theirs, i64[B]."""
        loss = torch.zeros((), device=DEVICE)
        if self.decode is not None:
            assert batch is not None
            x = batch.float() / 255
            loss = loss + 0.5 * ((self.decode(self.encode(x)) - x) ** 2).sum(dim=1).mean()
        if self.labelled:
            assert labelled is not None
            z = self.encode(labelled.float() / 255)
            loss = loss + 0.5 * self.triplets(functional.normalize(z) if self.unit else z, y)
        return loss


def hard_triplets(z: Tensor, y: Tensor) -> Tensor:
    """The mean over anchors whose loss is not 0 of d(furthest positive) − d(nearest negative) + m.

    Anchors without another image of their class, or of another one, count as 0.
    """
    squares = (z * z).sum(dim=1)
    squared = squares[:, None] + squares[None, :] - 2 * z @ z.T
    distance = squared.clamp_min(1e-12).sqrt()
    alike = y[:, None] == y[None, :]
    others = alike & ~torch.eye(len(z), dtype=torch.bool, device=z.device)
    positive = distance.masked_fill(~others, -torch.inf).amax(dim=1)
    negative = distance.masked_fill(alike, torch.inf).amin(dim=1)
    losses = (positive - negative + MARGIN).relu()
    return losses.sum() / (losses > 0).sum().clamp_min(1)


def _by_library() -> Callable[[Tensor, Tensor], Tensor]:
    distance = LpDistance(normalize_embeddings=False)
    miner, loss = BatchHardMiner(distance=distance), TripletMarginLoss(MARGIN, distance=distance)
    return lambda z, y: loss(z, y, miner(z, y))


def step_of_one(objective: Objective, variant: str, data: Data) -> Callable[[], None]:
    """A step of one point."""
    optimizer = torch.optim.Adam(
        objective.parameters(), lr=LEARNING_RATE, fused=variant != "eager" or None
    )
    loss = compiled(objective, variant)
    drawn = _batches(objective, data, ())

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss(*next(drawn)).backward()
        optimizer.step()

    return step


def _step_of_many(case: Case, data: Data) -> Callable[[], None]:
    """A step of all points at once: their parameters have a leading axis."""
    pixels = data.images.shape[1]
    points = [
        Objective(case.system, case.encoder, pixels, "ensemble").to(DEVICE)
        for _ in range(case.points)
    ]
    params, buffers = stack_module_state(points)
    optimizer = torch.optim.Adam(params.values(), lr=LEARNING_RATE, fused=True)

    def one(params: dict[str, Tensor], buffers: dict[str, Tensor], *batches: Tensor) -> Tensor:
        return functional_call(points[0], (params, buffers), batches)

    drawn = _batches(points[0], data, (case.points,))

    def step() -> None:
        batches = next(drawn)
        axes = tuple(None if batch is None else 0 for batch in batches)
        optimizer.zero_grad(set_to_none=True)
        losses = torch.func.vmap(one, in_dims=(0, 0, *axes))(params, buffers, *batches)
        losses.sum().backward()
        optimizer.step()

    return step


def compiled(function: Callable[..., Tensor], variant: str) -> Callable[..., Tensor]:
    """A function of tensors, compiled as the variant says."""
    modes = {"compiled": None, "cuda graphs": "reduce-overhead"}
    return torch.compile(function, mode=modes[variant]) if variant in modes else function


def _batches(
    objective: Objective, data: Data, points: tuple[int, ...]
) -> Iterator[tuple[Tensor | None, ...]]:
    """Batches without end: of all images in random order, and labelled ones with replacement."""
    images, labels, rows = data
    shape = (*points, BATCH)
    count = BATCH * (points[0] if points else 1)
    order, used = torch.randperm(len(images), device=DEVICE), 0
    while True:
        batch = labelled = y = None
        if objective.decode is not None:
            if used + count > len(order):
                order, used = torch.randperm(len(images), device=DEVICE), 0
            batch = images[order[used : used + count].reshape(shape)]
            used += count
        if objective.labelled:
            drawn = rows[torch.randint(len(rows), shape, device=DEVICE)]
            labelled, y = images[drawn], labels[drawn]
        yield batch, labelled, y
