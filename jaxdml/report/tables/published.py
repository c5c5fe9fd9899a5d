"""The tables of the thesis, with what a run found beside what was published.

The published values ship with the package, as fractions, one file a table (`published/*.csv`).
"""

import csv
import functools
import statistics
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple

from jaxdml.report.tables.sharing import LABELS, REPEATS
from jaxdml.report.tables.table import Table

NAMES = ("6.1", "6.2", "6.3", "6.4", "6.5", "6.6")
TITLES = {
    "6.1": "DML and DML autoencoder, MNIST",
    "6.2": "DML and DML autoencoder, OrganAMNIST",
    "6.3": "DML, and DML with a unit and with a mixture prior, MNIST",
    "6.4": "DML, and DML with a unit and with a mixture prior, OrganAMNIST",
    "6.5": "DML and MetricVAE by metric loss, kNN accuracy",
    "6.6": "MetricVAE trained jointly with L_U + γ L_S, all of MNIST labelled",
}
# What a reader should know of the published values.
NOTES = {
    "6.1": (
        "Published at 10 %, α = 0.25, 2-D: 0.1028 with an AMI of 0 is the share of one digit, as "
        "of a constant or non-finite embedding."
    ),
    "6.2": (
        "Published: the DML column equals the α = 1 autoencoder in all six cells, so it is "
        "probably mislabelled."
    ),
    "6.3": "Published: α = 1 is the KL alone, at chance by design; every prior is near chance.",
    "6.4": "Published: α = 1 is the KL alone, at chance by design; every prior is near chance.",
    "6.5": (
        "Published: MNIST's DML with triplets at 10 % repeats OrganAMNIST's; Table 6.1 has 0.7476 "
        "and 0.9502 there. MVAE is near chance but for five cells."
    ),
    "6.6": (
        "Published: most linear MVAE values are k/64, one batch of 64 images, with a standard "
        "error of about 4 points."
    ),
}
THIRD = "Published accuracies of 6.3 to 6.5 are k/3334, a third of MNIST's test set, cut off."
# the published files' words → ours
_PRIORS = {"mixture": "hypercube"}
_ROUTINES = {"joint": "joint_gamma"}
_WORDS = {
    "dml": "DML", "dml_ae": "DML-AE", "dml_prior": "DML-prior", "mvae": "MVAE", "knn": "kNN",
    "rf": "forest", "ami": "AMI",
}  # fmt: skip


class Cell(NamedTuple):
    """One published value: where it stands, and what it is of."""

    setting: Mapping[str, Any]  # config path → value, `None` where the table does not say
    classifier: str
    metric: str
    value: float


@functools.cache
def cells(name: str) -> tuple[Cell, ...]:
    """All values of a table, in the order of its file.

    Args:
      name: one of `NAMES`.

    >>> cells("6.1")[0].value, len(cells("6.1"))
    (0.2618, 60)
    """
    file = (
        resources.files("jaxdml.report.tables")
        / "published"
        / f"table_{name.replace('.', '_')}.csv"
    )
    table_cells = []
    for row in csv.DictReader(file.read_text("utf-8").splitlines()):
        weight = {f"routine.{p}": _number(row[p]) for p in ("alpha", "gamma") if p in row}
        setting = {
            "data.name": row["dataset"],
            "data.labelled_percent": _number(row["labelled_percent"]),
            **weight,
            "model.latent_dim": int(row["latent_dim"]),
            "system": row["system"],
            "loss.name": row["loss"] or None,
            "prior.name": _PRIORS.get(row["prior"], row["prior"]) or None,
            "routine.name": _ROUTINES.get(row["routine"], row["routine"]) or None,
        }
        for column in list(row):
            if column.endswith(("_accuracy", "_ami")):
                classifier, metric = column.split("_")
                table_cells.append(Cell(setting, classifier, metric, float(row[column])))
    return tuple(table_cells)


