"""The benchmark's counterpart, written plainly in PyTorch with pytorch-metric-learning.

    python -m experiments.bench_pytorch --data_dir=DATA      (the points of configs/bench_grid.py)

One point after the other, on a GPU if PyTorch sees one: a loop over tensors that lie in its memory,
and scikit-learn's nearest neighbours on two thirds of the test embeddings and on the labelled
images.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from absl import flags
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from sklearn.metrics import accuracy_score, adjusted_mutual_info_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from configs import bench_grid
from jaxdml import data
from jaxdml.commands import cli
from jaxdml.runs.planning import grid
from jaxdml.runs.planning.splits import select
from jaxdml.settings.fields import flatten

DATA = flags.DEFINE_string("data", None, "Another data set than the grid's.")
BATCH = 128
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
Batches = Callable[[int], Iterator[Tensor]]


def networks(encoder: str, pixels: int) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder: `mlp`, pixels-512-256-10, or `conv`, of 28 × 28 pixels."""
    return convolutional() if encoder == "conv" else dense(pixels)


def dense(pixels: int) -> tuple[nn.Module, nn.Module]:
    """The network of jaxdml/models/mlp.py."""
    encoder = nn.Sequential(
        nn.Linear(pixels, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
    )
    decoder = nn.Sequential(
        nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, pixels)
    )
    return encoder, decoder


def convolutional() -> tuple[nn.Module, nn.Module]:
    """The network of jaxdml/models/conv.py. Channels last is the faster layout here."""
    encoder = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(7 * 7 * 64, 256), nn.ReLU(), nn.Linear(256, 10),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, 7 * 7 * 64), nn.ReLU(),
        nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 3, stride=2, padding=1, output_padding=1), nn.Flatten(),
    )  # fmt: skip
    layout = torch.channels_last
    return encoder.to(memory_format=layout), decoder.to(memory_format=layout)


def in_memory(images: Tensor) -> Batches:
    """Batches of images by indexing tensors."""

    def batches(steps: int) -> Iterator[Tensor]:
        order = torch.randperm(len(images), device=images.device)
        for i in range(steps):
            yield images[order[i * BATCH : (i + 1) * BATCH]].float() / 255

    return batches


def by_loader(images: Tensor) -> Batches:
    """Batches of images by a data loader, as in the thesis."""
    loader = DataLoader(TensorDataset(images.cpu()), batch_size=BATCH, shuffle=True)

    def batches(steps: int) -> Iterator[Tensor]:
        for (batch,) in loader:
            yield batch.to(DEVICE).float() / 255

    return batches


def training(
    system: str,
    images: Tensor,
    labels: Tensor,
    labelled: Tensor,
    batches: Batches,
    encoder: str = "mlp",
) -> tuple[nn.Module, Callable[[int], None]]:
    """The encoder, and a function that trains an epoch of so many steps.

    Args:
      system: `ae`, `dml` or joint `dml_ae`, with hard triplets of margin 0.2 and α = 0.5.
      images: u8[N, pixels], on DEVICE, as all tensors.
      labels: i64[N].
      labelled: rows of the images whose labels are used.
      batches: gives an epoch of all images.
      encoder: `mlp` or `conv`.
    """
    encode, decode = networks(encoder, images.shape[1])
    trained = nn.ModuleList([encode] if system == "dml" else [encode, decode]).to(DEVICE)
    optimizer = torch.optim.Adam(trained.parameters(), lr=1e-3)
    distance = LpDistance(normalize_embeddings=False)
    miner, triplet = BatchHardMiner(distance=distance), TripletMarginLoss(0.2, distance=distance)

    def epoch(steps: int) -> None:
        unlabelled = batches(steps) if system != "dml" else iter([None] * steps)
        for batch in unlabelled:
            loss = torch.zeros((), device=DEVICE)
            if batch is not None:
                error = (decode(encode(batch)) - batch) ** 2
                loss = loss + 0.5 * error.sum(dim=1).mean()
            if system != "ae":
                rows = labelled[torch.randint(len(labelled), (BATCH,), device=DEVICE)]
                z = encode(images[rows].float() / 255)
                loss = loss + 0.5 * triplet(z, labels[rows], miner(z, labels[rows]))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return encode, epoch


def score(
    fit: np.ndarray, fit_labels: np.ndarray, z: np.ndarray, y: np.ndarray
) -> tuple[float, float]:
    """Accuracy and adjusted mutual information of five nearest neighbours."""
    smallest = int(np.unique(fit_labels, return_counts=True)[1].min())
    predicted = KNeighborsClassifier(min(5, smallest)).fit(fit, fit_labels).predict(z)
    return accuracy_score(y, predicted), adjusted_mutual_info_score(y, predicted)


def main() -> None:
    """Trains and scores every point; prints the mean accuracies."""
    base = flatten(bench_grid.get_config().to_dict())
    points = grid.expand(base, bench_grid.get_grid())
    dataset = data.load(DATA.value or base["data.name"], cli.data_dir())
    x, test = (
        torch.from_numpy(np.ascontiguousarray(part.x).reshape(len(part.x), -1)).to(DEVICE)
        for part in (dataset.train, dataset.test)
    )
    y = torch.from_numpy(np.array(dataset.train.y)).long().to(DEVICE)
    steps = -(-len(x) // BATCH)
    accuracies = []
    for point in points:
        rows = select(point.setting, dataset)
        torch.manual_seed(point.setting["seed"])
        system = point.setting["system"]
        encoder, epoch = training(system, x, y, torch.from_numpy(rows).to(DEVICE), in_memory(x))
        for _ in range(point.setting["train.epochs"]):
            epoch(steps)
        with torch.no_grad():
            z = encoder(test.float() / 255).cpu().numpy()
            z_labelled = encoder(x[rows].float() / 255).cpu().numpy()
        fit, scored = train_test_split(np.arange(len(z)), test_size=1 / 3, random_state=0)
        labels = dataset.test.y
        thesis = score(z[fit], labels[fit], z[scored], labels[scored])
        labelled = score(z_labelled, dataset.train.y[rows], z, labels)
        accuracies.append((thesis[0], labelled[0]))
    means = np.mean(accuracies, axis=0)
    print(f"{len(points)} points: thesis {means[0]:.3f}, labelled {means[1]:.3f}")


if __name__ == "__main__":
    cli.main(main)
