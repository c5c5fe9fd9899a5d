"""Are suggested labels worth more than random ones, and are wrong labels found?

    python -m experiments.labelling --set=mnist --data_dir=DATA --output=labelling

`rounds`: 20 labels of 10,000 training images at random, and three times 20 more: at random, or as
`jaxdml predict --suggest` chooses them. After each round a network is trained anew, and names the
classes of all test images. `suspects`: 100 labels (of MNIST ten a class), ten of which are replaced
by another class; how many of the ten are among the first fifteen suspects of `jaxdml predict
--suspects`, and of a list by the network's own probability of the label?

Draw i takes other images and labels, with seed 100 + i. What is in the file already is not done
again.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from jaxdml import SemiSupervisedEmbedder, data
from jaxdml.commands import cli
from jaxdml.data import labels
from jaxdml.labelling import suggestion, suspicion
from jaxdml.report.tables import table
from jaxdml.runs.storage import files
from jaxdml.types import Dataset

SET = flags.DEFINE_enum("set", "mnist", ["mnist", "organamnist"], "Of data.")
DRAWS = flags.DEFINE_integer("draws", 5, "How many draws of images and labels.")
OUTPUT = flags.DEFINE_string("output", "runs/labelling", "The folder for the table.")
IMAGES, EACH_ROUND, ROUNDS = 10_000, 20, 3
WRONG, LABELS, FIRST = 10, 100, 15
COLUMNS = ("part", "way", "draw", "labels", "value", "seconds")


def main() -> None:
    """Prints a line for each training, and tables of means at the end."""
    dataset = data.load(SET.value, cli.data_dir())
    file = Path(OUTPUT.value) / f"{SET.value}.csv"
    done = files.read_csv(file) if file.exists() else []
    for part in (suspects, rounds):
        for draw in range(DRAWS.value):
            if any(row["part"] == part.__name__ and int(row["draw"]) == draw for row in done):
                continue
            new = []
            for row in part(dataset, draw):
                new.append({"part": part.__name__, "draw": draw} | row)
                print(" ".join(f"{key} {value}" for key, value in new[-1].items()), flush=True)
            done += [{key: str(value) for key, value in row.items()} for row in new]
            files.write_csv(file, COLUMNS, done)
    print(table.markdown(summary(done)))


def suspects(dataset: Dataset, draw: int) -> Iterator[dict[str, Any]]:
    """How many of ten wrong labels are among the first fifteen suspects."""
    began, random = time.monotonic(), np.random.default_rng(100 + draw)
    x, kind = _sample(dataset, draw)
    rows = np.arange(LABELS)
    if dataset.name == "mnist":
        each = LABELS // len(dataset.classes)
        rows = np.sort(labels.select(kind, per_class=each, seed=100 + draw))
    given = np.full(len(kind), -1)
    given[rows] = kind[rows]
    wrong = random.permutation(rows)[:WRONG]
    given[wrong] = (kind[wrong] + random.integers(1, len(dataset.classes), WRONG)) % len(
        dataset.classes
    )
    embedder = SemiSupervisedEmbedder(random_state=draw).fit(x[..., 0], given)
    found = {
        "suspects": suspicion.doubts(embedder, x[rows], embedder.labels_).value,
        "own probability": 1
        - embedder.predict_proba(x[rows][..., 0])[np.arange(len(rows)), embedder.labels_],
    }
    for way, value in found.items():
        first = rows[np.argsort(-value, kind="stable")[:FIRST]]
        count = len(np.intersect1d(first, wrong))
        yield {"way": way, "labels": LABELS, "value": count, "seconds": _since(began)}


def rounds(dataset: Dataset, draw: int) -> Iterator[dict[str, Any]]:
    """Accuracies after each round, of random and of suggested labels."""
    x, kind = _sample(dataset, draw)
    first: SemiSupervisedEmbedder | None = None
    for way in ("random", "suggested"):
        chosen, random = np.arange(EACH_ROUND), np.random.default_rng(100 + draw)
        for number in range(ROUNDS + 1):
            began = time.monotonic()
            given = np.full(len(kind), -1)
            given[chosen] = kind[chosen]
            embedder = (
                first
                if number == 0 and first is not None
                else SemiSupervisedEmbedder(random_state=draw).fit(x[..., 0], given)
            )
            first = first or embedder
            accuracy = embedder.score(dataset.test.x[..., 0], dataset.test.y)
            yield {"way": way, "labels": len(chosen), "value": accuracy, "seconds": _since(began)}
            if number == ROUNDS:
                break
            rest = np.setdiff1d(np.arange(len(kind)), chosen)
            if way == "random":
                more = random.permutation(rest)[:EACH_ROUND]
            else:
                z, shares = (
                    embedder.transform(x[rest][..., 0]),
                    embedder.predict_proba(x[rest][..., 0]),
                )
                more = rest[suggestion.suggest(z, shares, embedder.embeddings_, EACH_ROUND)]
            chosen = np.concatenate([chosen, more])


def summary(done: list[dict[str, str]]) -> table.Table:
    """Mean, least and greatest value of each way at each number of labels."""
    body = []
    for part, way, count in dict.fromkeys((r["part"], r["way"], r["labels"]) for r in done):
        values = [
            float(row["value"])
            for row in done
            if (row["part"], row["way"], row["labels"]) == (part, way, count)
        ]
        form = "{:.1f}" if part == "suspects" else "{:.3f}"
        shown = [form.format(v) for v in (np.mean(values), min(values), max(values))]
        body.append([part, way, count, str(len(values)), *shown])
    return table.Table("", ["part", "way", "labels", "draws", "mean", "least", "most"], body, 2)


def _sample(dataset: Dataset, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """Training images of a draw, u8[N, H, W, 1], and their classes."""
    order = np.random.default_rng(100 + draw).permutation(len(dataset.train.y))[:IMAGES]
    return np.asarray(dataset.train.x)[order], np.asarray(dataset.train.y)[order]


def _since(began: float) -> float:
    return round(time.monotonic() - began, 1)


if __name__ == "__main__":
    cli.main(main)