def table(name: str, results: Sequence[Mapping[str, Any]]) -> Table:
    """A table of the thesis: each published value, and beside it the mean of the points like it.

    A point is like a cell if it has all that the cell's setting says, and is scored by the protocol
    `thesis`. What the tables do not say (epochs, batch, margin, …) is the run's. A method without α
    or γ stands in the first row of its latent size, as in the thesis's Table 6.5.

    Args:
      name: one of `NAMES`.
      results: as `result.json` holds them; those that are not `ok` do not count.
    """
    all_cells = cells(name)
    weight = "routine.gamma" if name == "6.6" else "routine.alpha"
    index = ("data.name", "data.labelled_percent", "model.latent_dim", weight)
    first = min(cell.setting[weight] for cell in all_cells if cell.setting[weight] is not None)
    blocks = list(dict.fromkeys(_block(cell, all_cells) for cell in all_cells))
    rows: dict[tuple[Any, ...], dict[str, Cell]] = {}
    for cell in all_cells:
        row_key = [cell.setting[path] for path in index[:-1]]
        weight_value = cell.setting[weight]
        row = rows.setdefault((*row_key, first if weight_value is None else weight_value), {})
        row[_block(cell, all_cells)] = cell
    body, matched, several = [], 0, False
    sampled = _sampled(all_cells, blocks, results)
    for key, row in sorted(rows.items()):
        line = [key[0], *(f"{value:g}" for value in key[1:])]
        for block in blocks:
            ours: list[Mapping[str, Any]] = like(row[block], results) if block in row else []
            values = _values(row[block], ours) if block in row else []
            matched += bool(values)
            several |= len({_setting(result) for result in ours}) > 1
            line += [f"{row[block].value:g}", _average(values)] if block in row else ["", ""]
            if block in sampled:
                sample_values = _values(row[block], ours, "sample") if block in row else []
                line.append(_average(sample_values) if block in row else "")
        body.append(line)
    notes = [NOTES[name], *([THIRD] if name in ("6.3", "6.4", "6.5") else [])]
    if several:
        notes.append("Some cells average several settings of this run, which the table unites.")
    notes.append(f"Ours: the protocol thesis, mean ± standard deviation; {matched} cells filled.")
    if sampled:
        notes.append("Ours are of the posterior's mean; sampled: of a sample of it.")
    heading = ["data set", "labelled %", "latent_dim", weight.rpartition(".")[2]]
    for block in blocks:
        columns = ["published", "ours", *["sampled"] * (block in sampled)]
        heading += [f"{block}, {column}" for column in columns]
    return Table(f"Table {name}: {TITLES[name]}", heading, body, 4, notes)


def like(cell: Cell, results: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The results that count, are of the test set, and have all that a cell's setting says."""
    return [
        result
        for result in results
        if result["status"] == "ok"
        and result["config"].get("eval.split", "test") == "test"
        and (cell.classifier != "knn" or result["config"].get("eval.neighbours", 5) == 5)
        and all(
            _agrees(path, expected, result["config"]) for path, expected in cell.setting.items()
        )
    ]


def touched(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the tables that some results belong to.

    They are those of which at least half of the cells are filled.
    """
    return [
        name
        for name in NAMES
        if 2 * sum(bool(like(cell, results)) for cell in cells(name)) >= len(cells(name))
    ]


def _agrees(path: str, expected: Any, config: Mapping[str, Any]) -> bool:
    if path == "data.labelled_percent":
        labels_by_path = {p: config.get(p) for p in LABELS if config.get(p) is not None}
        return labels_by_path == {path: expected} or (expected == 100 and not labels_by_path)
    if expected is None:
        return True
    value = config.get(path)
    return abs(value - expected) < 1e-6 if isinstance(value, float) else bool(value == expected)


def _sampled(
    all_cells: Sequence[Cell], blocks: Sequence[str], results: Sequence[Mapping[str, Any]]
) -> set[str]:
    """Columns of which samples were scored too."""
    return {
        block
        for block in blocks
        for cell in all_cells
        if _block(cell, all_cells) == block and _values(cell, like(cell, results), "sample")
    }


def _values(
    cell: Cell, results: Sequence[Mapping[str, Any]], embedding: str = "mean"
) -> list[float]:
    kind = {"protocol": "thesis", "classifier": cell.classifier, "metric": cell.metric}
    kind["embedding"] = embedding
    return [
        score["value"]
        for result in results
        for score in result["scores"]
        if kind.items() <= score.items()
    ]


def _setting(result: Mapping[str, Any]) -> str:
    return str([(p, v) for p, v in sorted(result["config"].items()) if p not in REPEATS])


def _average(values: Sequence[float]) -> str:
    if not values:
        return "–"
    text = f"{statistics.mean(values):.4f}"
    return f"{text} ± {statistics.stdev(values):.4f}" if len(values) > 1 else text


def _block(cell: Cell, among: Sequence[Cell]) -> str:
    """What a column is of: the system, what tells it from others in its table, and the metric."""
    words = [_WORDS[cell.setting["system"]]]
    for path in ("loss.name", "prior.name"):
        values = {c.setting[path] for c in among if c.setting["system"] == cell.setting["system"]}
        words += [cell.setting[path]] if len(values) > 1 else []
    words += [_WORDS.get(word, word) for word in (cell.classifier, cell.metric)]
    return " ".join(words)


def _number(text: str) -> float | None:
    return float(text) if text else None
