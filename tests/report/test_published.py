import csv
from pathlib import Path

import pytest

from jaxdml.report.tables import published

SHIPPED = Path(published.__file__).parent / "published"
COLLECTED = Path(__file__).parents[3] / "shared" / "reference"


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def result(value, point="a", **config):
    score = {"protocol": "thesis", "classifier": "knn", "embedding": "mean", "metric": "accuracy"}
    return {"point": point, "status": "ok", "config": config, "scores": [score | {"value": value}]}


@pytest.mark.parametrize("name", published.NAMES)
def test_every_published_value_is_in_its_table_at_its_place(name):
    table = published.table(name, [])
    shown = [dict(zip(table.heading, row, strict=True)) for row in table.body]
    count = 0
    for row in rows(SHIPPED / f"table_{name.replace('.', '_')}.csv"):
        weight = "gamma" if name == "6.6" else "alpha"
        key_cells = {
            "data set": row["dataset"],
            "labelled %": row["labelled_percent"],
            "latent_dim": row["latent_dim"],
        }
        matching_rows = [r for r in shown if key_cells.items() <= r.items()]
        matching_rows = [
            r for r in matching_rows if not row[weight] or float(r[weight]) == float(row[weight])
        ]
        system = {"dml": "DML ", "dml_ae": "DML-AE", "dml_prior": "DML-prior", "mvae": "MVAE"}
        names = {"knn": "kNN", "rf": "forest", "linear": "linear", "ami": "AMI"}
        for column, value in row.items():
            if not column.endswith(("_accuracy", "_ami")):
                continue
            classifier, metric = column.split("_")
            tail = f"{names[classifier]} {names.get(metric, metric)}, published"
            prior = {"mixture": "hypercube"}.get(row["prior"], row["prior"])
            word = prior if row["system"] == "dml_prior" else row["loss"] if name == "6.5" else ""
            heads = [h for h in table.heading if h.startswith(system[row["system"]])]
            [head] = [h for h in heads if h.endswith(tail) and word in h]
            assert float(matching_rows[0][head]) == float(value)
            count += 1
    cells = [cell for r in shown for head, cell in r.items() if head.endswith("published")]
    assert sum(bool(cell) for cell in cells) == count == len(published.cells(name))


@pytest.mark.skipif(not COLLECTED.is_dir(), reason="the collection of published values is not here")
@pytest.mark.parametrize("name", published.NAMES)
def test_the_values_that_ship_are_the_collected_ones(name):
    file = f"table_{name.replace('.', '_')}.csv"
    assert rows(SHIPPED / file) == rows(COLLECTED / file)


def test_points_stand_beside_the_cell_that_they_are_like():
    config = {
        "data.name": "mnist", "system": "dml_ae", "loss.name": "triplet", "model.latent_dim": 10,
        "routine.name": "alternate", "routine.alpha": 0.25, "data.labelled_percent": 0.1,
    }  # fmt: skip
    results = [
        result(0.75, **config, seed=0),
        result(0.25, **config, seed=1),
        result(0.0, **config | {"routine.alpha": 0.3}),
        result(0.0, **config | {"routine.name": "joint"}),
        result(0.0, **config | {"data.labelled_percent": None, "data.labelled_count": 60}),
        result(0.0, **config, seed=2) | {"status": "diverged"},
        result(0.0, **config | {"eval.split": "validation"}),
        result(0.0, **config | {"eval.neighbours": 1}),
    ]
    table = published.table("6.1", results)
    ours = [cell for row in table.body for cell in row[4:] if "±" in cell]
    assert ours == ["0.5000 ± 0.3536"]
    [row] = [row for row in table.body if "0.5000 ± 0.3536" in row]
    assert row[:4] == ["mnist", "0.1", "10", "0.25"]
    assert row[row.index("0.5000 ± 0.3536") - 1] == "0.8718"
    assert published.touched(results) == []  # one cell is no table
    assert table.notes[-1].endswith("1 cells filled.")


@pytest.mark.parametrize(("filled", "shown"), [(0.4, []), (0.6, ["6.1"])])
def test_a_table_is_shown_only_where_most_of_its_cells_are_filled(filled, shown):
    all_cells = published.cells("6.1")
    filled_cells = all_cells[: round(filled * len(all_cells))]
    results = [
        result(0.5, **{p: v for p, v in c.setting.items() if v is not None}) for c in filled_cells
    ]
    assert published.touched(results) == shown


def test_all_labels_may_be_said_in_two_ways():
    config = {"data.name": "mnist", "system": "mvae", "prior.name": "vamp", "model.latent_dim": 2,
              "routine.name": "joint_gamma", "routine.gamma": 2.0}  # fmt: skip
    for percent in (None, 100.0):
        [matching_result] = published.like(
            next(c for c in published.cells("6.6") if c.setting["routine.gamma"] == 2),
            [result(0.5, **config, **{"data.labelled_percent": percent})],
        )
        assert matching_result


def test_scores_of_samples_have_a_column_where_there_are_any():
    config = {
        "data.name": "mnist", "system": "dml_prior", "loss.name": "triplet", "prior.name": "unit",
        "model.latent_dim": 2, "routine.name": "alternate", "routine.alpha": 0.33,
        "data.labelled_percent": 0.1,
    }  # fmt: skip
    sampled_result = result(0.75, **config)
    sampled_result["scores"].append(
        sampled_result["scores"][0] | {"embedding": "sample", "value": 0.125}
    )
    table = published.table("6.3", [sampled_result])
    assert [h for h in table.heading if h.endswith("sampled")] == [
        "DML-prior unit kNN accuracy, sampled"
    ]
    shown = [dict(zip(table.heading, row, strict=True)) for row in table.body]
    [row] = [r for r in shown if r["DML-prior unit kNN accuracy, ours"] == "0.7500"]
    assert row["DML-prior unit kNN accuracy, sampled"] == "0.1250"
    assert (row["labelled %"], row["alpha"]) == ("0.1", "0.33")
