"""What a careful user of scikit-learn would choose, beside the embedder or the commands.

    python -m experiments.estimators --set=mnist --data_dir=DATA --output=estimators

Sets: `mnist`, ten labels a class of 60,000 images; `digits`, five a class of 1,297 images;
`vectors`, five a class of the digits 5 to 9 of MNIST, as embeddings of 512 dimensions by a network
that was trained on all labels of the digits 0 to 4 (`vectors_dev`: the other way round); `photos`,
five a class of 5,000 training images of OrganAMNIST, which lie in a folder as PNG files with a
`labels.csv`, and are trained on by `jaxdml train` and named by `jaxdml predict`.
Draw i labels other rows, with seed 100 + i. Every method sees all rows and these labels, and names
the classes of test images that none of them saw. What is in the file already is not done again.
"""

import csv
import functools
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from jaxdml import SemiSupervisedEmbedder, data
from jaxdml.commands import cli
from jaxdml.report.tables import statistics, table

SET = flags.DEFINE_enum(
    "set", "digits", ["mnist", "digits", "vectors", "vectors_dev", "photos"], "Of data."
)
DRAWS = flags.DEFINE_integer("draws", 5, "How many draws of labels.")
ONLY = flags.DEFINE_list("only", [], "Names of methods; none: all.")
OUTPUT = flags.DEFINE_string("output", "runs/estimators", "The folder for the table.")
LABELS_A_CLASS = {"mnist": 10, "digits": 5, "vectors": 5, "vectors_dev": 5, "photos": 5}
PHOTOS = 5_000
COMMANDS = "jaxdml train, predict"
DIGITS_OF_MNIST = ("shift", "scale", "rotate", "erase")


class Rows(NamedTuple):
    """Rows to learn from, and others to be tested on."""

    x: np.ndarray  # images, or vectors
    kind: np.ndarray  # i32[N]
    test_x: np.ndarray
    test_kind: np.ndarray


def main() -> None:
    """Prints a line for each fit, and the table of means at the end."""
    rows, name = SETS[SET.value](), SET.value
    file = Path(OUTPUT.value) / f"{name}.csv"
    done = read(file)
    for draw in range(DRAWS.value):
        y = labels(rows.kind, LABELS_A_CLASS[name], 100 + draw)
        for method, accuracy_of in methods(name).items():
            known = any(row["method"] == method and int(row["draw"]) == draw for row in done)
            if known or (ONLY.value and method not in ONLY.value):
                continue
            began = time.monotonic()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                accuracy = accuracy_of(rows, y, draw)
            seconds = time.monotonic() - began
            new = {"method": method, "draw": draw, "accuracy": accuracy, "seconds": seconds}
            done.append({key: str(value) for key, value in new.items()})
            write(file, done)
            print(f"{name} {method}, draw {draw}: {accuracy:.4f}, {seconds:.0f} s", flush=True)
    print(table.markdown(summary(done)))
    print(table.markdown(verdicts(done)))


def labels(kind: np.ndarray, each: int, seed: int) -> np.ndarray:
    """The labels of so many rows of each class, and -1 for the others."""
    random = np.random.default_rng(seed)
    chosen = np.concatenate(
        [random.permutation(np.flatnonzero(kind == c))[:each] for c in np.unique(kind)]
    )
    y = np.full(len(kind), -1)
    y[chosen] = kind[chosen]
    return y


def read(file: Path) -> list[dict[str, str]]:
    """The fits of an earlier call."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def write(file: Path, fits: list[dict[str, str]]) -> None:
    """Writes all fits so far."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, ("method", "draw", "accuracy", "seconds"))
        writer.writeheader()
        writer.writerows(fits)


def summary(fits: list[dict[str, str]]) -> table.Table:
    """Mean, least and greatest accuracy of each method, and its seconds."""
    body = []
    for method in dict.fromkeys(fit["method"] for fit in fits):
        chosen = [fit for fit in fits if fit["method"] == method]
        accuracies = [float(fit["accuracy"]) for fit in chosen]
        seconds = np.median([float(fit["seconds"]) for fit in chosen])
        numbers = [np.mean(accuracies), min(accuracies), max(accuracies)]
        body.append(
            [method, str(len(chosen)), *(f"{v:.3f}" for v in numbers), f"{max(seconds, 1):.0f}"]
        )
    body.sort(key=lambda row: -float(row[2]))
    return table.Table("", ["method", "draws", "mean", "least", "most", "seconds"], body, 1)


