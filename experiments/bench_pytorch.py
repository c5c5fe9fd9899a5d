"""The benchmark's counterpart: the same grid by a loop in PyTorch, with its fused Adam.

    python -m experiments.bench_pytorch --data_dir=DATA      (the points of configs/bench_grid.py)

One point after the other, on a GPU if PyTorch sees one: a loop over tensors that lie in its memory,
and scikit-learn's nearest neighbours on two thirds of the test embeddings and on the labelled
images.
"""

import numpy as np
import torch
from absl import flags
from sklearn.metrics import accuracy_score, adjusted_mutual_info_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from configs import bench_grid
from experiments.benchmark.cases import BATCH
from experiments.benchmark.pytorch import DEVICE, Data, Objective, step_of_one
from jaxdml import data
from jaxdml.commands import cli
from jaxdml.runs.planning import grid
from jaxdml.runs.planning.splits import select
from jaxdml.settings.fields import flatten

VARIANT = "fused"
DATA = flags.DEFINE_string("data", None, "Another data set than the grid's.")


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
        objective = Objective(point.setting["system"], "mlp", x.shape[1], VARIANT, unit=True)
        rows_there = torch.from_numpy(rows).to(DEVICE)
        step = step_of_one(objective.to(DEVICE), VARIANT, Data(x, y, rows_there))
        for _ in range(point.setting["train.epochs"] * steps):
            step()
        with torch.no_grad():
            z = objective.encode(test.float() / 255).cpu().numpy()
            z_labelled = objective.encode(x[rows].float() / 255).cpu().numpy()
        fit, scored = train_test_split(np.arange(len(z)), test_size=1 / 3, random_state=0)
        labels = dataset.test.y
        thesis = score(z[fit], labels[fit], z[scored], labels[scored])
        labelled = score(z_labelled, dataset.train.y[rows], z, labels)
        accuracies.append((thesis[0], labelled[0]))
    means = np.mean(accuracies, axis=0)
    print(f"{len(points)} points: thesis {means[0]:.3f}, labelled {means[1]:.3f}")


if __name__ == "__main__":
    cli.main(main)