def verdicts(fits: list[dict[str, str]]) -> table.Table:
    """The best of ours against each other method: the mean difference, and what it says."""
    values: dict[str, dict[str, float]] = {}
    for fit in fits:
        values.setdefault(fit["method"], {})[fit["draw"]] = float(fit["accuracy"])
    ours = max(
        (name for name in values if name.startswith("Semi") or name == COMMANDS),
        key=lambda name: np.mean(list(values[name].values())),
    )
    others = [name for name in values if name != ours]
    family = [statistics.paired(values[ours], values[name]) for name in others]
    body = [
        [name, f"{one.mean:+.3f}", f"[{one.low:.3f}, {one.high:.3f}]", verdict]
        for name, one, verdict in zip(others, family, statistics.verdicts(family), strict=True)
        if one is not None and one.low is not None
    ]
    return table.Table("", [f"{ours} −", "mean", "95 % interval", "it is"], body, 1)


# ---------------------------------------------------------------- the rows


def _mnist() -> Rows:
    mnist = data.load("mnist", cli.data_dir())
    train, test = mnist.train, mnist.test
    return Rows(train.x[..., 0], np.asarray(train.y), test.x[..., 0], np.asarray(test.y))


def _digits() -> Rows:
    x, kind = load_digits(return_X_y=True)
    images = (x.reshape(-1, 8, 8) / 16).astype(np.float32)
    train, test = np.split(np.random.default_rng(0).permutation(len(x)), [len(x) - 500])
    return Rows(images[train], kind[train], images[test], kind[test])


def _vectors(seen: range) -> Rows:
    """Embeddings of the digits that a network did not see, by one that was trained on others."""
    mnist = _mnist()
    network = SemiSupervisedEmbedder(
        "dml", random_state=0, invariances=DIGITS_OF_MNIST, options={"model.latent_dim": 512}
    )
    others = np.isin(mnist.kind, seen)
    network.fit(mnist.x[others], mnist.kind[others])
    new, new_test = ~others, ~np.isin(mnist.test_kind, seen)
    return Rows(
        network.transform(mnist.x[new]),
        mnist.kind[new],
        network.transform(mnist.test_x[new_test]),
        mnist.test_kind[new_test],
    )


def _photos() -> Rows:
    """The training images of a draw are the same for all: those that five labels a class are of."""
    organs = data.load("organamnist", cli.data_dir())
    train, test = organs.train, organs.test
    some = np.sort(np.random.default_rng(0).permutation(len(train.y))[:PHOTOS])
    y, test_y = np.asarray(train.y)[some], np.asarray(test.y)
    return Rows(np.asarray(train.x)[some][..., 0], y, np.asarray(test.x)[..., 0], test_y)


SETS: dict[str, Callable[[], Rows]] = {
    "mnist": _mnist,
    "digits": _digits,
    "vectors": functools.partial(_vectors, range(5)),
    "vectors_dev": functools.partial(_vectors, range(5, 10)),
    "photos": _photos,
}

# ---------------------------------------------------------------- the methods

Accuracy = Callable[[Rows, np.ndarray, int], float]  # (rows, y, draw) → share of right test rows


def methods(name: str) -> dict[str, Accuracy]:
    """What is compared on a set, by name."""
    ours = {
        "SemiSupervisedEmbedder (fast)": _embedder(),
        "SemiSupervisedEmbedder (full)": _embedder(effort="full"),
    }
    if name == "mnist":
        ours["SemiSupervisedEmbedder (fast, declared invariances)"] = _embedder(
            invariances=DIGITS_OF_MNIST
        )
    if name == "digits":
        ours["SemiSupervisedEmbedder (fast, declared invariances)"] = _embedder(
            invariances=("shift", "scale", "rotate")
        )
    if name == "photos":
        ours = {COMMANDS: _by_commands}
    return ours | {
        "kNN": _of_labelled(_knn()),
        "PCA + kNN": _of_pca(_knn()),
        "logistic regression": _of_labelled(_logistic()),
        "random forest": _of_labelled(RandomForestClassifier(500, random_state=0)),
        "LabelSpreading": _spreading,
        "SelfTrainingClassifier": _self_training,
        "UMAP with labels + kNN": _umap,
    }


def _embedder(**parameters: Any) -> Accuracy:
    def accuracy(rows: Rows, y: np.ndarray, draw: int) -> float:
        one = SemiSupervisedEmbedder(random_state=draw, **parameters).fit(rows.x, y)
        return float(one.score(rows.test_x, rows.test_kind))

    return accuracy


def _by_commands(rows: Rows, y: np.ndarray, draw: int) -> float:
    """Files in a folder, `jaxdml train` with no more than their path, and `jaxdml predict`.

    Two test images a class lie beside them as such. Otherwise labelled images would take turns as
    test images, which trains five more networks, and names the new images no better.
    """
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        _write_images(place / "photos", rows.x)
        _write_images(place / "new", rows.test_x)
        lines = ["file,label,split", *(f"{i}.png,{y[i]},train" for i in np.flatnonzero(y >= 0))]
        for label in np.unique(rows.test_kind):
            for row in np.flatnonzero(rows.test_kind == label)[:2]:
                shutil.copy(place / "new" / f"{row}.png", place / "photos" / f"test_{row}.png")
                lines.append(f"test_{row}.png,{label},test")
        (place / "photos" / "labels.csv").write_text("\n".join(lines) + "\n")
        _command(
            "train", "--config=images", f"--config.data.path={place / 'photos'}",
            f"--config.seed={draw}", "--workdir=run", at=place,
        )  # fmt: skip
        _command("predict", "--workdir=run", "--input=new", "--output=named.csv", at=place)
        with (place / "named.csv").open(newline="") as opened:
            named = {row["file"]: row["class"] for row in csv.DictReader(opened)}
        right = [named[f"{row}.png"] == str(kind) for row, kind in enumerate(rows.test_kind)]
        return float(np.mean(right))


def _write_images(folder: Path, x: np.ndarray) -> None:
    folder.mkdir()
    for row, image in enumerate(x):
        Image.fromarray(image).save(folder / f"{row}.png")


def _command(*words: str, at: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "jaxdml", *words], cwd=at, capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())


def _flat(x: np.ndarray) -> np.ndarray:
    scale = 255 if x.dtype == np.uint8 else 1
    return (x.reshape(len(x), -1) / scale).astype(np.float32)


def _knn() -> Any:
    """Nearest neighbours; how many, by cross-validation over the labelled rows."""
    return GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3, 5]}, cv=5)


def _logistic() -> Any:
    return LogisticRegressionCV(
        Cs=5, cv=5, max_iter=300, scoring="accuracy", l1_ratios=(0,), use_legacy_attributes=False
    )


def _of_labelled(classifier: Any) -> Accuracy:
    def accuracy(rows: Rows, y: np.ndarray, draw: int) -> float:
        labelled = y >= 0
        classifier.fit(_flat(rows.x[labelled]), y[labelled])
        return float(classifier.score(_flat(rows.test_x), rows.test_kind))

    return accuracy


def _of_pca(classifier: Any) -> Accuracy:
    def accuracy(rows: Rows, y: np.ndarray, draw: int) -> float:
        pca, labelled = PCA(50, random_state=0).fit(_flat(rows.x)), y >= 0
        classifier.fit(pca.transform(_flat(rows.x[labelled])), y[labelled])
        return float(classifier.score(pca.transform(_flat(rows.test_x)), rows.test_kind))

    return accuracy


def _spreading(rows: Rows, y: np.ndarray, draw: int) -> float:
    """Label spreading over ten neighbours (scikit-learn's default of 7 was a little worse)."""
    spreading = LabelSpreading(kernel=_graph, max_iter=100).fit(_flat(rows.x), y)
    nearest = NearestNeighbors(n_neighbors=10, n_jobs=-1).fit(_flat(rows.x))
    near = nearest.kneighbors(_flat(rows.test_x), return_distance=False)
    votes = spreading.label_distributions_[near].sum(axis=1)
    return float((spreading.classes_[votes.argmax(axis=1)] == rows.test_kind).mean())


_graphs: dict[int, Any] = {}


def _graph(x: np.ndarray, other: np.ndarray) -> Any:
    """The graph of nearest neighbours, as scikit-learn's kernel `knn` has it, made once."""
    if len(x) not in _graphs:
        nearest = NearestNeighbors(n_neighbors=10, n_jobs=-1).fit(x)
        _graphs[len(x)] = nearest.kneighbors_graph(x, mode="connectivity")
    return _graphs[len(x)]


def _self_training(rows: Rows, y: np.ndarray, draw: int) -> float:
    classifier = make_pipeline(
        PCA(min(50, _flat(rows.x[:1]).shape[1]), random_state=0),
        SelfTrainingClassifier(_logistic(), threshold=0.95, max_iter=10),
    )
    classifier.fit(_flat(rows.x), y)
    return float(classifier.score(_flat(rows.test_x), rows.test_kind))


def _umap(rows: Rows, y: np.ndarray, draw: int) -> float:
    """UMAP's own way with few labels: y is -1 where there is none."""
    import umap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        reducer = umap.UMAP(n_components=10, random_state=draw).fit(_flat(rows.x), y)
        z, labelled = reducer.embedding_, y >= 0
        classifier = _knn().fit(z[labelled], y[labelled])
        return float(classifier.score(reducer.transform(_flat(rows.test_x)), rows.test_kind))


if __name__ == "__main__":
    cli.main(main)
